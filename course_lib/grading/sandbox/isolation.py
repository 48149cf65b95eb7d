"""The way into the sandbox: every layer of it, in the order in which each still can be entered.

A layer that this machine does not have is left out and named; the others are entered all the same.
"""

from __future__ import annotations

import os
import platform
import re
import signal
from collections.abc import Collection
from pathlib import Path

from course_lib.grading.sandbox import belongings
from course_lib.grading.sandbox.landlock import enter_landlock
from course_lib.grading.sandbox.layer import Isolation, MissingLayer, attempt
from course_lib.grading.sandbox.limits import OWN_COUNT, limit
from course_lib.grading.sandbox.namespaces import drop_privileges, enter_network_namespace, enter_user_namespace
from course_lib.grading.sandbox.policy import Policy
from course_lib.grading.sandbox.private_root import enter_private_root
from course_lib.grading.sandbox.seccomp import enter_seccomp
from course_lib.grading.sandbox.syscalls import call

LAYERS = (
    *("session", "user namespace", "network namespace", "private root"),
    *("limits", "privileges", "landlock", "seccomp"),
)
PR_SET_PDEATHSIG = 1


def enter(
    policy: Policy,
    scratch: Path,
    *,
    keep: Collection[int] = (),
    output: int | None = None,
    required: bool = False,
) -> Isolation:
    """Confine this process, a fork with one thread, for good; return which layers are on.

    It writes in `scratch` only, prints to `output` (else nowhere) and keeps the open files `keep`. With `required` it
    raises `CourseError` where a layer is missing; the process is confined as far as it goes all the same.
    """
    view = policy.view
    session = attempt("session", _session)
    belongings.redirect(output)
    belongings.let_go(keep)
    user = attempt("user namespace", enter_user_namespace)
    network = attempt("network namespace", lambda: enter_network_namespace(loopback=policy.loopback))
    root = attempt(
        "private root", lambda: enter_private_root(view, policy.sockets, scratch, policy.limits.scratch)
    )  # before the privileges go, and before Landlock, which forbids to mount
    limits = attempt("limits", lambda: limit(policy.limits, counts_processes=user.is_on and _kernel() >= OWN_COUNT))
    privileges = attempt("privileges", drop_privileges)
    landlock = attempt("landlock", lambda: enter_landlock(view, scratch, loopback=policy.loopback))
    belongings.replace_environment(scratch, policy.environment)
    os.chdir(scratch)
    seccomp = attempt(
        "seccomp",
        lambda: enter_seccomp(sockets=bool(policy.sockets), files_are_safe=root.is_on, loopback=policy.loopback),
    )  # last: it forbids what the others are made of
    isolation = Isolation((session, user, network, root, limits, privileges, landlock, seccomp))
    if required:
        isolation.require()
    return isolation


def _session() -> str:
    """Lead a group of its own, so that one kill reaches it all, and end with the parent."""
    if not hasattr(os, "setsid"):
        raise MissingLayer("this system has no sessions")
    os.setsid()
    belongings.forget_handlers()
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return "killed as a group, and with its parent"


def _kernel() -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return (int(found[1]), int(found[2])) if found else (0, 0)
