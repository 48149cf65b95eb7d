"""Progress is a bar where somebody watches, and a few lines where nobody does."""

from __future__ import annotations

import contextlib
import os
import sys

import pytest

from course_lib.grading.progress import progress


def test_log_gets_ten_lines_whatever_the_size_of_the_class(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(1000) as tell:
        for done in range(1001):
            tell(done)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"judged {hundreds}00 of 1000" for hundreds in range(1, 10)] + ["judged 1000 of 1000"]


def test_terminal_gets_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    pty = pytest.importorskip("pty", reason="a terminal of one's own needs the module pty")
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    shown = b""
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress(3) as tell:
            tell(3)
    with contextlib.suppress(OSError):  # the end of a terminal is an error on Linux
        while piece := os.read(ours, 100_000):
            shown += piece
    os.close(ours)
    assert b"3/3" in shown
    assert shown.endswith(b"\x1b[2K")
