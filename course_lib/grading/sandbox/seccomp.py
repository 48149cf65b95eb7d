"""The filter of system calls: a small program that the kernel runs before each one (seccomp, classic BPF).

It refuses by name and allows the rest: an answer gets an error it can print, and a new Python or libc goes on working.
The numbers are those of linux/seccomp.h, linux/bpf_common.h, linux/audit.h and of each call's own header.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable
from typing import NamedTuple

from course_lib.grading.sandbox.syscalls import NEWEST, call, known_machine, numbers

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
REFUSE, UNKNOWN = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16  # offsets in `seccomp_data`; both machines are little-endian
LOAD, EQUAL, GREATER, HAS_BIT, AND, RETURN = 0x20, 0x15, 0x25, 0x45, 0x54, 0x06

CLONE_THREAD = 0x00010000
AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
SOCK_STREAM, SOCK_TYPE_MASK = 1, 0xF
# signals to other processes, sent by a file that becomes ready (F_SETOWN and kin); leases, which hold up other writers
FCNTL_REFUSED = (8, 10, 15, 1024)
IOCTL_REFUSED = (0x5412, 0x541C, 0x8901, 0x8902)  # typing on a terminal (TIOCSTI, TIOCLINUX); as F_SETOWN
PRCTL_REFUSED = (1, 35, 0x59616D61)  # outliving the parent (PDEATHSIG), another memory map, another tracer
FILTERED = ("clone", "fcntl", "ioctl", "kill", "prctl", "prlimit64", "socket", "socketpair", "tgkill", "tkill")
NEEDED = ("landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "capset")  # they only take away
OF_FILES = (
    *("chmod", "chown", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat", "fremovexattr", "fsetxattr"),
    *("futimesat", "lchown", "lremovexattr", "lsetxattr", "removexattr", "setxattr", "utime", "utimensat", "utimes"),
)


class Step(NamedTuple):
    """`sock_filter`: an instruction, how far to jump when it holds and when not, and its number."""

    code: int
    if_true: int
    if_false: int
    number: int


Program = tuple[Step, ...]


class Instruction(ctypes.Structure):
    """A step as the kernel reads it."""

    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("number", ctypes.c_uint32))


class Instructions(ctypes.Structure):
    """`sock_fprog`."""

    _fields_ = (("count", ctypes.c_uint16), ("first", ctypes.POINTER(Instruction)))


def enter_seccomp(*, sockets: bool, files_are_safe: bool, loopback: bool = False) -> str:
    """Put the filter on this thread, which must be the only one."""
    steps = program(known_machine(), os.getpid(), sockets=sockets, files_are_safe=files_are_safe, loopback=loopback)
    first = (Instruction * len(steps))(*(Instruction(*step) for step in steps))
    call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, Instructions(len(steps), first), 0, 0)
    if loopback:
        return "sockets, but no programs"
    return "path sockets, but no programs" if sockets else "no sockets, no programs, no other processes"


def program(machine: str, own: int, *, sockets: bool, files_are_safe: bool, loopback: bool = False) -> Program:
    """Return the filter for the process `own`; `files_are_safe` where everything outside is mounted read-only."""
    families = (*((AF_UNIX,) if sockets else ()), *((AF_INET, AF_INET6) if loopback else ()))
    known = numbers(machine)
    kept = {*FILTERED, *NEEDED, "clone3", *(OF_FILES if files_are_safe else ())}
    steps = [
        Step(LOAD, 0, 0, ARCHITECTURE_AT),
        Step(EQUAL, 1, 0, ARCHITECTURES[machine]),
        Step(RETURN, 0, 0, UNKNOWN),  # a 32-bit call, whose numbers mean something else
        Step(LOAD, 0, 0, NUMBER_AT),
        Step(GREATER, 0, 1, NEWEST),  # the x32 ABI as well: its numbers have a high bit
        Step(RETURN, 0, 0, UNKNOWN),
        *_answer([known["clone3"]], UNKNOWN),  # libc then uses clone, whose flags can be read here
        *_answer([number for name, number in known.items() if name not in kept], REFUSE),
    ]
    for name in FILTERED:
        body = _body(name, own, families)
        steps += [Step(EQUAL, 0, len(body), known[name]), *body]
    return (*steps, Step(RETURN, 0, 0, ALLOW))


def _body(name: str, own: int, families: tuple[int, ...]) -> list[Step]:
    """Return the steps that decide on a call by its arguments."""
    match name:
        case "clone":  # a thread, or a process
            return [_load(0), Step(HAS_BIT, 0, 1, CLONE_THREAD), *_end(ALLOW, REFUSE)]
        case "fcntl":
            return [_load(1), *_answer(FCNTL_REFUSED, REFUSE), *_end(ALLOW)]
        case "ioctl":
            return [_load(1), *_answer(IOCTL_REFUSED, REFUSE), *_end(ALLOW)]
        case "prctl":
            return [_load(0), *_answer(PRCTL_REFUSED, REFUSE), *_end(ALLOW)]
        case "prlimit64":  # 0 is the caller; another process of the same user could be ruined with it
            return [_load(0), *_answer((0, own), ALLOW), *_end(REFUSE)]
        case "socket":
            return [_load(0), *_answer(families, ALLOW), *_end(REFUSE)]
        case "socketpair":  # an event loop needs a pair; one of datagrams could be connected anew, to any path
            kind = (
                []
                if AF_UNIX in families
                else [_load(1), Step(AND, 0, 0, SOCK_TYPE_MASK), Step(EQUAL, 1, 0, SOCK_STREAM)]
            )
            refuse = [] if AF_UNIX in families else _end(REFUSE)
            return [_load(0), Step(EQUAL, 1, 0, AF_UNIX), *_end(REFUSE), *kind, *refuse, *_end(ALLOW)]
        case _:  # kill, tgkill, tkill: a process may signal itself
            return [_load(0), *_answer((own,), ALLOW), *_end(REFUSE)]


def _load(argument: int) -> Step:
    """Load the lower half of an argument: the kernel reads no more of those we ask for."""
    return Step(LOAD, 0, 0, ARGUMENTS_AT + 8 * argument)


def _answer(numbers: Iterable[int], action: int) -> list[Step]:
    """Answer with `action` when what was loaded is one of `numbers`, else go on."""
    return [step for number in sorted(numbers) for step in (Step(EQUAL, 0, 1, number), *_end(action))]


def _end(*actions: int) -> list[Step]:
    return [Step(RETURN, 0, 0, action) for action in actions]
