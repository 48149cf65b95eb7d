"""A root folder of the child's own, in which nothing but its view exists: no home, no /proc, no other path sockets.

Landlock refuses to open a file; that there is no file also holds for connecting, for chmod and for looking. Everything
is mounted read-only but the scratch folder, whose size the kernel bounds. It is gone with the child.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from course_lib.grading.sandbox.syscalls import call
from course_lib.grading.sandbox.view import DEVICES, View

# linux/mount.h, linux/fcntl.h and, for the first, linux/sched.h
CLONE_NEWNS = 0x00020000
MS_NOSUID, MS_NODEV = 1 << 1, 1 << 2
MS_BIND, MS_REC, MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18
MNT_DETACH = 2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 1, 2

ROOT_OPTIONS = b"size=1m,nr_inodes=16k,mode=755"  # folders and empty files to mount on
FILE_BYTES = 4096  # one file for each page of scratch is more than enough


class MountAttributes(ctypes.Structure):
    """`mount_attr`, of Linux 5.12: it changes a whole tree of mounts in one call."""

    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_namespace"))


def enter_private_root(view: View, sockets: Iterable[Path], scratch: Path, size: int) -> str:
    """Make a root that holds `view`, `sockets` and an empty `scratch` of `size` bytes, and move into it."""
    call("unshare", CLONE_NEWNS)
    call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)  # else our mounts would show outside
    _tmpfs(scratch, ROOT_OPTIONS)
    try:
        os.chdir(scratch)
        _show((*view.shown, *DEVICES, *sockets))
        inner = scratch / scratch.relative_to("/")
        inner.mkdir(parents=True)
        attributes = MountAttributes(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
        size_of = ctypes.sizeof(attributes)
        call("mount_setattr", AT_FDCWD, os.fsencode(scratch), AT_RECURSIVE, attributes, size_of)
        _tmpfs(inner, f"size={size},nr_inodes={max(64, size // FILE_BYTES)},mode=700".encode())
        call("pivot_root", b".", b".")  # the old root lies on top of the new one now
    except OSError:
        os.chdir("/")
        call("umount2", os.fsencode(scratch), MNT_DETACH)
        raise
    call("umount2", b".", MNT_DETACH)
    os.chdir(scratch)
    return f"nothing exists but what may be read, and {size >> 20} MiB to write"


def _tmpfs(folder: Path, options: bytes) -> None:
    call("mount", b"tmpfs", os.fsencode(folder), b"tmpfs", MS_NOSUID | MS_NODEV, options)


def _show(paths: Iterable[Path]) -> None:
    """Mount each path that can be reached at the same place below the working folder."""
    made: set[str] = set()
    for path in map(os.fspath, paths):
        try:
            is_folder = stat.S_ISDIR(os.stat(path).st_mode)
        except OSError:
            continue
        place = path[1:]
        folder = place if is_folder else os.path.dirname(place)
        if folder not in made:
            os.makedirs(folder, exist_ok=True)
            made.add(folder)
        if not is_folder:
            os.mknod(place)
        call("mount", os.fsencode(path), os.fsencode(place), None, MS_BIND | MS_REC, None)
