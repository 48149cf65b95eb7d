"""A database server as a child process: started, tied to the life of its parent, and ended with patience.

On Linux the kernel itself ends it when the parent dies, however that happens; elsewhere the next supervisor does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from course_lib.databases.unroot import Unroot
from course_lib.errors import ServerError

PR_SET_PDEATHSIG = 1
TAIL_BYTES = 4000
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_NOISE = re.compile(r"^\d{4}-\d\d-\d\d[ T][\d:.]+ *(?:UTC|GMT|Z)? *(?:\[\d+\] *)?")  # a time and a pid say nothing

# Windows has neither; there a process is ended, and that is all
QUIT: signal.Signals = getattr(signal, "SIGQUIT", signal.SIGTERM)
KILL: signal.Signals = getattr(signal, "SIGKILL", signal.SIGTERM)
Escalation = Sequence[tuple[signal.Signals, float]]  # what is sent, and how many seconds it may take


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now; somebody may take it before the server does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """A running server; `start` makes one."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(
        cls,
        name: str,
        argv: Sequence[str | Path],
        *,
        log: Path,
        unroot: Unroot,
        environment: Mapping[str, str],
        death_signal: signal.Signals = signal.SIGINT,
    ) -> ServerProcess:
        """Start `argv` with nothing but `environment`, its output in a new `log`; it gets `death_signal` if we die.

        Raises `ServerError` when the program cannot be started at all.
        """
        with _open_log(log, unroot) as output:
            process = await _spawn(name, argv, unroot, environment, output.fileno(), death_signal)
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        """The server's own process id (`unshare` becomes the server, it does not stay its parent)."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative is the number of the signal that ended it."""
        return self._process.returncode

    @property
    def is_running(self) -> bool:
        """Say whether the server has not ended yet."""
        return self.returncode is None

    async def wait(self) -> int:
        """Wait until the server ends, and return how."""
        return await self._process.wait()

    async def stop(self, signals: Escalation) -> None:
        """Send each signal in turn until the server has ended; who is cancelled while waiting leaves it killed."""
        try:
            for number, seconds in signals:
                if not self.is_running:
                    return
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(number)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._process.wait(), seconds)
        except asyncio.CancelledError:
            if self.is_running:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
            raise

    async def kill_group(self) -> None:
        """Kill the program with everything it started, and wait for its own end."""
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, KILL)  # `start` made it the first of a group
        await self.wait()

    def ended(self) -> str:
        """Say how the server ended, and why as far as its log tells."""
        code = self.returncode
        if code is None or code >= 0:
            return f"{self.name} ended (exit code {code}); its log says: {complaint(self.log)}"
        # what was killed could not say why: the line before may be about anything
        return f"{self.name} ended ({_signal_name(-code)}); its log says: {last_line(self.log) or 'nothing'}"


async def run_tool(
    name: str,
    argv: Sequence[str | Path],
    *,
    unroot: Unroot,
    environment: Mapping[str, str],
    timeout: float,
    log: Path,
) -> None:
    """Run a program that ends by itself (`initdb`), its output in `log`; it dies with us and with our patience.

    Raises `ServerError` with its last line when it fails, or when it takes longer than `timeout` seconds.
    """
    tool = await ServerProcess.start(name, argv, log=log, unroot=unroot, environment=environment, death_signal=KILL)
    try:
        code = await asyncio.wait_for(tool.wait(), timeout)
    except TimeoutError:
        raise ServerError(f"{name} took longer than {timeout:g} s; its log is {log}") from None
    finally:
        await tool.kill_group()  # initdb has children that go on writing
    if code:
        raise ServerError(f"{name} failed ({complaint(log)}); its log is {log}")


def _signal_name(number: int) -> str:
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"


def _open_log(log: Path, unroot: Unroot) -> IO[bytes]:
    """Begin a new log, which only its server's user may read."""
    log.unlink(missing_ok=True)
    log.touch(mode=0o600)
    unroot.give(log)
    return log.open("ab")


async def _spawn(
    name: str,
    argv: Sequence[str | Path],
    unroot: Unroot,
    environment: Mapping[str, str],
    output: int,
    death_signal: signal.Signals,
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *unroot.command(argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            start_new_session=True,  # Ctrl-C in a terminal is for the course, not for the server
            preexec_fn=tie_to_us(death_signal),
            **unroot.options(),
        )
    except OSError as error:
        raise ServerError(f"{name} cannot be started ({error.strerror}: {argv[0]}); see: course doctor") from error


def tie_to_us(number: signal.Signals) -> Callable[[], None] | None:
    """Return what a child runs to get signal `number` when the thread that made it is gone; None where it cannot."""
    if LIBC is None:
        return None
    libc, parent, value = LIBC, os.getpid(), int(number)

    def tie() -> None:
        # A shell's `jupyter lab &` leaves these ignored, and until a server has its own handlers it would ignore them.
        for ignored in {signal.SIGINT, signal.SIGTERM, number} - {KILL}:
            signal.signal(ignored, signal.SIG_DFL)
        libc.prctl(PR_SET_PDEATHSIG, value)
        if os.getppid() != parent:  # the parent died before the line above: nobody will send the signal
            os._exit(1)

    return tie


def tail(log: Path) -> list[str]:
    """Return the last lines of a log, without their times; an unreadable log has none."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError:
        return []
    return [_NOISE.sub("", line).strip() for line in text.splitlines() if line.strip()]


def last_line(log: Path) -> str:
    """Return the last line of a log."""
    return next(reversed(tail(log)), "")


def complaint(log: Path) -> str:
    """Return the line that says why: the last one with FATAL, PANIC or error in it, else the last one."""
    lines = tail(log)
    telling = [line for line in lines if re.search(r"FATAL|PANIC|error|ERROR|cannot", line)]
    return next(reversed(telling or lines), "it said nothing")
