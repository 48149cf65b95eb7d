"""A journal cut at any byte is continued without a lost or a doubled verdict, and only where nothing else changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from course_lib.checks.outcome import Outcome
from course_lib.errors import CourseError
from course_lib.grading.graded import Graded, Verdict
from course_lib.grading.journal import NAME, Journal

KEY = {"course version": "1", "exercises": "a", "--timeout": "None"}


def graded(number: int) -> Graded:
    """Return a verdict with letters that are hard to write."""
    outcome = Outcome("small-double", "fail", f"got \udc80 {number}\n\x1b", 0, 1, "00_small", 2)
    return Graded(f"Müller {number}", "a.ipynb", f"digest-{number}", "00_small", (Verdict(outcome, isolation=("x",)),))


def written(folder: Path, count: int) -> bytes:
    """Write a journal of `count` verdicts; return its bytes."""
    with Journal(folder, KEY) as journal:
        for number in range(count):
            journal.append(graded(number))
    return (folder / NAME).read_bytes()


def test_verdict_is_read_back_as_it_was(tmp_path: Path) -> None:
    written(tmp_path, 2)
    with Journal(tmp_path, KEY) as journal:
        assert [*journal.done.values()] == [graded(0), graded(1)]
        assert journal.said == "continued: 2 judged by an earlier run"


def test_journal_cut_at_any_byte_is_continued(tmp_path: Path) -> None:
    whole = written(tmp_path, 3)
    ends = [at + 1 for at, byte in enumerate(whole) if byte == 10]
    for at in range(len(whole) + 1):
        (tmp_path / NAME).write_bytes(whole[:at])
        with Journal(tmp_path, KEY) as journal:
            assert len(journal.done) == max(0, sum(end <= at for end in ends) - 1)
            for number in range(3):
                journal.append(graded(number))
        assert (tmp_path / NAME).read_bytes() == whole


@pytest.mark.parametrize(
    "garbage", [b"\0" * 40, b"{}\n", b"[1]\n", b'{"learner": 1}\n', b"\xff\xfe\n", b"\n", b"null\n"]
)
def test_garbage_at_the_end_is_cut_off(garbage: bytes, tmp_path: Path) -> None:
    whole = written(tmp_path, 2)
    (tmp_path / NAME).write_bytes(whole + garbage)
    with Journal(tmp_path, KEY) as journal:
        assert len(journal.done) == 2
    assert (tmp_path / NAME).read_bytes() == whole


def test_verdict_is_written_once(tmp_path: Path) -> None:
    whole = written(tmp_path, 1)
    with Journal(tmp_path, KEY) as journal:
        journal.append(graded(0))
    assert (tmp_path / NAME).read_bytes() == whole
    (tmp_path / NAME).write_bytes(whole + whole.splitlines(keepends=True)[1])
    with Journal(tmp_path, KEY) as journal:
        assert len(journal.done) == 1


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ({**KEY, "exercises": "b"}, "begun anew: the earlier run had other exercises"),
        (
            {**KEY, "--timeout": "2.0", "exercises": "b"},
            "begun anew: the earlier run had other exercises and --timeout",
        ),
        ({**KEY, "--new": "1"}, "begun anew: the earlier run had other --new"),
    ],
)
def test_other_course_begins_anew_and_says_why(key: dict[str, str], said: str, tmp_path: Path) -> None:
    written(tmp_path, 2)
    with Journal(tmp_path, key) as journal:
        assert (journal.done, journal.said) == ({}, said)
    with Journal(tmp_path, key) as journal:
        assert (journal.done, journal.said) == ({}, "")


@pytest.mark.parametrize("head", ["", "x", "{}\n", "[]\n", '{"journal": 1}\n', '{"journal": 1, "key": 3}\n'])
def test_beginning_that_cannot_be_read_begins_anew(head: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(head)
    with Journal(tmp_path, KEY) as journal:
        assert journal.said == "begun anew: journal.jsonl has no beginning that can be read"
    assert json.loads((tmp_path / NAME).read_text()) == {"journal": 1, "key": KEY}


def test_journal_of_another_form_begins_anew(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps({"journal": 2, "key": KEY}) + "\n")
    with Journal(tmp_path, KEY) as journal:
        assert journal.said == "begun anew: journal.jsonl is in a form of another course version"


def test_no_resume_begins_anew_without_a_word(tmp_path: Path) -> None:
    written(tmp_path, 2)
    with Journal(tmp_path, KEY, resume=False) as journal:
        assert (journal.done, journal.said) == ({}, "")


def test_two_runs_do_not_write_into_one_journal(tmp_path: Path) -> None:
    with Journal(tmp_path, KEY):
        with pytest.raises(CourseError) as refused, Journal(tmp_path, KEY):
            pass
        assert str(refused.value) == (
            f"another course grade writes to {tmp_path}; wait for its end, or name another --out"
        )
    with Journal(tmp_path, KEY):
        pass


def test_folder_that_cannot_be_written_leaves_no_lock(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    for _ in range(2):
        with pytest.raises(OSError, match="Is a directory"), Journal(tmp_path, KEY):
            pass
