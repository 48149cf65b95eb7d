"""System calls by name: their numbers on the two machines we know, and a way to make one that Python lacks.

The numbers are those of the kernel's headers, asm/unistd_64.h (x86-64) and asm-generic/unistd.h (aarch64); None where
a machine has no such call. From 424 on both have the same.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import sys
from typing import Any  # Any: the arguments of a system call are numbers, bytes and C structures

from course_lib.grading.sandbox.layer import MissingLayer

MACHINES = {"x86_64": 0, "aarch64": 1}  # as `uname -m` says it -> column of the table
NEWEST = 462  # mseal, of Linux 6.10; a newer call may do anything, and no libc depends on one
TABLE: dict[str, tuple[int | None, int | None]] = {
    # processes
    "clone": (56, 220),
    "clone3": (435, 435),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    # what reaches other processes
    "ioprio_set": (251, 30),
    "kcmp": (312, 272),
    "kill": (62, 129),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "prlimit64": (302, 261),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "setpriority": (141, 140),
    "tgkill": (234, 131),
    "tkill": (200, 130),
    # namespaces and mounts
    "chroot": (161, 51),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "pivot_root": (155, 41),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "setns": (308, 268),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "umount2": (166, 39),
    "unshare": (272, 97),
    # the kernel itself, and the machine
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "modify_ldt": (154, None),
    "open_by_handle_at": (304, 265),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "settimeofday": (164, 170),
    "syslog": (103, 116),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
    # memory that no limit counts, or that stays behind
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "semget": (64, 190),
    "shmget": (29, 194),
    # who owns a file and who may read it: no Landlock rule speaks of it
    "chmod": (90, None),
    "chown": (92, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "fremovexattr": (199, 16),
    "fsetxattr": (190, 7),
    "futimesat": (261, None),
    "lchown": (94, None),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "setxattr": (188, 5),
    "utime": (132, None),
    "utimensat": (280, 88),
    "utimes": (235, None),
    # allowed, but not with every argument
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "prctl": (157, 167),
    "socket": (41, 198),
    "socketpair": (53, 199),
    # what the sandbox itself is made of
    "capset": (126, 91),
    "landlock_add_rule": (445, 445),
    "landlock_create_ruleset": (444, 444),
    "landlock_restrict_self": (446, 446),
}


def numbers(machine: str) -> dict[str, int]:
    """Return the calls that `machine` has."""
    column = MACHINES[machine]
    return {name: number for name, row in TABLE.items() if (number := row[column]) is not None}


def call(name: str, *arguments: Any) -> int:
    """Make a system call; raises `OSError`, or `MissingLayer` on a system or machine whose numbers we do not know."""
    known, syscall = ready()
    result: int = syscall(ctypes.c_long(known[name]), *map(_word, arguments))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


@functools.cache
def ready() -> tuple[dict[str, int], Any]:
    """Return this machine's numbers and libc's `syscall`; asked for before a fork, no child has to look them up."""
    return numbers(known_machine()), ctypes.CDLL(None, use_errno=True).syscall


def known_machine() -> str:
    """Return this machine's name; raises `MissingLayer` where it is none of ours."""
    if sys.platform != "linux":
        raise MissingLayer(f"it needs Linux, this is {sys.platform}")
    machine = platform.machine()
    if machine not in MACHINES or sys.maxsize < 1 << 32:  # a 32-bit Python has other numbers
        raise MissingLayer(f"the numbers of its system calls are not known for {machine}")
    return machine


def _word(argument: Any) -> Any:
    """Return an argument as wide as a register: ctypes would pass a number as an int of 32 bits."""
    if isinstance(argument, int):
        return ctypes.c_ulong(argument & (1 << 64) - 1)
    if isinstance(argument, ctypes.Structure):
        return ctypes.byref(argument)
    return argument if isinstance(argument, bytes) else ctypes.c_void_p(argument)
