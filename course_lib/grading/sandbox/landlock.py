"""Landlock: what the kernel lets a process do with files, whoever it runs as. Rights can only be given up.

The numbers are those of linux/landlock.h; which version (ABI) of the kernel's Landlock brought what stands beside them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from course_lib.grading.sandbox.layer import MissingLayer
from course_lib.grading.sandbox.syscalls import call
from course_lib.grading.sandbox.view import DEVICES, View

CREATE_RULESET_VERSION = 1
RULE_PATH_BENEATH = 1

EXECUTE = 1 << 0  # only execve: libraries are loaded with READ_FILE
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
REMOVE_DIR = 1 << 4
REMOVE_FILE = 1 << 5
MAKE_CHAR = 1 << 6
MAKE_DIR = 1 << 7
MAKE_REG = 1 << 8
MAKE_SOCK = 1 << 9
MAKE_FIFO = 1 << 10
MAKE_BLOCK = 1 << 11
MAKE_SYM = 1 << 12
REFER = 1 << 13  # ABI 2: link or rename between folders
TRUNCATE = 1 << 14  # ABI 3
IOCTL_DEV = 1 << 15  # ABI 5
NET_TCP = 1 << 0 | 1 << 1  # ABI 4: bind and connect
SCOPE = 1 << 0 | 1 << 1  # ABI 6: abstract sockets and signals, to processes that are not in this domain

READ = READ_FILE | READ_DIR
DEVICE = READ_FILE | WRITE_FILE | TRUNCATE
SCRATCH = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM | REFER | TRUNCATE
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # a rule on a file may name no other right


class Ruleset(ctypes.Structure):
    """`landlock_ruleset_attr`: what is refused unless a rule allows it."""

    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class PathBeneath(ctypes.Structure):
    """`landlock_path_beneath_attr`, which has no gap between its fields."""

    _pack_ = 1
    _layout_ = "ms"  # the packed layout by its name, which Python 3.14 and later ask for
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """Return the version of this kernel's Landlock; raises `MissingLayer` where there is none."""
    try:
        return call("landlock_create_ruleset", None, 0, CREATE_RULESET_VERSION)
    except OSError as error:
        if error.errno == errno.ENOSYS:
            raise MissingLayer("this kernel has no Landlock, Linux 5.13 was the first") from error
        if error.errno == errno.EOPNOTSUPP:
            raise MissingLayer("this kernel was started without Landlock") from error
        raise


def handled(version: int) -> Ruleset:
    """Return everything that a version can refuse."""
    files = (MAKE_SYM << 1) - 1
    for first, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEV)):
        files |= right if version >= first else 0
    return Ruleset(files, NET_TCP if version >= 4 else 0, SCOPE if version >= 6 else 0)


def enter_landlock(view: View, scratch: Path, *, loopback: bool = False) -> str:
    """Allow this process to read `view`, to write in `scratch` and on a few devices, and nothing else."""
    version = abi()
    refused = handled(version)
    if loopback:  # the network namespace is the wall then
        refused.net = 0
    size = ctypes.sizeof(refused) if version >= 6 else 16 if version >= 4 else 8  # bytes that this version knows
    ruleset = call("landlock_create_ruleset", refused, size, 0)
    try:
        _allow(ruleset, refused, view.shown, READ)
        _allow(ruleset, refused, view.listed, READ_DIR)
        _allow(ruleset, refused, DEVICES, DEVICE)
        _allow(ruleset, refused, [scratch], SCRATCH)
        call("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)
    return f"ABI {version}, files are read by a list and written in one folder"


def _allow(ruleset: int, refused: Ruleset, paths: Iterable[Path], rights: int) -> None:
    for path in paths:
        try:
            beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # it has gone, or may not be reached: nothing to allow
            continue
        try:
            is_folder = stat.S_ISDIR(os.fstat(beneath).st_mode)
            allowed = rights & refused.files & (-1 if is_folder else OF_A_FILE)
            call("landlock_add_rule", ruleset, RULE_PATH_BENEATH, PathBeneath(allowed, beneath), 0)
        finally:
            os.close(beneath)
