"""Every attack of the corpus gets the verdict that is written beside it, on exercises of three kinds.

`COURSE_ALL_ATTACKS=1` tries every attack on all three; without it those families whose attacks do not depend on the
kind of exercise are tried on one of them, in turn.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # Any: pytest names no type for a parameter

import pytest
from attacks import corpus
from attacks.bench import Bench, selected
from attacks.corpus import Attack, attacks
from attacks.sheets import SPOILED, Spoiled
from attacks.targets import TARGETS, Target, packed

from course_lib.checks.outcome import Outcome
from course_lib.grading.graded import Graded, Submission
from course_lib.grading.judge import Judge
from course_lib.locations import course_root

EVERYWHERE = ("leaks", "moments", "patches")
ALL = os.environ.get("COURSE_ALL_ATTACKS") == "1"
LEFT = [
    Path("/tmp/velvet-rope-attack-was-here"),
    Path("/dev/shm/velvet-rope-attack-was-here"),
    Path("/attack-was-here"),
]
Case = tuple[Attack, Target]


def chosen() -> Iterator[Case]:
    """Yield the attacks with the exercises they are tried on here."""
    for number, attack in enumerate(attacks()):
        targets = attack.targets
        if not ALL and attack.family not in EVERYWHERE:
            targets = (targets[number % len(targets)],)
        yield from ((attack, target) for target in targets)


def spoiled() -> Iterator[tuple[Spoiled, Target]]:
    """Yield the damaged sheets with the exercises they are tried on here."""
    for number, one in enumerate(SPOILED):
        yield from ((one, target) for target in (TARGETS if ALL else (TARGETS[number % len(TARGETS)],)))


CASES = {f"{attack.family}: {attack.name} ({target.question})": (attack, target) for attack, target in chosen()}
SHEETS = {f"{one.name} ({target.question})": (one, target) for one, target in spoiled()}


class Attacks:
    """The attacks under way: those that hang are judged with a short clock, the others with their questions' own."""

    def __init__(self, bench: Bench, judge: Judge, hasty: Judge) -> None:
        self._bench = bench
        self._judges = {False: judge, True: hasty}
        first = TARGETS[0]
        right = judge.grade_one(Submission("ada", first.file, packed(first.sheet(first.right))))
        self._layers = next(verdict.isolation for verdict in right.verdicts if verdict.outcome.outcome == "pass")

    def missing(self, attack: Attack) -> str:
        """Return the layers that an attack needs and that this machine lacks."""
        return ", ".join(name for name in attack.needs if not any(one.startswith(name) for one in self._layers))

    def begin(self, name: str) -> None:
        """Have an attack judged, if something would stop it."""
        attack, target = CASES[name]
        if name not in self._bench and not self.missing(attack):
            self._bench.begin(name, self._judges[attack.hangs], corpus.submission(attack, target))

    def graded(self, name: str) -> Graded:
        """Return what was said of an attack."""
        self.begin(name)
        return self._bench.graded(name)


@pytest.fixture(scope="module")
def tried(course_judge: Judge, hasty_judge: Judge, request: pytest.FixtureRequest) -> Iterator[Attacks]:
    """Return the attacks, every selected one under way."""
    with Bench() as bench:
        tried = Attacks(bench, course_judge, hasty_judge)
        for name in selected(request, CASES):
            tried.begin(name)
        yield tried


def outcome_of(graded: Graded, question: str) -> Outcome:
    """Return the outcome of one question."""
    assert graded.problem == ""
    return next(verdict.outcome for verdict in graded.verdicts if verdict.outcome.question == question)


def slow(name: str) -> Any:
    """Mark the attacks that cost a clock."""
    return pytest.param(name, marks=[pytest.mark.slow] if CASES[name][0].hangs else [])


@pytest.mark.parametrize("name", [slow(name) for name in CASES])
def test_attack_gets_the_verdict_beside_it(name: str, tried: Attacks) -> None:
    attack, target = CASES[name]
    if missing := tried.missing(attack):
        pytest.skip(f"nothing would stop it here, the sandbox lacks: {missing}")
    graded = tried.graded(name)
    said, expected = outcome_of(graded, target.question), attack.expected(target)
    assert said.outcome in expected.outcomes, said
    assert said.message.startswith(expected.messages), (said.message, expected.messages)
    assert said.points == (said.possible if said.outcome == "pass" else 0)
    if attack.neighbour:
        assert outcome_of(graded, target.neighbour).outcome == "pass"
    refuse_odd_values(graded)
    assert [path for path in [*LEFT, course_root() / "velvet-rope-attack-was-here"] if path.exists()] == []


def refuse_odd_values(graded: Graded) -> None:
    """Fail where a verdict holds what no report could write: an odd type, half a character, a text without end."""
    for verdict in graded.verdicts:
        outcome = verdict.outcome
        texts = [outcome.question, outcome.outcome, outcome.message, outcome.lesson, outcome.slug, verdict.note]
        assert [type(text) for text in texts] == [str] * len(texts)
        assert [type(number) for number in (outcome.points, outcome.possible)] == [int, int]
        assert outcome.section is None or type(outcome.section) is int
        assert len(outcome.message) <= 2000
        json.dumps(verdict.as_dict(), ensure_ascii=False).encode()  # half a character would raise here


@pytest.mark.parametrize("name", SHEETS)
def test_damaged_sheet_keeps_its_verdict(name: str, course_judge: Judge) -> None:
    one, target = SHEETS[name]
    graded = course_judge.grade_one(Submission("ada", target.file, packed(one.sheet(target))))
    said = outcome_of(graded, target.question)
    note = next(verdict.note for verdict in graded.verdicts if verdict.outcome.question == target.question)
    assert (said.outcome, note) == (one.outcome, one.said(target))
    assert said.possible == target.points


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.question)
def test_honest_answers_get_their_own_verdicts(target: Target, course_judge: Judge) -> None:
    said = {}
    for text in (target.right, target.wrong):
        graded = course_judge.grade_one(Submission("ada", target.file, packed(target.sheet(text, neighbour=True))))
        said[text] = outcome_of(graded, target.question)
        assert outcome_of(graded, target.neighbour).outcome == "pass"
    assert (said[target.right].outcome, said[target.right].message) == ("pass", target.proved)
    assert said[target.wrong].outcome == "fail"
    assert said[target.wrong].message.startswith(target.caught)


def test_every_attack_has_a_name_of_its_own_and_code() -> None:
    names = [(attack.family, attack.name) for attack in attacks()]
    assert len(set(names)) == len(names)
    without_code = [one for one in attacks() if not (one.before or one.inside or one.after or one.text)]
    assert without_code == [attack for attack in attacks() if attack.learner != "ada"]


def test_an_attack_is_a_notebook_file() -> None:
    for attack in attacks()[:: len(attacks()) // 20]:
        for target in attack.targets:
            assert json.loads(corpus.write(attack, target))["nbformat"] == 4


def test_no_expectation_lets_a_cheat_pass() -> None:
    cheats = [(attack, target) for attack in attacks() for target in attack.targets if attack.answer == "wrong"]
    allowed = [(attack.expected(target).outcomes, attack.name) for attack, target in cheats]
    assert [name for outcomes, name in allowed if "pass" in outcomes] == []
