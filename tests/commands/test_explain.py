"""`course explain`: a message, a pasted traceback, the list, and one sentence when nothing came."""

from __future__ import annotations

import io
import json
import sys

import pytest

from course_lib.cli import main
from course_lib.field_guide import entries, explain

IN_A_LOOP = "asyncio.run() cannot be called from a running event loop"


class Pipe(io.TextIOWrapper):
    """Standard input as a pipe or a terminal gives it."""

    def __init__(self, content: bytes = b"", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(content), encoding="ascii")
        self.terminal = terminal

    def isatty(self) -> bool:
        """Say whether a person types there."""
        return self.terminal


def test_message_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", f"RuntimeError: {IN_A_LOOP}"]) == 0
    page = "page    docs/field_guide.md#asyncio-run-in-loop"
    assert capsys.readouterr().out == f"{explain(f'RuntimeError: {IN_A_LOOP}')}\n{page}\n"


def test_help_recommends_standard_input(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["explain", "--help"])
    assert "  course explain <<'EOF'\n  ...the paste...\n  EOF\n" in capsys.readouterr().out


def test_words_need_no_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "database", "is", "locked", "is", "what", "it", "says"]) in (0, 1)
    assert main(["explain", "loop-running"]) == 0
    assert "asyncio-run-in-loop" in capsys.readouterr().out


def test_unknown_message_is_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "RuntimeError: the ice machine is on strike"]) == 1
    printed = capsys.readouterr().out
    assert "entry   not in the field guide yet" in printed
    assert "\npage " not in printed


def test_traceback_is_read_from_a_pipe(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"Traceback (most recent call last):\n  File bär.py\nRuntimeError: {IN_A_LOOP}\n"
    monkeypatch.setattr(sys, "stdin", Pipe(text.encode() + b"\xff"))
    assert main(["explain"]) == 0
    assert "entry   asyncio-run-in-loop\n" in capsys.readouterr().out


@pytest.mark.parametrize("stdin", [Pipe(), Pipe(b" \n"), Pipe(b"x", terminal=True), None])
def test_nothing_to_explain_is_one_sentence(
    stdin: Pipe | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["explain"]) == 2
    assert capsys.readouterr().err == (
        'course explain: nothing to explain; type course explain "the message", or send it a traceback with |\n'
    )


def test_list_is_aligned_and_complete(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [one.slug for one in entries()]
    column = lines[0].index(" 00 ")
    assert {line[column] + line[column + 3] for line in lines} == {"  "}
    assert max(map(len, lines)) <= 100
    silent = [line for line in lines if line.startswith("blocked-loop ")]
    assert "01  no error: Every request, `/ping` included" in silent[0]


def test_list_is_also_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["slug"] for row in rows] == [one.slug for one in entries()]
    assert {row["slug"]: row for row in rows}["lost-task"] == {
        "slug": "lost-task", "lesson": "01_event_loop", "silent": True, "variant_of": "never-awaited",
        "title": next(one.title for one in entries() if one.slug == "lost-task"),
    }  # fmt: skip


def test_explanation_is_also_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--json", IN_A_LOOP]) == 0
    assert json.loads(capsys.readouterr().out)["slug"] == "asyncio-run-in-loop"


def test_group_is_known_when_one_of_its_errors_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = "  +---------------- 2 ----------------\n"
    group = f"  | ExceptionGroup: two\n  +-+---------------- 1 ----------------\n    | KeyError: 'gin'\n{rule}"
    monkeypatch.setattr(sys, "stdin", Pipe(f"{group}    | RuntimeError: {IN_A_LOOP}\n".encode()))
    assert main(["explain"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("ExceptionGroup of 2 different errors\n\n")
    assert printed.endswith("page    docs/field_guide.md#asyncio-run-in-loop\n")
    assert printed.count("page    ") == 1
