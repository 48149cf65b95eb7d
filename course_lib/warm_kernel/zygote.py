"""The warm process: it imports the stack once, then forks a kernel for each request, and ends when nobody asks.

`python -m course_lib.warm_kernel.zygote FOLDER KEY LINGER` says "ready" once it listens. A kernel lives as long as the
connection it was asked for with: the system closes that one at every kind of death of the asker.
"""

from __future__ import annotations

import contextlib
import gc
import hmac
import importlib
import os
import secrets
import select
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from course_lib.databases import state
from course_lib.databases.process import tie_to_us
from course_lib.errors import CourseError
from course_lib.warm_kernel.key import versions
from course_lib.warm_kernel.newborn import HANDLED, Newborn
from course_lib.warm_kernel.request import Request, close_all, peer_user, receive, send_line

# Not here: course_lib, which an author edits; ipywidgets, which must meet a running kernel when it is imported; and
# matplotlib, which reads a file in the notebook's folder and brings numpy's threads.
STACK = (
    *("ipykernel.kernelapp", "ipykernel.debugger", "IPython.core.completerlib", "IPython.core.debugger"),
    *("IPython.core.oinspect", "IPython.extensions.storemagic", "psutil", "tornado.platform.asyncio"),
    *("fastapi", "httpx", "pydantic_settings", "rich.console", "uvicorn", "uvicorn.protocols.http.h11_impl"),
    *("aiosqlite", "asyncpg", "sqlalchemy.ext.asyncio", "sqlalchemy.dialects.sqlite.aiosqlite"),
    "sqlalchemy.dialects.postgresql.asyncpg",
)
FIRST_S = 10.0  # whoever started us asks at once, or was killed
HELLO_S = 5.0
READY = b"ready\n"


@dataclass
class Kernel:
    """A kernel that was forked here; it stays a zombie until its asker has let go, so nobody else gets its number."""

    pid: int
    connection: socket.socket
    code: int | None = None

    def see_end(self) -> None:
        """Tell the asker how the kernel ended, once it has."""
        if self.code is not None:
            return
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is not None:
            self.code = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
            with contextlib.suppress(OSError):
                send_line(self.connection, {"exit": self.code})

    def end(self) -> None:
        """Kill the kernel with whatever it started in its group."""
        for kill in (os.killpg, os.kill):  # it may not have made its group yet
            with contextlib.suppress(ProcessLookupError):
                kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.connection.close()


class Zygote:
    """Listens, forks, and buries; one thread, and nothing that a fork would break."""

    def __init__(self, folder: Path, key: str, linger: float) -> None:
        self.key = key
        self.linger = linger
        self._patience = max(FIRST_S, linger)
        self.file = folder / f"{key}.run.json"
        self.socket = folder / f"{key}.{secrets.token_hex(4)}"
        self.token = secrets.token_hex(16)
        self.kernels: dict[int, Kernel] = {}  # by the descriptor of its connection
        self._listener = socket.socket(socket.AF_UNIX)
        self._woken, self._waker = socket.socketpair()

    def open(self) -> None:
        """Listen, and let askers know."""
        for end in (self._woken, self._waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in HANDLED:
            signal.signal(number, lambda *_: None)  # it is the wake-up that counts
        os.chdir(self.socket.parent)
        self._listener.bind(self.socket.name)  # without its folder: the name of a socket may not be long
        self._listener.listen()
        state.announce(self.file, {"socket": self.socket.name, "token": self.token, "pid": os.getpid()})

    def serve(self) -> Newborn | None:
        """Serve until nobody needs it, and return None; in a process it has forked, return what that becomes."""
        while True:
            ready = self._ready()
            if not ready and not self.kernels:
                return None
            for descriptor in ready:
                if descriptor == self._woken.fileno():
                    if self._is_told_to_end():
                        return None
                elif descriptor == self._listener.fileno():
                    newborn = self._answer()
                    if newborn is not None:
                        return newborn
                elif descriptor in self.kernels:
                    self.kernels.pop(descriptor).end()

    def _ready(self) -> list[int]:
        """Wait for something to read; nothing for long enough means that nobody needs us."""
        poll = select.poll()  # not epoll, which a fork would share
        for descriptor in (self._woken.fileno(), self._listener.fileno(), *self.kernels):
            poll.register(descriptor, select.POLLIN)
        return [descriptor for descriptor, _ in poll.poll(None if self.kernels else self._patience * 1000)]

    def _is_told_to_end(self) -> bool:
        numbers = self._woken.recv(4096)
        for kernel in self.kernels.values():
            kernel.see_end()
        return signal.SIGTERM in numbers or signal.SIGINT in numbers

    def _answer(self) -> Newborn | None:
        connection, _ = self._listener.accept()
        connection.settimeout(HELLO_S)
        try:
            request, descriptors = receive(connection)
        except (OSError, TypeError, ValueError):  # not one of ours, or gone in the middle of a line
            connection.close()
            return None
        try:
            self._check(connection, request)
            forked = self._fork(request, descriptors)
        except (CourseError, OSError) as error:
            close_all(descriptors)
            _refuse(connection, str(error))
            return None
        if isinstance(forked, Newborn):
            connection.close()
            return forked
        close_all(descriptors)
        self._keep(Kernel(forked, connection))
        return None

    def _check(self, connection: socket.socket, request: Request) -> None:
        """Raise `CourseError` unless a fork may, and can, be what is asked for."""
        words = str(request.token).encode(errors="replace")
        if peer_user(connection) != os.getuid() or not hmac.compare_digest(words, self.token.encode()):
            raise CourseError("the warm process is not yours")
        if request.key != self.key:
            raise CourseError(f"expected a warm process with packages and settings {request.key}, got {self.key}")
        threads = max(threading.active_count(), len(os.listdir("/proc/self/task")))
        if threads > 1:
            raise CourseError(f"expected 1 thread in the warm process, got {threads}; a fork would lose the others")

    def _fork(self, request: Request, descriptors: list[int]) -> Newborn | int:
        tie, pid = tie_to_us(signal.SIGKILL), -1
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)  # none may reach our handlers in the other process
        try:
            pid = os.fork()
        finally:
            if pid:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        return pid or Newborn(request, descriptors, tie)

    def _keep(self, kernel: Kernel) -> None:
        try:
            send_line(kernel.connection, {"pid": kernel.pid})
        except OSError:  # it has gone while we forked
            kernel.end()
        else:
            self.kernels[kernel.connection.fileno()] = kernel
            self._patience = self.linger

    def close(self) -> None:
        """Close what is open; in a forked process, the copies of it."""
        for opened in (self._listener, self._woken, self._waker, *(k.connection for k in self.kernels.values())):
            opened.close()

    def leave(self) -> None:
        """End every kernel, and leave no file behind."""
        for kernel in self.kernels.values():
            kernel.end()
        self.socket.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            if self.token in self.file.read_text():  # else somebody who could not reach us has started another
                self.file.unlink()


def _refuse(connection: socket.socket, why: str) -> None:
    with contextlib.suppress(OSError):
        send_line(connection, {"error": why})
    connection.close()


def main(arguments: list[str]) -> int:
    """Serve kernels; 0 when nobody needs more, 1 when this process is not what its asker wanted."""
    folder, key, linger = arguments
    sys.path[:] = [place for place in sys.path if place != os.getcwd()]  # put there by `python -m`, as for a kernel
    for module in STACK:
        importlib.import_module(module)
    if key.partition("-")[0] != versions():
        print("packages were installed while it started; run it again", file=sys.stderr)
        return 1
    zygote = Zygote(Path(folder), key, float(linger))
    zygote.open()
    gc.collect()
    gc.freeze()  # the garbage collector would touch, and so copy, every shared page in every kernel
    os.write(1, READY)
    os.dup2(0, 1)  # the null device
    newborn = zygote.serve()
    zygote.close()
    if newborn is None:
        zygote.leave()
    else:
        newborn.become_kernel()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
