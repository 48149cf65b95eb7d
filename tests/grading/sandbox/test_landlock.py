"""Which rights an older or newer Landlock can refuse, and what is said where there is none."""

from __future__ import annotations

import errno

import pytest

from course_lib.grading.sandbox import landlock
from course_lib.grading.sandbox.layer import MissingLayer


@pytest.mark.parametrize(
    ("version", "files", "net", "scoped"),
    [
        (1, 0x1FFF, 0, 0),
        (2, 0x3FFF, 0, 0),
        (3, 0x7FFF, 0, 0),
        (4, 0x7FFF, 3, 0),
        (5, 0xFFFF, 3, 0),
        (6, 0xFFFF, 3, 3),
        (99, 0xFFFF, 3, 3),
    ],
)
def test_each_version_refuses_what_it_knows(version: int, files: int, net: int, scoped: int) -> None:
    found = landlock.handled(version)
    assert (found.files, found.net, found.scoped) == (files, net, scoped)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSYS, "this kernel has no Landlock, Linux 5.13 was the first"),
        (errno.EOPNOTSUPP, "this kernel was started without Landlock"),
    ],
)
def test_kernel_without_landlock_is_said(code: int, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, "refused")

    monkeypatch.setattr(landlock, "call", refuse)
    with pytest.raises(MissingLayer) as caught:
        landlock.abi()
    assert str(caught.value) == message


def test_another_refusal_is_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EPERM, "refused")

    monkeypatch.setattr(landlock, "call", refuse)
    with pytest.raises(PermissionError):
        landlock.abi()


def test_scratch_folder_allows_no_programs_devices_or_sockets() -> None:
    forbidden = landlock.EXECUTE | landlock.MAKE_CHAR | landlock.MAKE_BLOCK | landlock.MAKE_SOCK | landlock.IOCTL_DEV
    assert landlock.SCRATCH & forbidden == 0
