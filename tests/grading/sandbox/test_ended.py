"""A signal is called by its name where it has one."""

from __future__ import annotations

import pytest

from course_lib.grading.sandbox.ended import signal_name


@pytest.mark.parametrize(("number", "name"), [(11, "SIGSEGV"), (9, "SIGKILL"), (40, "signal 40")])
def test_signals_have_names(number: int, name: str) -> None:
    assert signal_name(number) == name
