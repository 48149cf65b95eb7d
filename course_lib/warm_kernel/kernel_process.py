"""A forked kernel as its asker sees it: what Jupyter does with a `Popen` object can be done with this one.

The kernel is no child of the asker. A pidfd says when it has ended, and the warm process says how.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
from typing import IO

from course_lib.warm_kernel.request import rest_of_line

STATUS_S = 5.0  # the warm process tells it at once, or is gone


class KernelProcess:
    """A running kernel; while its connection is open the kernel lives, and its number is nobody else's."""

    stdout = stderr = None

    def __init__(self, pid: int, connection: socket.socket, stdin: IO[bytes]) -> None:
        self.pid = pid
        self.stdin = stdin
        self.returncode: int | None = None
        self._connection = connection
        # without pidfds it is the connection that tells: by the status of the kernel, or by its end
        self._ending = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else os.dup(connection.fileno())

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while the kernel runs."""
        if self.returncode is None and select.select([self._ending], [], [], 0)[0]:
            self.returncode = self._status()
        return self.returncode

    def wait(self) -> int:
        """Wait until the kernel has ended, and return its exit status."""
        while self.poll() is None:
            select.select([self._ending], [], [])
        return int(self.returncode or 0)

    async def ended(self) -> None:
        """Wait for the end without keeping the loop."""
        if self.returncode is not None:
            return
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        watched = os.dup(self._ending)  # a loop has one reader for a descriptor, and somebody else may wait as well
        loop.add_reader(watched, end.set)
        try:
            await end.wait()
        finally:
            loop.remove_reader(watched)
            os.close(watched)

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel alone, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel."""
        self.send_signal(signal.SIGKILL)

    def _status(self) -> int:
        """Read how the kernel ended, and let go of it; who killed the warm process has killed the kernel with it."""
        try:
            self._connection.settimeout(STATUS_S)
            return int(json.loads(rest_of_line(self._connection))["exit"])
        except OSError:
            return -signal.SIGKILL
        finally:
            self._connection.close()
            self.stdin.close()
            os.close(self._ending)
