"""A warm process that runs pieces of code as answers, confined: what a judge will be, without the judging.

The tests cannot fork themselves: pytest has threads. `python confined_answers.py USER` reads one JSON request per line
and answers each with one JSON record; as root it can become another user first.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any  # Any: requests, records and values are JSON

import psutil

ROOT = Path(__file__).parent.parent
SECRET = "COURSE_TEST_SECRET"  # a variable of the warm process that no answer may see
LONG_S = 30.0  # a clock that does not run out


class Answers:
    """The warm process, seen from a test."""

    def __init__(self, user: int | None = None) -> None:
        self.user = user
        self.layers: list[dict[str, Any]] | None = None  # for a test to note
        self._process = subprocess.Popen(
            [sys.executable, __file__, "" if user is None else str(user)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, SECRET: "swordfish", "PYTHONPATH": str(ROOT)},
        )
        self.pid = self._process.pid

    def __enter__(self) -> Answers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=LONG_S)
        assert self._process.returncode == 0

    def run(self, code: str, *, seconds: float = LONG_S, **policy: Any) -> dict[str, Any]:
        """Run `code`; return how it ended, where `value` is what the code called so.

        `policy` may also hold `without`, layers to switch off, and `required`.
        """
        self.begin(code, seconds=seconds, **policy)
        assert self._process.stdout is not None
        record: dict[str, Any] = json.loads(self._process.stdout.readline())
        return record

    def begin(self, code: str, **request: Any) -> None:
        """Ask for `code` to be run, and do not wait for its end."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"code": code, **request}) + "\n")
        self._process.stdin.flush()

    def kill(self) -> list[Any]:
        """Kill the warm process while it runs an answer; return the processes it had started."""
        running = psutil.Process(self.pid)
        end = time.monotonic() + LONG_S
        while not (children := [*running.children(recursive=True)]):
            assert time.monotonic() < end, "no answer was started"
            time.sleep(0.01)
        self._process.kill()
        self._process.communicate()
        for place in _places(self.pid):  # who was killed removes nothing
            place.rmdir()
        return children

    def left_behind(self) -> list[str]:
        """Return every process and every folder of an answer that is still there."""
        children = [str(child) for child in psutil.Process(self.pid).children(recursive=True)]
        return [*children, *map(str, _places(self.pid))]


def _places(pid: int) -> list[Path]:
    parents = {Path("/dev/shm"), Path(tempfile.gettempdir())}
    return [path for parent in parents for path in parent.glob(f"course-answer-{pid}-*")]


def alone(code: str, *arguments: str) -> str:
    """Run `code` in a process of its own, which may confine itself; return what it prints."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONG_S, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def serve(user: str) -> None:
    """Be the warm process."""
    from course_lib.errors import CourseError
    from course_lib.grading.sandbox import Limits, Policy, run_confined
    from course_lib.grading.sandbox import scratch as _  # noqa: F401 - imported before the user changes

    asyncio.run(_warm_up())
    if user:
        os.setgroups([])
        os.setresgid(*[int(user)] * 3)
        os.setresuid(*[int(user)] * 3)
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join()
    gc.collect()
    gc.freeze()
    folder = os.open("/", os.O_RDONLY)  # a way out, if a child kept it
    for line in sys.stdin:
        request = json.loads(line)
        policy = Policy(
            Limits(**request.get("limits", {})),
            readable=tuple(map(Path, request.get("readable", ()))),
            sockets=tuple(map(Path, request.get("sockets", ()))),
        )
        with _switched_off(request.get("without", ())):
            try:
                ended = run_confined(
                    functools.partial(_value, request["code"]),
                    policy,
                    request["seconds"],
                    required=request.get("required", False),
                )
                record = dataclasses.asdict(ended)
            except CourseError as error:
                record = {"refused": str(error)}
        print(json.dumps(record), flush=True)
    os.close(folder)


def _value(code: str) -> Any:
    names: dict[str, Any] = {}
    exec(compile(code, "answer", "exec"), names)
    return names.get("value")


@contextlib.contextmanager
def _switched_off(layers: list[str]) -> Iterator[None]:
    """Enter the sandbox as on a machine that lacks `layers`."""
    from course_lib.grading.sandbox import isolation, layer

    attempt = layer.attempt

    def without(name: str, work: Any) -> layer.Layer:
        return layer.Layer(name, False, "switched off by a test") if name in layers else attempt(name, work)

    setattr(isolation, "attempt", without)  # noqa: B010 - a name that the module does not export
    yield
    setattr(isolation, "attempt", attempt)  # noqa: B010 - as above


async def _warm_up() -> None:
    """Use what answers use, so that nothing has to be imported by a user who may not read it."""
    import fcntl  # noqa: F401
    import multiprocessing.popen_fork  # noqa: F401
    import sqlite3  # noqa: F401

    import asyncpg  # noqa: F401
    import fastapi
    import httpx
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    import course_lib.client  # noqa: F401

    "localhost".encode("idna")
    await asyncio.to_thread(int)
    app = fastapi.FastAPI()
    app.get("/")(lambda: {"warm": True})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://club") as client:
        await client.get("/")
    with tempfile.TemporaryDirectory() as folder:
        engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/warm.db")
        async with engine.begin() as connection:
            await connection.execute(text("SELECT 1"))
        await engine.dispose()


if __name__ == "__main__":
    serve(sys.argv[1])
