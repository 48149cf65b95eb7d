"""The warm process serves its own user with the right token and key, forks alone, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any  # Any: JSON

import pytest
from kernel_clients import kernel, wait_gone, zygotes

from course_lib.errors import CourseError
from course_lib.warm_kernel.asker import connected
from course_lib.warm_kernel.request import Request, rest_of_line
from course_lib.warm_kernel.zygote import STACK, Zygote

# becomes nobody, then connects to a socket and asks with the right words
INTRUDER = """
import os, socket, sys
folder, name, line = sys.argv[1:]
opened = os.open(folder, os.O_RDONLY)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(30)
try:
    connection.connect(f"/proc/self/fd/{opened}/{name}")
    socket.send_fds(connection, [line.encode() + b"\\n"], [0, 0, 0, 0])
    print(connection.recv(65536).decode().strip())
except OSError as error:
    print(error.strerror)
"""


def announced(state: Path) -> tuple[Path, dict[str, Any]]:
    """Return the file and the words of the one warm process."""
    (file,) = (state / "kernels").glob("*.run.json")
    return file, json.loads(file.read_text())


def words(state: Path, **changes: str) -> dict[str, Any]:
    """Return a request that the warm process of `state` grants, but for the changes."""
    file, found = announced(state)
    asked = {"token": found["token"], "key": file.name.removesuffix(".run.json"), "cwd": "/"}
    return {**asked, "arguments": [], "environment": {}, **changes}


def answer(state: Path, **changes: str) -> dict[str, Any]:
    """Ask with such a request and return the answer."""
    file, found = announced(state)
    with connected(file.parent / found["socket"]) as connection, open(os.devnull, "r+b") as nothing:
        Request(**words(state, **changes)).send(connection, [nothing.fileno()] * 4)
        return dict(json.loads(rest_of_line(connection)))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"token": "guessed"}, "the warm process is not yours"),
        ({"token": "ä"}, "the warm process is not yours"),
        ({"key": "0-1"}, "expected a warm process with packages and settings 0-1, got KEY"),
    ],
)
def test_wrong_words_are_refused(state: Path, changes: dict[str, str], error: str) -> None:
    with kernel():
        key = announced(state)[0].name.removesuffix(".run.json")
        assert answer(state, **changes) == {"error": error.replace("KEY", key)}


def test_who_says_nothing_useful_disturbs_nobody(state: Path) -> None:
    with kernel() as one:
        file, found = announced(state)
        with connected(file.parent / found["socket"]) as connection:
            connection.sendall(b"GET / HTTP/1.1\n")
            assert connection.recv(100) == b""
        assert one.run("6 * 7") == "42"


def intrude(state: Path) -> str:
    """Return what another user hears who knows the token."""
    file, found = announced(state)
    command = [sys.executable, "-c", INTRUDER, str(file.parent), found["socket"], json.dumps(words(state))]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused_by_the_folder_and_by_the_process(state: Path) -> None:
    with kernel():
        file, found = announced(state)
        assert intrude(state) == "Permission denied"
        file.parent.chmod(0o755)
        (file.parent / found["socket"]).chmod(0o777)
        assert intrude(state) == '{"error": "the warm process is not yours"}'


def test_end_is_clean_and_takes_the_kernels_along(empty_state: Path) -> None:
    with kernel() as one:
        pid, (zygote,) = one.process.pid, zygotes(empty_state)
        os.kill(zygote, signal.SIGTERM)
        wait_gone(pid, zygote)
        assert {path.suffix for path in (empty_state / "kernels").iterdir()} == {".lock", ".log"}


def test_one_that_was_replaced_leaves_its_successor_alone(empty_state: Path) -> None:
    with kernel():
        (former,) = zygotes(empty_state)
        announced(empty_state)[0].unlink()  # as if it could not be reached
        with kernel() as one:
            (latter,) = zygotes(empty_state)
            os.kill(former, signal.SIGTERM)
            wait_gone(former)
            assert zygotes(empty_state) == [latter]
            assert one.run("6 * 7") == "42"


def test_course_is_imported_anew_by_each_kernel(state: Path) -> None:
    assert not [name for name in STACK if name.startswith("course_lib")]
    with kernel() as one:
        assert one.read("sorted(name for name in __import__('sys').modules if name.startswith('course_lib'))") == []
        assert one.read("sorted({'fastapi', 'sqlalchemy', 'asyncpg'} - set(__import__('sys').modules))") == []


def test_no_module_of_the_stack_brings_a_thread() -> None:
    lines = [f"import {name}" for name in STACK]
    script = "\n".join([*lines, "import os", "print(len(os.listdir('/proc/self/task')))"])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_does_not_fork_beside_a_thread(tmp_path: Path) -> None:
    zygote = Zygote(tmp_path, "key", 0)
    request, end = Request(zygote.token, "key", [], "/", {}), threading.Event()
    ours, theirs = socket.socketpair()
    beside = threading.Thread(target=end.wait)
    beside.start()
    with ours, theirs, pytest.raises(CourseError) as caught:
        zygote._check(ours, request)
    end.set()
    beside.join()
    zygote.close()
    assert re.fullmatch(
        r"expected 1 thread in the warm process, got \d+; a fork would lose the others", str(caught.value)
    )
