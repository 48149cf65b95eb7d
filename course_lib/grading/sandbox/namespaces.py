"""Namespaces of a child's own: a user without rights outside, a network without a wire, and no privileges at all.

The flags are those of linux/sched.h, linux/prctl.h and linux/capability.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from pathlib import Path

from course_lib.grading.sandbox.layer import MissingLayer
from course_lib.grading.sandbox.syscalls import call

OVERFLOW_ID = 65534  # what the kernel calls a user it cannot name
CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
CAPABILITY_VERSION_3 = 0x20080522


class CapabilityHeader(ctypes.Structure):
    """`__user_cap_header_struct`; pid 0 is the caller."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def enter_user_namespace() -> str:
    """Become nobody; whoever the process belongs to, it keeps reading what that user may read."""
    user, group = os.geteuid(), os.getegid()
    call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)  # else a process that changed its user may not write its own maps
    try:
        call("unshare", CLONE_NEWUSER)
    except OSError as error:
        if error.errno == errno.ENOSPC:  # "no space left on device" would send people to their disks
            raise MissingLayer("this machine allows no more of them, see user.max_user_namespaces") from error
        raise
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny")  # the kernel's condition for a group map without privileges
    (own / "uid_map").write_text(f"{OVERFLOW_ID} {user} 1")  # a mapped user, or no file could be made on a new mount
    (own / "gid_map").write_text(f"{OVERFLOW_ID} {group} 1")
    return "nobody, without rights outside"


def enter_network_namespace(*, loopback: bool = False) -> str:
    """Leave every network: an interface that is down is all there is, or a loopback that reaches this process alone."""
    call("unshare", CLONE_NEWNET)
    if not loopback:
        return "no address can be reached"
    import fcntl  # imported here: Windows has no such module

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        fcntl.ioctl(asking, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    return "no address can be reached but its own 127.0.0.1"


def drop_privileges() -> str:
    """Give up every capability, also those within the new namespaces, and any way to get one back."""
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    nothing = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice, for 64 capabilities
    call("capset", CapabilityHeader(CAPABILITY_VERSION_3, 0), ctypes.addressof(nothing))
    return "none, and none can be gained"
