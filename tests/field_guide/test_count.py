"""The guide is as large as it promises, and the run says how much of it was raised for real."""

from __future__ import annotations

import sys

import pytest

from course_lib.field_guide import Entry, entries

from . import recipes  # noqa: F401 - importing registers the recipes
from .recipe import RECIPES, SYMPTOMS

ENTRIES = 60
REPRODUCED = 50


def reproduced() -> list[Entry]:
    """Return the entries that a test provokes on some database."""
    provoked = {slug for slug, _ in [*RECIPES, *SYMPTOMS]}
    return [one for one in entries() if one.slug in provoked]


def test_count_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    here = reproduced()
    line = f"field guide: {len(entries())} entries, {len(here)} reproduced"
    with capfd.disabled():
        print(f"\n{line}", file=sys.stderr, flush=True)  # a worker of xdist owns its standard output, not this one
    assert len(here) <= len(entries())


def test_guide_is_as_large_as_it_promises() -> None:
    assert len(entries()) >= ENTRIES
    assert len(reproduced()) >= REPRODUCED


def test_an_entry_that_no_test_provokes_says_why() -> None:
    here = reproduced()
    assert [one.slug for one in entries() if bool(one.not_tested) == (one in here)] == [], "see `not_tested`"
