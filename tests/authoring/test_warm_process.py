"""The process behind the verdicts: its protocol, and what it does when the machine refuses."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any  # Any: a record is JSON

import pytest
import small_course
from small_course import RIGHT, Traces, wait_for

from course_lib.authoring import graft, warm_process
from course_lib.authoring.clock import Clock


def message(answer: str = RIGHT["small-double"]) -> str:
    """Return the line that asks for a verdict on small-double."""
    return json.dumps(asdict(graft.jobs(small_course.solution(), {"small-double": answer})[0])) + "\n"


def start(traces: Traces, **environment: str) -> subprocess.Popen[str]:
    """Start the process as `Warm` does, marked."""
    command = [sys.executable, "-m", "course_lib.authoring.warm_process"]
    return subprocess.Popen(
        command,
        env=traces.environment(**environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_it_answers_each_line_and_ends_with_its_input(small: Path, traces: Traces) -> None:
    with start(traces) as process:
        said, complained = process.communicate(message() + message("while True: pass"))
    records = [json.loads(line) for line in said.splitlines()]
    assert [record["stage"] for record in records] == ["verdict", "late"]
    assert (process.returncode, complained) == (0, "")
    assert traces.gone()


def test_terminated_in_the_middle_it_takes_the_answer_with_it(small: Path, traces: Traces, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    homes = tmp_path / "homes"
    homes.mkdir()
    with start(traces, TMPDIR=str(homes)) as process:
        assert process.stdin is not None
        process.stdin.write(message(f"open({str(begun)!r}, 'w').close()\nwhile True: pass"))
        process.stdin.flush()
        wait_for(begun)
        assert len(traces.running()) == 2
        process.send_signal(signal.SIGTERM)
        process.wait()
    assert traces.gone()
    assert [*homes.iterdir()] == []


def test_killed_in_the_middle_its_answer_dies_too(small: Path, traces: Traces, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with start(traces, TMPDIR=str(tmp_path)) as process:
        assert process.stdin is not None
        process.stdin.write(message(f"open({str(begun)!r}, 'w').close()\nwhile True: pass"))
        process.stdin.flush()
        wait_for(begun)
        process.kill()
        process.wait()
    assert traces.gone()


@pytest.mark.parametrize("refused", ["mkdtemp", "fork"])
def test_machine_that_refuses_is_said(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile if refused == "mkdtemp" else os, refused, refuse)
    record = warm_process._forked({"question": "x"}, None)
    assert record == {"stage": "machine", "message": "No space left on device"}


def gather(*chunks: bytes) -> dict[str, Any] | None:
    """Gather what was written to a pipe that is closed."""
    reading, writing = os.pipe()
    for chunk in chunks:
        os.write(writing, chunk)
    os.close(writing)
    try:
        return warm_process._gather(reading, Clock())
    finally:
        os.close(reading)


def test_records_may_come_in_pieces() -> None:
    last = gather(b'{"stage": "prepared", "seco', b'nds": 1}\n{"stage": "ver', b'dict", "shown": "pass"}\n')
    assert last == {"stage": "verdict", "message": "", "seconds": 1, "shown": "pass"}


def test_pipe_that_ends_without_a_last_word_gives_none() -> None:
    assert gather(b'{"stage": "prepared", "seconds": 1}\n{"stage": "ver') is None


def test_clock_that_ran_out_is_late() -> None:
    reading, writing = os.pipe()
    try:
        record = warm_process._gather(reading, Clock(first=0.0))
    finally:
        os.close(reading)
        os.close(writing)
    assert record == {"stage": "late", "message": "", "seconds": 0.0}
