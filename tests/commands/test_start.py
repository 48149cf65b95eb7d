"""`course start` as a process of its own: served, found again, refused in one sentence, ended without a trace."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from course_lib import cli
from course_lib.commands import start as command
from course_lib.doctor import Diagnosis, Finding

from .served import LIMIT_S, Home, Served, end, notebook, write_small_course


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a course nobody has opened yet."""
    home = Home(tmp_path)
    write_small_course(home.course)
    return home


@pytest.fixture
def serve(home: Home) -> Iterator[Callable[..., Served]]:
    """Return a way to start servers; whatever still runs at the end is killed."""
    with contextlib.ExitStack() as after:

        def begin(*arguments: str, **env: str) -> Served:
            process = home.start(*arguments, **env)
            after.callback(end, process)
            return Served(process)

        yield begin


def kernels(home: Home) -> list[str]:
    """Return the connection files of kernels that run, or were left behind."""
    return [path.name for path in Path(home.env["JUPYTER_RUNTIME_DIR"]).glob("kernel-*.json")]


def test_first_lesson_is_served_with_a_token_on_this_machine_only(serve: Callable[..., Served], home: Home) -> None:
    lab = serve()
    assert lab.page == "/lab/tree/work/notebooks/00_doors_open.ipynb?reset"
    assert len(lab.token) == 48
    assert lab.ask("/api/contents/work/notebooks/00_doors_open.ipynb")["type"] == "notebook"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        lab.ask("/api/contents", token=False)
    with pytest.raises(OSError, match="refused"):  # another address of this machine: only 127.0.0.1 is bound
        socket.create_connection(("127.0.0.2", lab.port), LIMIT_S)
    assert lab.said[0] == "opening lesson 00_doors_open\n"
    assert lab.token not in (home.course / "work" / ".jupyterlab.log").read_text()


def test_settings_of_the_course_are_on(serve: Callable[..., Served]) -> None:
    lab = serve()
    wanted: dict[str, dict[str, object]] = {
        "apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
        "docmanager-extension:plugin": {"defaultViewers": {"markdown": "Markdown Preview"}},
        "notebook-extension:tracker": {"recordTiming": False},
    }
    for name, settings in wanted.items():
        known = lab.ask(f"/lab/api/settings/@jupyterlab/{name}")["schema"]["properties"]
        assert {key: known[key]["default"] for key in settings} == settings


def test_stoppingends_the_kernels(serve: Callable[..., Served], home: Home) -> None:
    lab = serve()
    lab.ask("/api/kernels", post=True)
    assert len(kernels(home)) == 1
    assert lab.stop() == "JupyterLab has stopped, your work is saved\n"
    assert kernels(home) == []


def test_control_c_in_a_terminalends_it_without_a_question(home: Home) -> None:
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - this is another process
        os.execve(sys.executable, [sys.executable, "-m", "course_lib.cli", "start", "--no-browser"], home.env)
    said = _read_until(terminal, "Ctrl-C stops it")
    os.write(terminal, b"\x03")
    said += _read_until(terminal, "your work is saved")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert "y/[n]" not in said
    assert "Traceback" not in said


def _read_until(terminal: int, words: str) -> str:
    said = ""
    while words not in said:
        ready, _, _ = select.select([terminal], [], [], LIMIT_S)
        assert ready, f"expected {words!r}, got {said!r}"
        said += os.read(terminal, 4096).decode()
    return said


def test_two_at_once_take_a_port_each(home: Home) -> None:
    both = [home.start(), home.start("1")]
    try:
        labs = [Served(process) for process in both]
        assert labs[0].port != labs[1].port
        for lab in labs:
            assert lab.ask("/api/status")["kernels"] == 0
        assert sorted(lab.stop() for lab in labs) == ["JupyterLab has stopped, your work is saved\n"] * 2
    finally:
        for process in both:
            end(process)


def test_named_port_is_used(serve: Callable[..., Served]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    assert serve("--port", str(port)).port == port


def test_taken_port_is_one_sentence(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert home.refused("--port", str(port)) == (
            2,
            f"course start: port {port} cannot be used (address already in use); "
            "leave --port out and a free one is taken\n",
        )


def test_impossible_port_is_one_sentence(home: Home) -> None:
    code, said = home.refused("--port", "99999")
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("course start: port 99999 cannot be used (not a port number); ")


def test_unknown_lesson_is_one_sentence(home: Home) -> None:
    assert home.refused("7") == (2, "course start: lesson 07 is not in notebooks/; there are: 00, 01\n")


def test_read_only_work_folder_is_one_sentence(home: Home, tmp_path: Path) -> None:
    (tmp_path / "wall").write_text("a file where a folder should be: root may write everywhere, but not here")
    code, said = home.refused(COURSE_WORK=str(tmp_path / "wall" / "work"))
    assert (code, said.count("\n")) == (2, 1)
    assert said.endswith("nothing was changed; set COURSE_WORK to another folder\n")


def test_work_folder_outside_the_course_is_served(serve: Callable[..., Served], tmp_path: Path) -> None:
    lab = serve("1", COURSE_WORK=str(tmp_path / "my course"))
    assert lab.page == "/lab/tree/notebooks/01_event_loop.ipynb?reset"
    assert lab.ask("/api/contents/notebooks/01_event_loop.ipynb")["type"] == "notebook"
    assert lab.ask("/api/contents/exercises/01_event_loop.ipynb")["type"] == "notebook"


def test_opening_is_remembered_and_finished_sheets_are_passed_over(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COURSE_ROOT", "COURSE_PROGRESS_DB"):
        monkeypatch.setenv(name, home.env[name])
    from course_lib.study.progress import record

    assert command.choose(None) == ("lesson", "00_doors_open")
    record("ran", "lesson:00_doors_open")
    assert command.choose(None) == ("exercise", "00_doors_open")
    record("passed", "doors_open", {"lesson": "00_doors_open"})
    assert command.choose(None) == ("lesson", "01_event_loop")
    assert command.choose(0) == ("lesson", "00_doors_open")


def test_broken_machine_is_told_what_is_missing(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Finding("packages", "not ok", "httpx is missing", "type: make setup")
    monkeypatch.setattr(command, "doctor", lambda brief: Diagnosis((broken,), is_brief=brief))
    assert cli.main(["start"]) == 1
    assert capsys.readouterr().out == "packages: httpx is missing; type: make setup\n"


def test_older_copies_are_named(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("COURSE_ROOT", "COURSE_PROGRESS_DB"):
        monkeypatch.setenv(name, home.env[name])
    monkeypatch.delenv("COURSE_WORK", raising=False)
    opened: list[Path] = []
    monkeypatch.setattr(command, "serve", lambda sheet, **_: opened.append(sheet))
    assert cli.main(["start"]) == 0
    (home.course / "work" / "exercises" / "00_doors_open.ipynb").write_text(notebook(("answer-doors", "mine")))
    for name in ("exercises/00_doors_open.ipynb", "notebooks/01_event_loop.ipynb"):
        (home.course / name).write_text(notebook(("new", "2")))
    capsys.readouterr()
    assert cli.main(["start", "1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "updated copies you had not changed: notebooks/01_event_loop.ipynb",
        "older than the course, kept because you changed them: exercises/00_doors_open.ipynb",
        "to take the newer one (yours is kept, dated): course reset NN, for a lesson course reset NN --lesson",
        "opening lesson 01_event_loop",
    ]
    assert [path.name for path in opened] == ["00_doors_open.ipynb", "01_event_loop.ipynb"]
