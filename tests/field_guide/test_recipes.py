"""Every error of the guide that needs no server is provoked for real, and exactly its own entry answers."""

from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path

import pytest

from course_lib.field_guide import entries, entry, explain

from . import recipes
from .recipe import RECIPES, SYMPTOMS, Recipe, Seen, Symptom


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


@pytest.mark.parametrize(("slug", "recipe"), RECIPES, ids=[f"{slug}-{recipe.__name__}" for slug, recipe in RECIPES])
def test_own_entry_answers(slug: str, recipe: Recipe, tmp_path: Path) -> None:
    error = provoked(recipe, tmp_path)
    assert explain(error).slug == slug, error
    others = [one.slug for one in entries() if one.pattern and re.search(one.pattern, str(error))]
    assert others == [slug]
    if isinstance(error, Exception):
        names = {f"{kind.__module__}.{kind.__name__}".removeprefix("builtins.") for kind in type(error).__mro__}
        assert names & entry(slug).types, "the entry's `raised` does not name this type"


@pytest.mark.parametrize(("slug", "symptom"), SYMPTOMS, ids=[slug for slug, _ in SYMPTOMS])
def test_symptom_is_as_the_guide_says(slug: str, symptom: Symptom, tmp_path: Path) -> None:
    measured, promised = asyncio.run(symptom(tmp_path))
    assert measured == promised


def test_every_lesson_of_the_guide_that_is_tested_has_its_module() -> None:
    tested = {one.lesson for one in entries() if "test" in one.verified.values() and one.variant_of is None}
    assert sorted(lesson[3:] for lesson in tested) == sorted(recipes.__all__)
