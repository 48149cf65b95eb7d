"""The filter decides the same on both machines; a small interpreter runs it here as the kernel would."""

from __future__ import annotations

import errno
import struct

import pytest

from course_lib.grading.sandbox import seccomp, syscalls
from course_lib.grading.sandbox.seccomp import ARCHITECTURES, Program, program

OWN, OTHER = 4321, 1
MACHINES = tuple(ARCHITECTURES)


def decide(steps: Program, machine: str, number: int, *arguments: int) -> int | None:
    """Run the filter on one call; return its errno, None when it is allowed."""
    return ruled(steps, ARCHITECTURES[machine], number, *arguments)


def ruled(steps: Program, architecture: int, number: int, *arguments: int) -> int | None:
    """Interpret the program: one accumulator, jumps forward only."""
    padded = (*arguments, *[0] * 6)[:6]
    record = struct.pack("<IIQ6Q", number, architecture, 0, *padded)
    loaded, at = 0, 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        match code:
            case seccomp.LOAD:
                (loaded,) = struct.unpack_from("<I", record, value)
            case seccomp.AND:
                loaded &= value
            case seccomp.RETURN:
                return None if value == seccomp.ALLOW else value - seccomp.ERRNO
            case _:
                holds = {
                    seccomp.EQUAL: loaded == value,
                    seccomp.GREATER: loaded > value,
                    seccomp.HAS_BIT: bool(loaded & value),
                }[code]
                at += if_true if holds else if_false


def asked(machine: str, name: str, *arguments: int, sockets: bool = False, files_are_safe: bool = False) -> int | None:
    """Return what the filter says to a call by its name."""
    steps = program(machine, OWN, sockets=sockets, files_are_safe=files_are_safe)
    return decide(steps, machine, syscalls.numbers(machine)[name], *arguments)


# call and arguments -> its errno
WITH_ARGUMENTS = [
    (("clone", 0x50F00 | 0x10000), None),  # a thread
    (("clone", 0x1200011), errno.EPERM),  # what fork asks for
    (("clone3",), errno.ENOSYS),
    (("kill", OWN), None),
    (("kill", OTHER), errno.EPERM),
    (("kill", 0), errno.EPERM),
    (("kill", (1 << 64) - 1), errno.EPERM),  # -1, everybody
    (("tgkill", OWN), None),
    (("tgkill", OTHER), errno.EPERM),
    (("prlimit64", 0), None),
    (("prlimit64", OWN), None),
    (("prlimit64", OTHER), errno.EPERM),
    (("socket", 1), errno.EPERM),
    (("socket", 2), errno.EPERM),
    (("socketpair", 1, 1 | 0o2004000), None),  # a stream, not blocking, closed on exec
    (("socketpair", 1, 2), errno.EPERM),
    (("socketpair", 2, 1), errno.EPERM),
    (("fcntl", 0, 1030), None),  # F_DUPFD_CLOEXEC
    (("fcntl", 0, 8), errno.EPERM),
    (("ioctl", 0, 0x5421), None),  # FIONBIO
    (("ioctl", 0, 0x5412), errno.EPERM),
    (("prctl", 15), None),  # PR_SET_NAME
    (("prctl", 1), errno.EPERM),
]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("call", "verdict"), WITH_ARGUMENTS)
def test_calls_are_judged_by_their_arguments(
    machine: str, call: tuple[str, *tuple[int, ...]], verdict: int | None
) -> None:
    name, *arguments = call
    assert asked(machine, name, *arguments) == verdict


@pytest.mark.parametrize("machine", MACHINES)
def test_every_other_call_of_the_table_is_refused(machine: str) -> None:
    spared = {*seccomp.FILTERED, *seccomp.NEEDED, "clone3"}
    verdicts = {asked(machine, name) for name in syscalls.numbers(machine) if name not in spared}
    assert verdicts == {errno.EPERM}


@pytest.mark.parametrize("machine", MACHINES)
def test_path_sockets_are_allowed_where_the_policy_says_so(machine: str) -> None:
    families = [asked(machine, "socket", family, sockets=True) for family in (1, 2, 10, 16, 40)]
    assert families == [None] + [errno.EPERM] * 4
    assert [asked(machine, "socketpair", family, 2, sockets=True) for family in (1, 2)] == [None, errno.EPERM]


@pytest.mark.parametrize("machine", MACHINES)
def test_network_sockets_are_allowed_on_a_loopback_of_its_own(machine: str) -> None:
    steps = program(machine, OWN, sockets=False, files_are_safe=True, loopback=True)
    number = syscalls.numbers(machine)["socket"]
    families = [decide(steps, machine, number, family) for family in (1, 2, 10, 16, 40)]
    assert families == [errno.EPERM, None, None, errno.EPERM, errno.EPERM]


@pytest.mark.parametrize("machine", MACHINES)
def test_modes_and_owners_may_change_where_all_else_is_read_only(machine: str) -> None:
    known = [name for name in seccomp.OF_FILES if name in syscalls.numbers(machine)]
    assert {asked(machine, name, files_are_safe=True) for name in known} == {None}
    assert {asked(machine, name) for name in known} == {errno.EPERM}


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_another_machine_and_of_the_future_are_unknown(machine: str) -> None:
    steps = program(machine, OWN, sockets=False, files_are_safe=True)
    i386, arm = 0x40000003, 0x40000028
    assert [ruled(steps, other, 20) for other in (i386, arm)] == [errno.ENOSYS] * 2
    assert decide(steps, machine, syscalls.NEWEST + 1) == errno.ENOSYS
    assert decide(steps, machine, 0x40000000 + 39) == errno.ENOSYS  # x32
    assert decide(steps, machine, syscalls.NEWEST) is None


@pytest.mark.parametrize("machine", MACHINES)
def test_usual_calls_are_allowed(machine: str) -> None:
    usual = {"x86_64": (0, 1, 257, 9, 202, 39), "aarch64": (63, 64, 56, 222, 98, 172)}  # read, write, openat, mmap ...
    steps = program(machine, OWN, sockets=False, files_are_safe=False)
    assert {decide(steps, machine, number) for number in usual[machine]} == {None}


def test_filter_is_as_short_as_the_kernel_wants_it() -> None:
    assert max(len(program(machine, OWN, sockets=True, files_are_safe=False)) for machine in MACHINES) < 4096
