"""`course submit`: the answers and nothing else, whole or not at all, and judged like the sheet they come from."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import small_course
from small_course import RIGHT, STEM, Traces, full_disk, verdicts

from course_lib.cli import main


@pytest.fixture
def mine(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the learner's sheet, right and run on a machine that left its marks; the test runs beside it."""
    sheet = small_course.right()
    for cell in sheet["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["/home/ada/course\n"]}]
            cell["metadata"]["execution"] = {"iopub.execute_input": "2026-01-01T10:00:00Z"}
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    return small_course.write(small / "work" / "exercises" / f"{STEM}.ipynb", sheet)


def test_folder_holds_the_answers_and_nothing_else(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit"]) == 0
    assert [path.name for path in Path("submission").iterdir()] == [f"{STEM}.ipynb"]
    text = (Path("submission") / f"{STEM}.ipynb").read_text()
    cells = json.loads(text)["cells"]
    assert ["".join(cell["source"]) for cell in cells] == [*RIGHT.values()]
    assert {(cell["execution_count"], str(cell["outputs"]), str(cell["metadata"])) for cell in cells} == {
        (None, "[]", "{}")
    }
    assert "/home/" not in text
    assert "2026" not in text
    assert capsys.readouterr().out == f"wrote submission with {STEM}.ipynb\n"


@pytest.mark.parametrize(("to", "name"), [("hand", "hand.zip"), ("hand.in", "hand.in.zip"), ("hand.zip", "hand.zip")])
def test_zip_is_the_same_every_time(to: str, name: str, mine: Path, tmp_path: Path) -> None:
    assert main(["submit", "0", "--zip", "--to", to]) == 0
    assert main(["submit", "0", "--zip", "--to", f"again/../{tmp_path.name}-2"]) == 2
    first = Path(name).read_bytes()
    Path(name).unlink()
    assert main(["submit", str(mine), "--zip", "--to", to]) == 0
    assert Path(name).read_bytes() == first
    with zipfile.ZipFile(name) as archive:
        assert archive.namelist() == [f"{STEM}.ipynb"]
        assert archive.infolist()[0].compress_type == zipfile.ZIP_DEFLATED


def test_submission_is_judged_like_its_sheet(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["submit"])
    capsys.readouterr()
    assert main(["check", "--json", f"submission/{STEM}.ipynb"]) == 0
    assert set(verdicts(capsys.readouterr().out).values()) == {"pass"}


def test_what_is_there_is_not_overwritten(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit"]) == 0
    before = (Path("submission") / f"{STEM}.ipynb").stat()
    assert main(["submit"]) == 2
    assert (Path("submission") / f"{STEM}.ipynb").stat() == before
    assert capsys.readouterr().err == (
        "course submit: submission exists already; name another with --to, or move it away first\n"
    )


def test_file_in_place_of_the_folder_is_refused(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("submission").write_text("mine")
    assert main(["submit"]) == 2
    assert Path("submission").read_text() == "mine"
    assert capsys.readouterr().err.startswith("course submit: submission exists already; ")


def test_missing_answer_is_left_out(mine: Path) -> None:
    sheet = json.loads(mine.read_text())
    sheet["cells"] = [cell for cell in sheet["cells"] if cell["id"] != "answer-small-double"]
    mine.write_text(json.dumps(sheet))
    assert main(["submit"]) == 0
    cells = json.loads((Path("submission") / f"{STEM}.ipynb").read_text())["cells"]
    assert [cell["id"] for cell in cells] == ["answer-small-later"]


def test_broken_sheet_writes_nothing(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine.write_text("{")
    assert main(["submit"]) == 2
    assert not Path("submission").exists()
    assert capsys.readouterr().err.startswith(f"course submit: {STEM}.ipynb is not a notebook (no JSON inside); ")


@pytest.mark.parametrize("form", [[], ["--zip"]])
def test_full_disk_leaves_no_half_of_a_file(form: list[str], mine: Path, traces: Traces) -> None:
    done = full_disk(traces, "submit", *form, room=20)
    name = "submission.zip" if form else f"submission/{STEM}.ipynb"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"course submit: File too large: {name}; check the disk and your permissions\n"
    assert [path for path in Path().rglob("*") if path.is_file()] == []
