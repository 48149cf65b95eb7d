"""What an honest answer needs works inside the sandbox, and the door to it says what it cannot do."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confined_answers import LONG_S, Answers

from course_lib.databases import lease
from course_lib.databases.allotment import borrowed
from course_lib.databases.place import Place
from course_lib.errors import CourseError
from course_lib.grading.sandbox import Policy, run_confined

SQLITE = """
import asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
async def main():
    engine = create_async_engine("sqlite+aiosqlite:///club.db")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE items (name TEXT)"))
        await connection.execute(text("INSERT INTO items VALUES ('Gin')"))
        rows = (await connection.execute(text("SELECT name FROM items"))).scalars().all()
    await engine.dispose()
    return list(rows)
value = asyncio.run(main())
"""
FASTAPI = """
import asyncio, httpx
from fastapi import FastAPI
app = FastAPI()
@app.get("/sync")
def sync(): return "in a thread"
@app.get("/async")
async def asynchronous(): return "on the loop"
async def main():
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://club") as client:
        return [(await client.get(path)).json() for path in ("/sync", "/async")]
value = asyncio.run(main())
"""
THREADS = """
import asyncio, os, threading
async def main():
    names = await asyncio.gather(*(asyncio.to_thread(threading.get_ident) for _ in range(5)))
    return threading.get_ident() not in names
value = asyncio.run(main())
"""
FILES = """
import os, pathlib, shutil, sqlite3, tempfile
here = pathlib.Path.cwd()
with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile() as file:
    inside = [pathlib.Path(path).parent == here for path in (folder, file.name)]
connection = sqlite3.connect("club.db")
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("CREATE TABLE items (name TEXT)")
connection.commit()
connection.close()
shutil.copy("club.db", "copy.db")
os.makedirs("a/b")
os.rename("copy.db", "a/b/moved.db")
value = [inside, sorted(str(path) for path in pathlib.Path().rglob("*"))]
"""
POSTGRES = """
import asyncio, asyncpg
async def main():
    connection = await asyncpg.connect(**LOGIN)
    try:
        return [row["name"] for row in await connection.fetch("SELECT name FROM items ORDER BY id")]
    finally:
        await connection.close()
value = asyncio.run(main())
"""
KNOCK = """
import socket
value = []
for address in ADDRESSES:
    try:
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.connect(address)
            value.append("open")
    except OSError as error:
        value.append(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("code", "value"),
    [
        pytest.param(SQLITE, ["Gin"], id="aiosqlite"),
        pytest.param(FASTAPI, ["in a thread", "on the loop"], id="FastAPI"),
        pytest.param(THREADS, True, id="to_thread"),
        pytest.param(FILES, [[True, True], ["a", "a/b", "a/b/moved.db", "club.db"]], id="files"),
    ],
)
def test_honest_answers_work(answers: Answers, code: str, value: object) -> None:
    ended = answers.run(code)
    assert (ended["cause"], ended["message"], ended["value"], ended["printed"]) == ("returned", "", value, "")


def test_what_the_policy_shows_can_be_read_but_not_written(answers: Answers, open_folder: Path) -> None:
    menu = open_folder / "menu.txt"
    menu.write_text("Gin")
    menu.chmod(0o666)
    ended = answers.run(f"value = open({str(menu)!r}).read()", readable=[str(open_folder)])
    assert ended["value"] == "Gin"
    ended = answers.run(f"open({str(menu)!r}, 'a')", readable=[str(open_folder)])
    assert ended["message"] == f"OSError: [Errno 30] Read-only file system: {str(menu)!r}"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that everybody may enter: pytest's own are closed, and one of the processes is nobody's."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def place() -> Iterator[Place]:
    """Return a fresh database on the private PostgreSQL."""
    with asyncio.Runner() as runner:
        borrowing = borrowed("postgres")
        yield runner.run(borrowing.__aenter__())
        runner.run(borrowing.__aexit__(None, None, None))
        lease.release()


def login(place: Place) -> dict[str, object]:
    """Return what asyncpg needs for the path socket."""
    who = place.logins["app"]
    return {
        "host": place.socket,
        "port": place.port,
        "user": who.user,
        "password": who.password,
        "database": place.name,
    }


@pytest.mark.postgres
def test_postgres_is_reached_over_its_path_socket_and_not_otherwise(ours: Answers, place: Place) -> None:
    code = f"LOGIN = {login(place)!r}\n{POSTGRES}"
    allowed = ours.run(code, sockets=[place.socket])
    assert (allowed["cause"], allowed["message"], allowed["value"]) == ("returned", "", ["Gin", "Rum", "Soda"])
    over_tcp = f"LOGIN = {login(place) | {'host': '127.0.0.1'}!r}\n{POSTGRES}"
    refused = "PermissionError: [Errno 1] Operation not permitted"
    for ended in (ours.run(code), ours.run(over_tcp), ours.run(over_tcp, sockets=[place.socket])):
        assert (ended["cause"], ended["message"]) == ("raised", refused)


def test_only_the_named_path_socket_exists(answers: Answers, open_folder: Path) -> None:
    addresses = [str(open_folder / "ours"), str(open_folder / "theirs"), f"\0course-test-{os.getpid()}"]
    doors = [socket.socket(socket.AF_UNIX) for _ in addresses]
    try:
        for door, address in zip(doors, addresses, strict=True):
            door.bind(address)
            door.listen()
        (open_folder / "ours").chmod(0o777)
        (open_folder / "theirs").chmod(0o777)
        ended = answers.run(f"ADDRESSES = {addresses!r}\n{KNOCK}", sockets=addresses[:1])
    finally:
        for door in doors:
            door.close()
    assert ended["value"] == ["open", "FileNotFoundError", "ConnectionRefusedError"]


def test_missing_layer_that_is_required_refuses_before_anything_runs(answers: Answers) -> None:
    ended = answers.run("1 / 0", without=["landlock", "seccomp"], required=True)
    assert ended == {
        "refused": "expected every layer of the sandbox, but this machine lacks landlock (switched off by a test), "
        "seccomp (switched off by a test); go on without requiring it, or use another machine"
    }


def test_everything_required_and_there_is_no_hindrance(answers: Answers) -> None:
    assert answers.run("value = 1", required=True)["value"] == 1


# without -> code, cause and message (or value): what the other layers still refuse
ALONE = {
    "no filters": (
        ["landlock", "seccomp"],
        "import socket\nsocket.create_connection(('127.0.0.1', 5432))",
        "OSError: [Errno 101] Network is unreachable",
    ),
    "no private root": (
        ["private root"],
        "open('/etc/shadow')",
        "PermissionError: [Errno 13] Permission denied: '/etc/shadow'",
    ),
    "no mounts, no modes": (
        ["private root"],
        "import os\nos.chmod('/etc/hosts', 0)",
        "PermissionError: [Errno 1] Operation not permitted: '/etc/hosts'",
    ),
    "no landlock": (
        ["landlock"],
        "open('/etc/shadow')",
        "FileNotFoundError: [Errno 2] No such file or directory: '/etc/shadow'",
    ),
    "no namespaces": (
        ["user namespace", "network namespace", "private root"],
        "import socket\nsocket.create_connection(('127.0.0.1', 5432))",
        "PermissionError: [Errno 1] Operation not permitted",
    ),
}


@pytest.mark.parametrize("name", ALONE)
def test_layers_stand_in_for_each_other(answers: Answers, name: str) -> None:
    without, code, message = ALONE[name]
    ended = answers.run(code, without=without)
    assert (ended["cause"], ended["message"]) == ("raised", message)
    assert [layer["name"] for layer in ended["isolation"]["layers"] if not layer["is_on"]] == without


HOLD = "\nimport threading\nthreading.Event().wait()"


@pytest.mark.parametrize(
    "fill",
    [
        "files = [open(str(n), 'wb', buffering=0) for n in range(16)]\nfor file in files: file.write(bytes(1 << 20))",
        "import os\nfor n in range(16):\n    file = open(str(n), 'wb', buffering=0)\n    file.write(bytes(1 << 20))\n"
        "    os.remove(str(n))\n    globals()[f'file{n}'] = file",
        "for n in range(5000): open(str(n), 'w').close()",
        "import os\nfor n in range(3000):\n    os.mkdir('d' * 100)\n    os.chdir('d' * 100)",
    ],
    ids=["files", "files without a name", "many files", "too deep to look"],
)
def test_without_a_root_of_its_own_the_folder_is_watched(answers: Answers, fill: str) -> None:
    ended = answers.run(fill + HOLD, without=["private root"], limits={"scratch": 8 << 20})
    assert (ended["cause"], ended["message"]) == ("disk", "wrote more than 8 MiB")


def test_folder_that_cannot_be_watched_counts_as_full(ordinary: Answers) -> None:
    ended = ordinary.run(f"import os\nos.mkdir('closed', 0){HOLD}", without=["private root"])
    assert (ended["cause"], ended["message"]) == ("disk", "wrote more than 256 MiB")


def test_what_a_child_leaves_in_its_folder_is_removed(answers: Answers) -> None:
    left = "import os\nos.mkdir('closed', 0)\nopen('file', 'w').close()\nos.symlink('/etc', 'link')\n"
    left += "for n in range(3000):\n    os.mkdir('deep')\n    os.chdir('deep')"
    assert answers.run(left, without=["private root"])["cause"] in ("returned", "disk")  # as quick as it is
    assert answers.left_behind() == []


def test_process_with_threads_is_not_forked() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="still-here")
    thread.start()
    try:
        with pytest.raises(
            CourseError, match=r"^expected one thread before a fork, but .*still-here still runs; end it"
        ):
            run_confined(int, Policy(), LONG_S)
    finally:
        stop.set()
        thread.join()


def test_system_that_cannot_fork_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork")
    with pytest.raises(CourseError) as caught:
        run_confined(int, Policy(), LONG_S)
    assert str(caught.value) == "expected a system that can fork for the sandbox, this one cannot; use Linux, or WSL"


def test_child_of_a_killed_parent_is_killed(answers: Answers) -> None:
    judge = Answers(answers.user)
    judge.begin("while True: pass", seconds=LONG_S)
    _, alive = psutil.wait_procs(judge.kill(), timeout=LONG_S)
    assert alive == []
