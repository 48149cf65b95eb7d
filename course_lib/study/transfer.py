"""Progress as a file a learner can carry away: JSON or CSV, read and written.

What is loaded was edited by somebody or broken on the way, so every row is looked at before it reaches the store.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from course_lib.errors import ProgressError
from course_lib.study.event import COLUMNS, Event

FORMAT = "velvet-rope-course progress 1"


def write(path: Path, events: Sequence[Event]) -> None:
    """Write `events` to `path`; its ending decides between JSON and CSV."""
    rows = [_row(event) for event in events]
    try:
        if _ending(path) == ".json":
            text = json.dumps({"format": FORMAT, "events": rows}, indent=1)
            path.write_text(text + "\n", encoding="utf-8")
            return
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise ProgressError(f"{path} cannot be written ({error}); choose another folder") from error


def read(path: Path) -> list[Event]:
    """Return the events of an exported file; raise `ProgressError` with one sentence when it is not one."""
    try:
        rows = _rows(path, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProgressError(f"{path} cannot be read ({error}); is the name right?") from error
    except (ValueError, KeyError, TypeError, csv.Error, RecursionError):
        raise ProgressError(f"{path} is no progress file; expected one written by progress().export(...)") from None
    return [_event(path, number, row) for number, row in enumerate(rows, start=1)]


def _rows(path: Path, text: str) -> Iterable[dict[str, Any]]:  # Any: whatever the file says
    if _ending(path) == ".csv":
        reader = csv.DictReader(io.StringIO(text, newline=""))
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError("other columns")
        return list(reader)
    rows = json.loads(text)["events"]
    return [dict(row) for row in rows]


def _row(event: Event) -> dict[str, str]:
    result_json = json.dumps(event.result)
    values = (event.id, event.at_utc, event.actor, event.verb, event.object, result_json, event.course_version)
    return dict(zip(COLUMNS, values, strict=True))


def _event(path: Path, number: int, row: dict[str, Any]) -> Event:  # Any: whatever the file says
    values = [row.get(name) for name in COLUMNS]
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(COLUMNS) or not (row["id"] and row["verb"]):
        raise ProgressError(f"event {number} of {path} is not whole; nothing was loaded, export the file again")
    identity, at_utc, actor, verb, obj, result_json, course_version = texts
    try:
        result = json.loads(result_json)
    except (ValueError, RecursionError):
        result = None
    if not isinstance(result, dict):
        raise ProgressError(f"event {number} of {path} has no readable result; nothing was loaded, export it again")
    return Event(verb, obj, result, id=identity, at_utc=at_utc, actor=actor, course_version=course_version)


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in (".json", ".csv"):
        raise ProgressError(f"expected a file name that ends in .json or .csv, got {path.name}")
    return ending
