"""Read the attacks from their families and write each of them out as a learner's file, with the verdict it must get.

An attack is a piece of code and an answer it is put into: in front (`before`), behind (`after`), or into the function
that the check calls (`inside`). `answer` says whether that answer is right or wrong; `text` replaces it.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any  # Any: what a TOML file holds

from attacks.targets import TARGETS, Target, packed
from course_lib.checks.outcome import OutcomeName
from course_lib.grading.graded import Submission

FOLDER = Path(__file__).resolve().parent
LONG = {  # what nobody wants to read in a file
    "many": " + ".join(["1"] * 2000),
    "deep": "(" * 5000 + ")" * 5000,
    "signs": "-" * 20_000,
    "nul": "\0",
    "half": "\ud800",
    "lines": "\n".join(["pass"] * 10_000),
    "long": "x" * 10_000_000,
}
NOTICED = "the answer changed the course's own code ("
# "as the answer": the attack has no effect, so the verdict is what the answer in it deserves
KEYS = ("before", "inside", "after", "text", "answer", "learner", "needs", "only", "hangs", "neighbour", "toothless")


@dataclass(frozen=True)
class Expected:
    """What a verdict must be: one of these outcomes, a message that begins in one of these ways."""

    outcomes: tuple[OutcomeName, ...]
    messages: tuple[str, ...] = ("",)

    def __str__(self) -> str:
        return f"{' or '.join(self.outcomes)}: {' or '.join(map(repr, self.messages))}"


@dataclass(frozen=True)
class Attack:
    """One attack; `needs` are the layers of the sandbox without which nothing stops it, so that it is not tried."""

    family: str
    name: str
    before: str = ""
    inside: str = ""
    after: str = ""
    text: str = ""
    answer: str = "wrong"
    learner: str = "ada"
    needs: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    hangs: bool = False  # judged with a short clock
    neighbour: bool = False  # another question of the sheet is right, and must stay so
    toothless: str = ""  # the reason why it would change nothing even if nobody stopped it
    verdict: dict[str, Any] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The exercises it is tried on."""
        return tuple(target for target in TARGETS if not self.only or target.question in self.only)

    def expected(self, target: Target) -> Expected:
        """Return what the verdict on `target` must be."""
        verdict = {**self.verdict, **self.verdict.get("on", {}).get(target.question, {})}
        honest = (
            Expected(("pass",), (target.proved,)) if self.answer == "right" else Expected(("fail",), (target.caught,))
        )
        if verdict["outcome"] == "as the answer":
            return honest
        if verdict["outcome"] == "as the answer, or noticed":
            return Expected((*honest.outcomes, "error"), (*honest.messages, NOTICED))
        messages = _several(verdict.get("message", ""))
        return Expected(_several(verdict["outcome"]), tuple(_named(each, target) for each in messages))

    def code(self, target: Target) -> str:
        """Return the answer cell."""
        if self.text:
            return _named(f"# question: @question@\n{self.text}", target)
        answer = target.with_inside(target.right if self.answer == "right" else target.wrong, self.inside)
        first, _, rest = answer.partition("\n")
        parts = [first, self.before.strip("\n"), rest, self.after.strip("\n")]
        return _named("\n".join(part for part in parts if part), target)


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def _named(text: str, target: Target) -> str:
    names = {
        "question": target.question,
        "function": target.function,
        "stem": target.stem,
        "proved": target.proved,
        "points": str(target.points),
        "worth": f"{target.points} {'point' if target.points == 1 else 'points'}",
    }
    for name, value in (names | LONG).items():
        text = text.replace(f"@{name}@", value)
    return text


def write(attack: Attack, target: Target) -> bytes:
    """Return the attack on `target` as the bytes of a notebook."""
    return packed(target.sheet(attack.code(target), neighbour=attack.neighbour))


def submission(attack: Attack, target: Target) -> Submission:
    """Return the attack as it is handed in."""
    return Submission(attack.learner, target.file, write(attack, target))


@functools.cache
def attacks() -> tuple[Attack, ...]:
    """Return every attack of every family, in order."""
    return tuple(attack for path in sorted(FOLDER.glob("*.toml")) for attack in _family(path))


def _family(path: Path) -> list[Attack]:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return [_attack(path.stem, {**data.get("all", {}), **one}) for one in data["attack"]]


def _attack(family: str, data: dict[str, Any]) -> Attack:
    verdict: dict[str, Any] = {key: data[key] for key in ("outcome", "message", "on") if key in data}
    given: dict[str, Any] = {key: data[key] for key in KEYS if key in data}
    given |= {key: tuple(given[key]) for key in ("needs", "only") if key in given}
    unknown = set(data) - set(KEYS) - {"outcome", "message", "on", "name", "why"}
    if unknown or not verdict.get("outcome"):
        raise ValueError(f"{family}/{data['name']}: {unknown or 'no outcome'}")
    return Attack(family, data["name"], verdict=verdict, **given)
