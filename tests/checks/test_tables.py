"""Nobody passes by a table of a check's own requests: each is right with the documented values, and no seed lets it be.

The honest answers and every wrong turn keep their verdicts, whatever the seed.
"""

from __future__ import annotations

import functools
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any  # Any: what a TOML file holds

import pytest
from sheets import SOLUTIONS, name_of

from course_lib import notebook_file
from course_lib.authoring import graft, prove
from course_lib.authoring.warm import Warm
from course_lib.checks.outcome import Outcome

READ: dict[str, Any] = tomllib.loads((Path(__file__).parent / "tables.toml").read_text(encoding="utf-8"))
ALL_SEEDS = (1, 2, 3, 5, 8)
ALL = os.environ.get("COURSE_ALL_SEEDS") == "1"
SEEDS = ALL_SEEDS if ALL else (3,)  # one is enough to find a check that copes with none


@dataclass(frozen=True)
class Table:
    """An answer that knows what will be asked: its question, and how it is caught when it is asked something else."""

    question: str
    text: str
    caught: str
    documented: str = "pass"

    def __str__(self) -> str:
        return self.question


TABLES = [Table(**one) for one in READ["table"]]
EACH_TABLE = pytest.mark.parametrize("table", TABLES, ids=str)


@pytest.fixture(scope="module")
def course() -> Iterator[Warm]:
    """Yield a warm process that knows the course itself."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COURSE_ROOT", "COURSE_WORK"):
            patch.delenv(name, raising=False)
        with Warm() as started:
            yield started


@functools.cache
def jobs() -> dict[str, graft.Job]:
    """Return the job of every question of the course, without an answer."""
    return {job.question: job for path in SOLUTIONS for job in graft.jobs(notebook_file.read_notebook(path), {})}


def judged(table: Table, warm: Warm, seed: int | None) -> Outcome:
    """Return the verdict on a table."""
    answer = f"# question: {table.question}\n{table.text}"
    return warm.run(replace(jobs()[table.question], answer=answer, target=""), seed=seed)


def test_every_question_has_a_table_or_the_reason_why_it_has_none() -> None:
    assert sorted({table.question for table in TABLES} | set(READ["no_table"])) == sorted(jobs())
    assert not {table.question for table in TABLES} & set(READ["no_table"])


@pytest.mark.slow
@EACH_TABLE
def test_table_is_right_with_the_values_that_are_documented(table: Table, course: Warm) -> None:
    came = judged(table, course, None)
    assert came.outcome == table.documented, came.message


@pytest.mark.slow
@EACH_TABLE
def test_table_fails_with_every_seed(table: Table, course: Warm) -> None:
    for seed in SEEDS:
        came = judged(table, course, seed)
        assert (came.outcome, came.message[: len(table.caught)]) == ("fail", table.caught), f"{seed}: {came.message}"


@pytest.mark.slow
@pytest.mark.skipif(
    not ALL,
    reason="`course prove` has the judge draw values; COURSE_ALL_SEEDS=1 proves the course with five known seeds",
)
@pytest.mark.parametrize("seed", ALL_SEEDS)
@pytest.mark.parametrize("path", SOLUTIONS, ids=name_of)
def test_right_and_wrong_answers_keep_their_verdicts(path: Path, seed: int, course: Warm) -> None:
    rows = prove.prove(int(path.stem[:2]), course, seed=seed)
    assert [f"{row.variant.question} / {row.variant.name}: {row.hole}" for row in rows if row.hole] == []
