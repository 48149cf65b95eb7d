"""The numbers of system calls are the kernel's own, and a machine we do not know is said."""

from __future__ import annotations

import errno
import os
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_lib.grading.sandbox import syscalls
from course_lib.grading.sandbox.layer import MissingLayer

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.fixture
def another(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let the test change what machine this is."""
    syscalls.ready.cache_clear()
    yield monkeypatch
    syscalls.ready.cache_clear()


@pytest.mark.parametrize("machine", HEADERS)
def test_numbers_are_those_of_the_headers(machine: str) -> None:
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip(f"{header} is not on this machine; it is in Debian's linux-libc-dev")
    found = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text()))
    ours = syscalls.numbers(machine)
    assert {name: number for name, number in ours.items() if name in found and int(found[name]) != number} == {}
    assert set(ours) - set(found) <= {"fchmodat2"}  # of Linux 6.6, newer than some headers


def test_machines_differ_only_where_their_tables_do() -> None:
    shared = {name for name, row in syscalls.TABLE.items() if row[0] is not None and row[0] >= 424}
    assert {syscalls.TABLE[name][0] == syscalls.TABLE[name][1] for name in shared} == {True}


def test_call_returns_what_the_kernel_does() -> None:
    slack = int(Path("/proc/self/timerslack_ns").read_text())
    assert syscalls.call("prctl", 30, 0, 0, 0, 0) == slack > 0  # PR_GET_TIMERSLACK


def test_call_that_fails_is_an_error_with_its_number() -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is asserted below
        syscalls.call("kill", os.getpid(), 999)
    assert (caught.value.errno, caught.value.strerror) == (errno.EINVAL, "Invalid argument")


def test_another_system_is_said(another: pytest.MonkeyPatch) -> None:
    another.setattr(sys, "platform", "darwin")
    with pytest.raises(MissingLayer, match=r"^it needs Linux, this is darwin$"):
        syscalls.call("prctl", 3, 0, 0, 0, 0)


def test_another_machine_is_said(another: pytest.MonkeyPatch) -> None:
    another.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(MissingLayer, match=r"^the numbers of its system calls are not known for riscv64$"):
        syscalls.call("prctl", 3, 0, 0, 0, 0)
