"""What README.md tells people to type is parsed or run here, and what it quotes is looked up in the source."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_lib import cli

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ("README.md", "CONTRIBUTING.md")
ENVIRONMENT = (ROOT / "environment.yml").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
PROGRAMS = ("make", "course", ".venv/bin/course", "conda")
OF_OTHERS = {"Kernel is running over TCP without encryption"}  # said by ipykernel, not by us


def blocks() -> list[str]:
    """Return the lines of every block of commands."""
    return [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]


def spans(page: str) -> list[str]:
    """Return the commands that stand in the text between backticks."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"`([^`\n]+)`", text)
    return [span for span in found if span.split()[0] in PROGRAMS and len(span.split()) > 1]


def complaint(command: str) -> str:
    """Return what is wrong with one command line, or an empty text."""
    program, *arguments = shlex.split(command)
    match program, arguments:
        case "make", [target, *_]:
            return "" if target in TARGETS else f"no target {target}"
        case "course" | ".venv/bin/course", _:
            return parse(arguments)
        case "conda", ["env", "create", "-f", name]:
            return "" if (ROOT / name).is_file() else f"no file {name}"
        case "conda", ["activate", name]:
            return "" if f"name: {name}\n" in ENVIRONMENT else f"environment.yml makes no {name}"
        case "python", ["-m", "venv", ".venv"] | ["-m", "pip", "install", "-e", "."]:
            return ""
        case "source", [".venv/bin/activate"]:
            return ""
    return "nothing here knows how to check it"


def parse(arguments: list[str]) -> str:
    """Return what the command line says about arguments it cannot take."""
    if not arguments or arguments[0] not in cli.COMMANDS:
        return f"course has no command {arguments[:1]}"
    module = cli._module(arguments[0])
    parser = argparse.ArgumentParser(exit_on_error=False)
    module.add_arguments(parser)
    try:
        _, left = parser.parse_known_args(["3" if word == "NN" else word for word in arguments[1:]])
    except argparse.ArgumentError as error:
        return str(error)
    return f"unknown: {left}" if left else ""


@pytest.mark.parametrize("command", blocks())
def test_command_in_a_block_can_be_typed(command: str) -> None:
    assert complaint(command) == ""


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_text_can_be_typed(page: str) -> None:
    faults = {command: complaint(command) for command in spans(page)}
    assert {command: fault for command, fault in faults.items() if fault} == {}


def test_three_doors_and_two_commands_are_there() -> None:
    assert [line for line in README.splitlines() if line.startswith("### You ")] == [
        "### You learn",
        "### You study alone",
        "### You teach",
    ]
    assert {"make start", "make test"} <= set(blocks())


# said to who calls us wrongly, never to a learner: each stands in a test of its module
OF_PROGRAMMERS = {
    "MariaDB is not running; start it first",
    "PostgreSQL has not been started; await its start() first",
    "expected a database of this course, got #; nothing was dropped",
    "expected a server of #, got #; see: course doctor",
    "expected postgres, pgbouncer or mariadb, got #",
}


def test_doctor_runs_as_the_readme_says() -> None:
    done = subprocess.run([sys.executable, "-m", "course_lib.cli", "doctor"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_quoted_messages_are_ours() -> None:
    table = README.partition("## When something is wrong")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| ")]
    quoted = {words for row in rows for words in re.findall(r"`([^`]+)`", row)} - OF_OTHERS
    files = [ROOT / "bootstrap.py", *sorted((ROOT / "course_lib").rglob("*.py"))]
    said = "\n".join(shape(path.read_text(encoding="utf-8")) for path in files)
    assert len(quoted) > 4
    assert {words for words in quoted if shape(words) not in said} == set()


def shape(text: str) -> str:
    """Return a text with the parts that vary replaced: fields of f-strings, numbers, quoted names."""
    return re.sub(r"\{[^{}]+\}|\d+|'\w+'|\.\.\.", "#", text)


def test_every_message_of_the_servers_is_in_the_table() -> None:
    table = README.partition("### The database servers")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| ")]
    quoted = [shape(words) for row in rows for words in re.findall(r"`([^`]+)`", row)]
    raised = {text for path in (ROOT / "course_lib" / "databases").glob("*.py") for text in messages(path)}
    assert len(raised) > 30
    assert {text for text in raised - OF_PROGRAMMERS if not any(words in text for words in quoted)} == set()


def messages(path: Path) -> Iterator[str]:
    """Yield the shape of each text that a module raises as a `ServerError`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ServerError":
            pieces = getattr(node.args[0], "values", [node.args[0]])
            text = "".join(str(piece.value) if isinstance(piece, ast.Constant) else "#" for piece in pieces)
            if path.stem != "sqlite" and text.strip("# ()"):  # the others pass on what somebody else said
                yield shape(text)


def test_every_variable_is_read_somewhere() -> None:
    told = set(re.findall(r"COURSE_[A-Z_]+", README))
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "course_lib").rglob("*.py"))
    assert {name for name in told if name not in code} == set()


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md"])
def test_links_lead_to_files(page: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_python_versions_agree_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.15"
    assert "Python 3.11 to 3.14" in README
    assert "python=3.12\n" in ENVIRONMENT


def test_repo2docker_finds_environment_yml() -> None:
    assert "- pip:\n      - -e .[cert,landscape]\n" in ENVIRONMENT
    hiding = ("binder", ".binder", "Dockerfile")  # where one of these exists, environment.yml is not read
    assert [name for name in hiding if (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_no_word_that_makes_a_reader_feel_slow(page: str) -> None:
    words = re.findall(r"\b(simply|just|obviously|easy|easily)\b", (ROOT / page).read_text(encoding="utf-8"), re.I)
    assert words == []
