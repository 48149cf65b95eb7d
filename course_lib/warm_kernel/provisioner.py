"""How Jupyter gets a forked kernel: a kernel provisioner, named in the kernelspec `course-warm`.

Jupyter, nbclient and nbval need no change. Where no kernel can be forked a normal one is started, with one warning.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import subprocess
import sys
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any  # Any: what Popen accepts

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from course_lib.errors import CourseError
from course_lib.warm_kernel import ColdKernelWarning
from course_lib.warm_kernel.asker import Asker
from course_lib.warm_kernel.kernel_process import KernelProcess

LAUNCH = [sys.executable, "-m", "ipykernel_launcher"]
TAKEN = {"cwd", "env", "stdin", "stdout", "stderr", "extra_arguments", "kernel_id"}  # what a fork can do as well

BORN_S = 10.0  # 0.05 s on a quiet machine; Jupyter waits on by itself
KILLED_S = 1.0

_said: set[str] = set()  # a reason is told once


class WarmProvisioner(LocalProvisioner):
    """Forks a kernel where `LocalProvisioner` starts one."""

    process: subprocess.Popen[bytes] | KernelProcess | None  # type: ignore[assignment]  # what Jupyter uses of one

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Launch a kernel with a command."""
        try:
            process = await asyncio.to_thread(forked, cmd, kwargs)
        except (CourseError, OSError) as error:
            tell_once(f"{error}; a normal kernel was started")
            return await super().launch_kernel(cmd, **kwargs)
        self.process = process
        self.pid = self.pgid = process.pid  # it is the first of a group
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel; who looks at once shall find it gone, and not come back a tenth of a second later."""
        await super().kill(restart)
        if isinstance(self.process, KernelProcess):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.ended(), KILLED_S)

    async def wait(self) -> int | None:
        """Wait for the end of the kernel."""
        if isinstance(self.process, KernelProcess):
            await self.process.ended()
        return await super().wait()


def tell_once(line: str) -> None:
    """Warn, but not for each notebook of a run."""
    if line not in _said:
        _said.add(line)
        warnings.warn(ColdKernelWarning(line), stacklevel=2)


def forked(command: list[str], options: Mapping[str, Any]) -> KernelProcess:
    """Return a kernel that does what `Popen(command, **options)` would.

    Raises `CourseError` or `OSError` where a fork cannot.
    """
    require_a_fork(command, options)
    with ExitStack() as closing:
        stdin, silent = pipe(closing)  # as for a kernel that is started: open, and nobody writes
        born, unborn = pipe(closing)
        descriptors = [
            descriptor(options.get("stdin"), closing, stdin),
            descriptor(options.get("stdout"), closing, 1),
            descriptor(options.get("stderr"), closing, 2),
            unborn.fileno(),
        ]
        cwd, environment = os.path.abspath(options.get("cwd") or os.getcwd()), options.get("env") or os.environ
        pid, connection = Asker(command[len(LAUNCH) :], cwd, environment, descriptors).ask()
        unborn.close()
        select.select([born], [], [], BORN_S)  # who connects too early tries again a tenth of a second later
        return KernelProcess(pid, connection, os.fdopen(os.dup(silent.fileno()), "wb"))


def pipe(closing: ExitStack) -> tuple[int, IO[bytes]]:
    """Return a pipe, which `closing` closes: where to read, and where to write."""
    reading, writing = os.pipe()
    closing.callback(os.close, reading)
    return reading, closing.enter_context(os.fdopen(writing, "wb"))


def require_a_fork(command: list[str], options: Mapping[str, Any]) -> None:
    """Raise `CourseError` unless a fork can be what is asked for, on this system."""
    if sys.platform != "linux":
        raise CourseError(f"kernels are forked on Linux only, not on {sys.platform}")
    if command[: len(LAUNCH)] != LAUNCH:
        raise CourseError(f"expected a kernel started by {' '.join(LAUNCH)}, got {' '.join(command[:3])}")
    others = sorted(name for name in options.keys() - TAKEN if options[name])
    if others:
        raise CourseError(f"a forked kernel cannot be started with {', '.join(others)}")


def descriptor(stream: Any, closing: ExitStack, default: int) -> int:
    """Return the file descriptor that `Popen` would give its child for `stream`; `closing` closes what is opened."""
    if stream is None:
        return default
    if stream == subprocess.DEVNULL:
        opened = os.open(os.devnull, os.O_RDWR)
        closing.callback(os.close, opened)
        return opened
    number = stream if isinstance(stream, int) else stream.fileno()
    if number < 0:
        raise CourseError("a forked kernel cannot be read through a pipe of its asker")
    return int(number)
