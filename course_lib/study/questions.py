"""The question bank: predict prompts, quiz items, flashcards and recall questions, one TOML file per lesson.

One record feeds every face of a question (prompt in a cell, quiz, deck, the questions at a lesson's end), so a wording
is corrected in one place. Reviews are kept under a question's id: an id that was published stays.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from course_lib.errors import CourseError

BANK = Path(__file__).parent / "bank"

Kind = Literal["predict", "quiz", "card", "recall"]
ID = re.compile(r"\d\d-[a-z0-9]+(-[a-z0-9]+)*")
PER_LESSON: dict[Kind, range] = {"quiz": range(4, 7), "card": range(6, 9), "recall": range(5, 6)}


@dataclass(frozen=True)
class Option:
    """One possible answer, and why it is right or wrong."""

    text: str
    because: str = ""
    right: bool = False


@dataclass(frozen=True)
class Question:
    """One question: with options, or a free `number` and its reason, or an `answer` (a card, a recall question)."""

    id: str
    kind: Kind
    prompt: str
    lesson: str = ""
    section: int = 0
    options: tuple[Option, ...] = ()
    answer: str = ""
    number: float | None = None
    because: str = ""

    def __str__(self) -> str:
        """Return the question and its options, without any answer: what a saved notebook shows."""
        lines = [f"({letter}) {option.text}" for letter, option in zip("abcdefgh", self.options, strict=False)]
        return "\n".join([self.prompt, *(lines or ["(a number)"] * (self.number is not None))])


@cache
def load(stem: str, folder: Path = BANK) -> tuple[Question, ...]:
    """Return the questions of one lesson, in order; raise `CourseError` when its file is broken."""
    path = folder / f"{stem}.toml"
    try:
        records = tomllib.loads(path.read_text(encoding="utf-8"))["question"]
        return tuple(_question(stem, record) for record in records)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CourseError(
            f"the question bank {path.name} cannot be read ({error}); compare it with its neighbours"
        ) from error


def stems(folder: Path = BANK) -> list[str]:
    """Return the stems of the lessons that have questions, in order."""
    return sorted(path.stem for path in folder.glob("[0-9][0-9]_*.toml"))


def stem_of(number: int, folder: Path = BANK) -> str:
    """Return the stem of the lesson with that number; raise `CourseError` when it has no questions."""
    there = stems(folder)
    for stem in there:
        if int(stem[:2]) == number:
            return stem
    known = ", ".join(stem[:2] for stem in there) or "none"
    raise CourseError(f"expected a lesson that has questions ({known}), got {number!r}; name one of them")


def of_kind(kind: Kind, chosen: Iterable[str], folder: Path = BANK) -> list[Question]:
    """Return the questions of one kind in the lessons `chosen`, in the bank's order."""
    return [question for stem in chosen for question in load(stem, folder) if question.kind == kind]


def find_prompt(prompt_id: str, folder: Path = BANK) -> Question:
    """Return the predict prompt of that id; raise `CourseError` with the nearest id when there is none."""
    number = prompt_id.partition("-")[0]
    for stem in stems(folder):  # only the lesson's own file is read, unless the id is wrong
        if stem.startswith(f"{number}_"):
            for question in load(stem, folder):
                if question.kind == "predict" and question.id == prompt_id:
                    return question
    raise CourseError(f"no prompt is named {prompt_id!r}; did you mean {_nearest(prompt_id, folder)!r}?")


def faults(questions: tuple[Question, ...]) -> list[str]:
    """Return what is wrong with the questions of the bank, one sentence each; empty when all is well."""
    found = [f"{q.id}: the id is used twice" for i, q in enumerate(questions) if q.id in {p.id for p in questions[:i]}]
    for question in questions:
        if question.kind in ("card", "recall"):
            name = "card" if question.kind == "card" else "recall question"
            wrong = {
                f"a {name} needs an answer": not question.answer.strip(),
                f"a {name} has no options": bool(question.options),
            }
        elif question.number is not None:
            wrong = {
                "a number needs its reason": not question.because,
                "a number has no options": bool(question.options),
                "only a predict prompt may be a number": question.kind != "predict",
            }
        else:
            wrong = _option_faults(question)
        wrong["the prompt is empty"] = not question.prompt.strip()
        wrong["the id must be lower-case words with hyphens"] = not ID.fullmatch(question.id)
        wrong[f"the id must begin with {question.lesson[:2]}-"] = not question.id.startswith(f"{question.lesson[:2]}-")
        found += [f"{question.id}: {sentence}" for sentence, is_so in wrong.items() if is_so]
    return found


def lesson_faults(stem: str, folder: Path = BANK) -> list[str]:
    """Return what is wrong with the number of a lesson's questions, one sentence each; empty when all is well."""
    found = []
    for kind, wanted in PER_LESSON.items():
        count = len(of_kind(kind, [stem], folder))
        if count not in wanted:
            span = f"{wanted.start} to {wanted.stop - 1}" if len(wanted) > 1 else f"{wanted.start}"
            found.append(f"{stem}: expected {span} questions of kind {kind}, got {count}")
    return found


def _option_faults(question: Question) -> dict[str, bool]:
    right = sum(option.right for option in question.options)
    texts = [option.text for option in question.options]
    return {
        "expected 2 to 8 options": not 2 <= len(texts) <= 8,
        "two options read the same": len(set(texts)) < len(texts),
        f"expected exactly 1 right option, got {right}": right != 1,
        "every option needs its reason": not all(option.because.strip() for option in question.options),
        "every option needs its text": not all(text.strip() for text in texts),
    }


def _question(stem: str, record: dict[str, Any]) -> Question:  # Any: whatever the file says
    options = tuple(Option(**option) for option in record.get("options", ()))
    return Question(**{**record, "lesson": stem, "options": options})


def _nearest(prompt_id: str, folder: Path) -> str:
    import difflib  # imported here: only a wrong id pays for it

    known = [q.id for stem in stems(folder) for q in load(stem, folder) if q.kind == "predict"]
    return next(iter(difflib.get_close_matches(prompt_id, known, n=1, cutoff=0.0)), "none")
