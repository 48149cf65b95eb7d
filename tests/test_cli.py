"""`course`: what it is told, what it answers, and that nobody ever sees a traceback."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
import small_course

from course_lib import cli
from course_lib.errors import CourseError

COURSE = [sys.executable, "-m", "course_lib.cli"]
COMMANDS_FOLDER = Path(cli.__file__).parent / "commands"


def answer_with(monkeypatch: pytest.MonkeyPatch, raised: BaseException | None, code: int = 0) -> None:
    """Let every command do nothing but raise, or return its code."""

    def run(_: object) -> int:
        if raised is not None:
            raise raised
        return code

    command = SimpleNamespace(add_arguments=lambda parser: None, run=run)
    monkeypatch.setattr(cli, "_module", lambda name: command)


def test_every_command_has_a_line_of_help_and_a_module() -> None:
    modules = {path.stem for path in COMMANDS_FOLDER.glob("[a-z]*.py")}
    assert modules == set(cli.COMMANDS)
    for name in cli.COMMANDS:
        module = importlib.import_module(f"course_lib.commands.{name}")
        assert module.__doc__
        assert callable(module.add_arguments)
        assert callable(module.run)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for name, summary in cli.COMMANDS.items():
        assert f"{name} {summary}" in shown


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_command_explains_its_arguments(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main([name, "--help"])
    shown = capsys.readouterr().out
    assert f"usage: course {name}" in shown
    described = [line for line in shown.splitlines() if line.startswith(("  -", "  N"))]
    assert all(len(line.split()) >= 2 for line in described)


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert capsys.readouterr().out.startswith("usage: course [-h] COMMAND")


def test_unknown_command_names_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        cli.main(["dance"])
    assert "invalid choice: 'dance'" in capsys.readouterr().err


def test_help_imports_no_command() -> None:
    code = (
        "import sys\nfrom course_lib import cli\ntry:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.startswith('course_lib.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['course_lib.errors', 'course_lib.cli']"


@pytest.mark.parametrize("code", [0, 1, 2])
def test_code_of_a_command_is_handed_on(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, None, code)
    assert cli.main(["derive"]) == code


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (
            CourseError("expected this, got that; do the other"),
            2,
            "course derive: expected this, got that; do the other",
        ),
        (KeyboardInterrupt(), 130, "course derive: stopped"),
        (
            OSError(28, "No space left on device", "exercises/00.ipynb"),
            2,
            "course derive: No space left on device: exercises/00.ipynb; check the disk and your permissions",
        ),
        (
            OSError(28, "No space left on device"),
            2,
            "course derive: [Errno 28] No space left on device; check the disk and your permissions",
        ),
        (OSError("gone"), 2, "course derive: gone; check the disk and your permissions"),
    ],
)
def test_known_problem_is_one_sentence_and_a_code(
    raised: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_with(monkeypatch, raised)
    assert cli.main(["derive"]) == code
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"{said}\n")


def test_ctrl_c_while_a_command_is_imported_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(name: str) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_module", interrupted)
    assert cli.main(["check"]) == 130
    assert capsys.readouterr().err == "course check: stopped\n"


def test_reader_that_went_away_is_no_error(tmp_path: Path) -> None:
    (small_course.build(tmp_path) / "exercises" / f"{small_course.STEM}.ipynb").unlink()  # so derive has a word to say
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        command, env = [*COURSE, "derive"], {**os.environ, "COURSE_ROOT": str(tmp_path)}
        done = subprocess.run(command, env=env, stdout=nobody, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_installed_program_is_this_function() -> None:
    program = Path(sys.executable).parent / "course"
    done = subprocess.run([program, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, "install the course into this environment: make setup"
    assert done.stdout.startswith("usage: course")
