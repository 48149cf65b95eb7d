"""`course cards`: a review by keys in a terminal or a pipe, and a deck for Anki."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.cli import main
from course_lib.study.progress import events


def test_a_review_reads_keys_from_a_pipe(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n3\n\neasy\nq\n"))
    assert main(["cards", "7"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Cards of lesson 07: 0 due, 13 new\n\n[07 pools] pool_size + max_overflow?\n")
    assert printed.endswith("2 reviews kept; go on at any time with: course cards\n")
    assert [(event.object, event.result["grade"]) for event in events("reviewed")] == [
        ("07-card-most", "good"),
        ("07-card-timeout", "easy"),
    ]


def test_a_pipe_that_ends_ends_the_review(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n2\n"))
    assert main(["cards", "0"]) == 0
    assert capsys.readouterr().out.endswith("\n1 review kept; go on at any time with: course cards\n")


def test_without_a_lesson_the_cards_are_those_of_the_lessons_met(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cards"]) == 0
    assert capsys.readouterr().out == ("Cards: 0 due, 0 new\nNo cards yet: they come with the lessons you open.\n")


def test_ctrl_c_keeps_what_was_graded(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-m", "course_lib.cli", "cards", "7"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as review:
        assert review.stdin is not None
        assert review.stdout is not None
        review.stdin.write(b"\n3\n")
        review.stdin.flush()
        seen = b""
        while b"pool_timeout?" not in seen:  # the second card: the first one's grade is in the store
            part = os.read(review.stdout.fileno(), 4096)
            assert part, seen
            seen += part
        review.send_signal(signal.SIGINT)
        out, err = review.communicate(timeout=60)
    assert review.returncode == 130
    assert out.decode().endswith("1 review kept; go on at any time with: course cards\n")
    assert err.decode() == "course cards: stopped\n"
    assert [event.object for event in events("reviewed")] == ["07-card-most"]


@pytest.mark.parametrize(("lesson", "count"), [([], 126), (["3"], 13)])
def test_the_cards_are_written_for_anki(
    lesson: list[str], count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.apkg"
    assert main(["cards", *lesson, "--anki", str(path)]) == 0
    assert path.read_bytes()[:2] == b"PK"
    assert capsys.readouterr().out == (
        f"{count} cards written to {path}; import it in Anki as often as you like, no card is doubled\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["77"], "expected a lesson that has questions ("),
        (["--anki", "mine.zip"], "expected a file name that ends in .apkg, got mine.zip"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cards", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"course cards: {sentence}")
