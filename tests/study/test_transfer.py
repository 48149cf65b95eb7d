"""An exported file comes back whole; a file that is not one is refused before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from course_lib.errors import ProgressError
from course_lib.study import transfer
from course_lib.study.event import COLUMNS, Event

EVENT = Event("passed", "knee", {"points": 2}, id="a" * 32, at_utc="2024-01-01", actor="b" * 32, course_version="0.1")
ROW = transfer._row(EVENT)


@pytest.mark.parametrize("name", ["mine.json", "mine.csv", "MINE.JSON"])
def test_events_come_back_as_they_were(name: str, tmp_path: Path) -> None:
    events = [EVENT, Event("checked", "knee", {"message": 'line\n\u2028, "quote" \ud800'}, id="c" * 32)]
    transfer.write(tmp_path / name, events)
    assert transfer.read(tmp_path / name) == events


def test_csv_begins_with_the_columns_of_the_store(tmp_path: Path) -> None:
    transfer.write(tmp_path / "mine.csv", [])
    assert (tmp_path / "mine.csv").read_text().splitlines() == [",".join(COLUMNS)]


@pytest.mark.parametrize("name", ["mine.xlsx", "mine"])
def test_another_ending_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ProgressError) as caught:
        transfer.write(tmp_path / name, [EVENT])
    assert str(caught.value) == f"expected a file name that ends in .json or .csv, got {name}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mine.json", "no json"),
        ("mine.json", "[]"),
        ("mine.json", '{"events": 3}'),
        ("mine.json", '{"events": ["row"]}'),
        ("mine.csv", "a,b,c\n1,2,3\n"),
        ("mine.csv", ""),
    ],
)
def test_a_file_of_another_kind_is_refused(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ProgressError, match="is no progress file; expected one written by progress"):
        transfer.read(tmp_path / name)


@pytest.mark.parametrize("missing", [{"id": ""}, {"verb": None}, {"at_utc": 3}])
def test_a_broken_event_is_named_by_its_number(missing: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"events": [ROW, {**ROW, **missing}]}))
    with pytest.raises(ProgressError) as caught:
        transfer.read(path)
    assert str(caught.value) == f"event 2 of {path} is not whole; nothing was loaded, export the file again"


@pytest.mark.parametrize("result", ["{broken", "[1]"])
def test_a_result_that_is_no_object_is_refused(result: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"events": [{**ROW, "result_json": result}]}))
    with pytest.raises(ProgressError, match=r"event 1 of .* has no readable result"):
        transfer.read(path)


def test_a_missing_file_and_a_missing_folder_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(ProgressError, match="cannot be read"):
        transfer.read(tmp_path / "mine.json")
    with pytest.raises(ProgressError, match="cannot be written"):
        transfer.write(tmp_path / "nowhere" / "mine.csv", [EVENT])
