"""What the tests of checks share: a learner's cell, and a judge for a question made on the spot."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from course_lib.checks import verdict
from course_lib.checks.outcome import Outcome
from course_lib.checks.question import CheckFunction, Question

Judge = Callable[..., Outcome]


def cell(text: str, **names: Any) -> SimpleNamespace:
    """Run `text` as a learner's cell is run and return its names; line 1 is the first line that is not empty."""
    exec(compile(textwrap.dedent(text).strip(), "<answer test 1>", "exec"), names)
    return SimpleNamespace(**names)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Return a function that judges `what` with a check function, and records nothing."""
    monkeypatch.setattr(verdict, "recorders", [])

    def judged(check: CheckFunction, *, options: dict[str, Any] | None = None, **what: Any) -> Outcome:
        asked = Question("pond-size", check, "07_pools", 1, **{"seconds": 5.0, **(options or {})})
        return asyncio.run(verdict.verdict(asked, what))

    return judged
