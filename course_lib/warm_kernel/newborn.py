"""What a forked process changes before it is a kernel: it takes over the asker's streams, folder and environment.

Whatever a process has by itself, and a fork would share, is made anew here; the rest of it is a normal ipykernel.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any  # Any: ipykernel ships types for half of itself

from course_lib.warm_kernel.request import Request, close_all

HANDLED = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM)  # by the warm process, in its own way


@dataclass(frozen=True)
class Newborn:
    """A process just forked, and what it is to become."""

    request: Request
    descriptors: list[int]
    tie: Callable[[], None] | None  # to the life of the warm process

    def become_kernel(self) -> None:
        """Be the kernel until it ends; the caller then leaves Python the usual way, through every atexit function."""
        os.setsid()  # first: a kill that comes now reaches the group
        if self.tie is not None:
            self.tie()
        self._take_streams()
        self._take_signals()
        os.chdir(self.request.cwd)
        # what the warm process started with is in the request as well; what its imports have set stays
        os.environ.update(self.request.environment, JPY_PARENT_PID=str(os.getppid()))
        forget_the_course()
        forget_the_start()
        sys.argv = [launcher(), *self.request.arguments]
        from ipykernel.kernelapp import IPKernelApp

        # named here: ipykernel reads JPY_PARENT_PID while it is imported
        app: Any = IPKernelApp.instance(parent_handle=os.getppid())
        app.initialize()
        os.close(self.descriptors[-1])
        app.start()

    def _take_streams(self) -> None:
        *streams, _ = self.descriptors
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        close_all(streams)

    def _take_signals(self) -> None:
        """Handle signals as a new Python does; they were blocked, so that none could reach the zygote's handlers."""
        signal.set_wakeup_fd(-1)
        for number in HANDLED:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)


def forget_the_course() -> None:
    """Forget our own modules: an author edits them between two kernels."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "course_lib"]:
        del sys.modules[name]
    importlib.invalidate_caches()


def forget_the_start() -> None:
    """Forget what Python keeps of the warm process: where it puts temporary files, and the state of its chance."""
    tempfile.tempdir = None
    if "numpy.random" in sys.modules:  # `random` and OpenSSL do it themselves after a fork
        sys.modules["numpy.random"].seed()


def launcher() -> str:
    """Return the file that a kernel's `sys.argv` begins with."""
    found = importlib.util.find_spec("ipykernel_launcher")
    return str(found.origin) if found else "ipykernel_launcher"
