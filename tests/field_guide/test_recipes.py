"""Every error of the guide that can be had here is provoked for real, and exactly its own entry answers."""

from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from course_lib.field_guide import entries, entry, explain

from . import recipes
from .recipe import RECIPES, SYMPTOMS, Recipe, Seen, Symptom, servers


def case(slug: str, recipe: Recipe | Symptom) -> ParameterSet:
    """Make a test of a recipe, with the marks (`@pytest.mark.postgres`) of the servers it needs."""
    return pytest.param(slug, recipe, marks=getattr(recipe, "pytestmark", ()), id=f"{slug}-{recipe.__name__}")


def provoked(recipe: Recipe, folder: Path) -> Exception | str:
    """Run a recipe on a loop of its own and return the error, or the text it saw."""

    async def quietly() -> None:
        try:
            await recipe(folder)
        finally:  # a connection that failed to open ends its thread later, and tells this loop
            workers = [thread for thread in threading.enumerate() if "_connection_worker" in thread.name]
            await asyncio.gather(*(asyncio.to_thread(thread.join, 5) for thread in workers))

    try:
        asyncio.run(quietly())
    except Seen as seen:
        return str(seen)
    except Exception as error:
        return error
    raise AssertionError("the recipe provoked nothing")


@pytest.mark.parametrize(("slug", "recipe"), [case(*each) for each in RECIPES])
def test_own_entry_answers(slug: str, recipe: Recipe, tmp_path: Path) -> None:
    error = provoked(recipe, tmp_path)
    assert explain(error).slug == slug, error
    others = [one.slug for one in entries() if one.pattern and re.search(one.pattern, str(error))]
    assert others == [slug]
    if isinstance(error, Exception):
        names = {f"{kind.__module__}.{kind.__name__}".removeprefix("builtins.") for kind in type(error).__mro__}
        assert names & entry(slug).types, "the entry's `raised` does not name this type"


@pytest.mark.parametrize(("slug", "symptom"), [case(*each) for each in SYMPTOMS])
def test_symptom_is_as_the_guide_says(slug: str, symptom: Symptom, tmp_path: Path) -> None:
    measured, promised = asyncio.run(symptom(tmp_path))
    assert measured == promised


def test_a_server_is_named_as_tested_where_a_recipe_runs_on_it() -> None:
    provoked = {(slug, letter) for slug, recipe in [*RECIPES, *SYMPTOMS] for letter in servers(recipe)}
    named = {(one.slug, letter) for one in entries() for letter, how in one.verified.items() if how == "test"}
    assert provoked == {pair for pair in named if pair[1] in "PMB"}


def test_every_lesson_of_the_guide_that_is_tested_has_its_module() -> None:
    tested = {one.lesson for one in entries() if "test" in one.verified.values() and one.variant_of is None}
    assert sorted(lesson[3:] for lesson in tested) == sorted(recipes.__all__)
