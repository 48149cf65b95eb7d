"""Processes that use the private servers, for tests that kill them: each one is a real Python with a real lease."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # Any: JSON, and psutil ships no types

import psutil
import pytest

from course_lib.databases import lease

GONE_S = 30.0  # far more than it takes; only a failing test waits that long

# Reads one command a line, answers one JSON line each. A lease is taken before the first answer.
SCRIPT = """
import json, os, signal, sys, time
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a test that has gone away wants no answer
from course_lib.databases import lease
from course_lib.errors import CourseError

held = None
for line in sys.stdin:
    name, *arguments = line.split()
    try:
        if name == "acquire":
            held = lease.acquire()
            answer = held.pid
        elif name == "fork":
            child = os.fork()
            if child == 0:
                time.sleep(600)
                os._exit(0)
            answer = child
        else:
            answer = getattr(held, name)(*arguments)
            answer = answer.to_json() if hasattr(answer, "to_json") else answer
    except CourseError as error:
        answer = {"error": str(error)}
    print(json.dumps([answer, held.notices if held else []]), flush=True)
"""


class Client:
    """One process; `ask` runs a command in it and returns the answer."""

    def __init__(self, state: Path, linger: float = 0.0, **environment: str) -> None:
        self.state = state
        self.notices: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "COURSE_STATE_DIR": str(state),
                "COURSE_SERVER_LINGER": str(linger),
                **environment,
            },
        )

    def send(self, *words: str) -> None:
        """Send a command without waiting for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Return the answer to the oldest command that has none yet."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the client ended"
        found, self.notices = json.loads(line)
        return found

    def ask(self, *words: str) -> Any:
        """Run one command and return its answer."""
        self.send(*words)
        return self.answer()

    def servers(self) -> dict[str, int]:
        """Return the process id of each running server, by kind; 0 is the small pooler, which has none of its own."""
        return {server["kind"]: int(server["pid"] or 0) for server in self.ask("status")}

    def kill(self) -> None:
        """Kill the process without a chance to say goodbye."""
        self._process.kill()
        self.end()

    def end(self) -> None:
        """End the process the usual way: nobody writes to it any more."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait(GONE_S)


def processes(state: Path) -> list[Any]:
    """Return every process that works for the servers of `state`: supervisors and servers."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(str(state) in word for word in words):
            found.append(process)
    return found


def wait_gone(*pids: int) -> None:
    """Wait until none of the processes runs; a zombie that its parent has not read yet does not run."""
    left = []
    for pid in pids:
        try:
            left.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(left, timeout=GONE_S)
    alive = [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert not alive, f"still running: {alive}"


def wait_all_gone(state: Path) -> None:
    """Wait until no process works for `state`."""
    wait_gone(*(process.pid for process in processes(state)))
    assert not processes(state)


def leftovers(state: Path) -> list[Path]:
    """Return the files of `state` that only a running supervisor, or a running warm process, may have."""
    return [*state.glob("*/*run.json"), *state.glob("*/*run.json.part")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the state folder of a file's tests; nothing may run for it at the end."""
    made = tmp_path_factory.mktemp("servers")
    yield made
    wait_all_gone(made)


@pytest.fixture
def own_servers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a test servers of its own, which end as soon as nobody holds them."""
    lease.release()
    monkeypatch.setenv("COURSE_STATE_DIR", str(folder))
    monkeypatch.setenv("COURSE_SERVER_LINGER", "0")
    yield
    lease.stop()
