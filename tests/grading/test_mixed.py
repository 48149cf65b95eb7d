"""A made-up class is the same for the same seed, has every kind of learner, and gets the verdicts it must get."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from course_lib.checks.outcome import Outcome
from course_lib.grading.graded import Graded, Verdict
from course_lib.grading.judge import Judge
from grading.mixed import HOSTILE, SHARES, Mixed, hostile, mixed


def test_the_same_seed_gives_the_same_class() -> None:
    assert list(mixed(50, seed=3)) == list(mixed(50, seed=3))
    assert list(mixed(50, seed=3)) != list(mixed(50, seed=4))
    assert list(mixed(20, seed=3)) == list(mixed(50, seed=3))[:20]


def test_every_kind_of_learner_is_there_and_nobody_twice() -> None:
    made = list(mixed(1000))
    kinds = Counter(one.kind for one in made)
    assert set(kinds) == set(SHARES)
    assert all(abs(kinds[kind] - 10 * share) < 50 for kind, share in SHARES.items())
    assert len({one.submission.digest for one in made}) == len({one.submission.learner for one in made}) == 1000


def test_a_verdict_that_differs_is_a_fault() -> None:
    one = next(each for each in mixed(50) if each.kind == "right")
    outcomes = [Outcome(name, "pass", message, 1, 1) for name, (_, message) in one.expected.items()]
    right = Graded("x", "y", one.submission.digest, verdicts=tuple(map(Verdict, outcomes)))
    assert one.faults(right) == []
    name = one.submission.learner
    assert one.faults(replace(right, problem="it is no notebook")) == [f"{name} (right): it is no notebook"]
    assert one.faults(replace(right, verdicts=right.verdicts[:1])) == [f"{name} (right): verdicts on ['small-double']"]
    unpaid = replace(right, verdicts=(Verdict(replace(outcomes[0], points=0)), right.verdicts[1]))
    assert one.faults(unpaid) == [
        f"{name} (right): expected ('pass', 'doubled twice'), got pass small-double, 0 points: doubled twice"
    ]


def faults_of(made: list[Mixed], judge: Judge) -> list[str]:
    """Judge them side by side; return the faults of all."""
    with ThreadPoolExecutor(judge.jobs) as workers:
        graded = workers.map(judge.grade_one, [one.submission for one in made])
        return [fault for one, said in zip(made, graded, strict=True) for fault in one.faults(said)]


def test_a_small_class_gets_its_verdicts(small: Path, judge: Judge) -> None:
    assert faults_of(list(mixed(40, seed=1)), judge) == []


def test_every_hostile_answer_gets_its_verdict(small: Path, judge: Judge) -> None:
    made = list(hostile())
    assert [one.kind for one in made] == [*HOSTILE]
    assert faults_of(made, judge) == []
