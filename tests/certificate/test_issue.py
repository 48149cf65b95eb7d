"""Certificates of a class: a file for who passes everything, a sentence for the others, names that every disk takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_course import STEM

from certificate.statements import key
from course_lib.certificate import seal
from course_lib.certificate.issue import file_name, issue, today
from course_lib.checks.outcome import Outcome, OutcomeName
from course_lib.grading.graded import Graded, Verdict
from course_lib.grading.report.results import Results

LONG = "ż" * 190


def handed_in(learner: str, *outcomes: OutcomeName, file: str = f"{STEM}.ipynb") -> Graded:
    """Return the judged sheet of a learner; everything passes where nothing is said."""
    names = ("small-double", "small-later")
    verdicts = [
        Verdict(Outcome(name, outcome, "well done", int(outcome == "pass"), 1, STEM))
        for name, outcome in zip(names, outcomes or ("pass", "pass"), strict=True)
    ]
    return Graded(learner, file, f"{learner}{file}", STEM, tuple(verdicts))


def test_who_passes_gets_a_file_and_the_others_a_sentence(small: Path, tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    broken = Graded("eve", "eve.ipynb", "x", problem="eve.ipynb is not a notebook")
    results = Results((handed_in("ada"), handed_in("bob", "pass", "fail"), broken), isolation=("no seccomp here",))
    assert issue(results, folder, key()) == [
        f"ada: {folder / 'ada.pdf'}",
        "bob: not everything passes: 00 small-later (fail)",
        "eve: not everything passes: 00 no sheet",
    ]
    assert [path.name for path in folder.iterdir()] == ["ada.pdf"]
    made = seal.verified((folder / "ada.pdf").read_bytes(), key().public_key())
    assert (made.name, made.kind, made.date, made.isolation) == ("ada", "signed", today(), ("no seccomp here",))
    assert [each.question for each in made.proved] == ["small-double", "small-later"]


def test_better_sheet_of_two_counts(small: Path, tmp_path: Path) -> None:
    sheets = (handed_in("ada"), handed_in("ada", "pass", "fail", file=f"{STEM}-Copy1.ipynb"))
    assert issue(Results(sheets), tmp_path, key()) == [f"ada: {tmp_path / 'ada.pdf'}"]
    made = seal.verified((tmp_path / "ada.pdf").read_bytes(), key().public_key())
    assert made.sheets == {STEM: sheets[0].digest}


def test_halves_of_two_sheets_are_no_whole(small: Path, tmp_path: Path) -> None:
    """One sheet must hold everything: the points that a report counts and a certificate agree."""
    sheets = (handed_in("ada", "fail", "pass"), handed_in("ada", "pass", "fail", file=f"{STEM}-Copy1.ipynb"))
    assert issue(Results(sheets), tmp_path, key()) == ["ada: not everything passes: 00 small-later (fail)"]


def test_file_of_an_earlier_run_is_kept_and_named(small: Path, tmp_path: Path) -> None:
    issue(Results((handed_in("ada"),)), tmp_path, key())
    before = (tmp_path / "ada.pdf").read_bytes()
    assert issue(Results((handed_in("ada", "pass", "fail"),)), tmp_path, key()) == [
        f"ada: not everything passes: 00 small-later (fail); {tmp_path / 'ada.pdf'} is of an earlier run"
    ]
    assert (tmp_path / "ada.pdf").read_bytes() == before


def test_name_that_cannot_be_drawn_costs_itself_only(small: Path, tmp_path: Path) -> None:
    said = issue(Results((handed_in("山田"), handed_in("zoë"))), tmp_path, key())
    assert said == [
        f"zoë: {tmp_path / 'zoë.pdf'}",
        "山田: the font of the page has no sign for 山田 in the name; write it in other letters",
    ]


@pytest.mark.parametrize(
    ("learner", "begins"),
    [
        ("../../etc/passwd", "_.._etc_passwd-"),
        ("a:b", "a_b-"),
        ("...", "-"),
        ("ada.", "ada-"),
        ("CON", "CON-"),
        ("nul.txt", "nul.txt-"),
        (LONG, "ż" * 90 + "-"),
    ],
)
def test_name_that_some_disk_refuses_is_made_fit(learner: str, begins: str) -> None:
    made = file_name(learner, set())
    assert made.startswith(begins)
    assert len(made) == len(begins) + len("12345678.pdf")
    assert Path(made).name == made
    assert len(made.encode()) < 255 - len(".123456.part")


def test_plain_name_stays_and_two_alike_are_told_apart() -> None:
    taken: set[str] = set()
    names = [file_name(learner, taken) for learner in ("Ada Lovelace", "ada lovelace", "Zoë (12)")]
    assert names[0] == "Ada Lovelace.pdf"
    assert names[2] == "Zoë (12).pdf"
    assert len({name.casefold() for name in names}) == 3
