"""What a recipe is: a coroutine function that provokes one error of the guide with real parts.

An entry that nobody has provoked is a rumour.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

Recipe = Callable[[Path], Coroutine[Any, Any, None]]  # Any: what asyncio.run takes
Symptom = Callable[[Path], Coroutine[Any, Any, tuple[object, object]]]
RECIPES: list[tuple[str, Recipe]] = []
SYMPTOMS: list[tuple[str, Symptom]] = []
LETTERS = {"postgres": "P", "mariadb": "M", "pgbouncer": "B"}
"""A server's mark to its letter in an entry's `verified`."""

RecipeOn = Callable[[str], Coroutine[Any, Any, None]]
SymptomOn = Callable[[str], Coroutine[Any, Any, tuple[object, object]]]
T = TypeVar("T")


class Seen(Exception):
    """A warning or a log line, which no program raises."""


def provokes(slug: str) -> Callable[[Recipe], Recipe]:
    """Register a recipe for an entry; the recipe ends in the error, or in `Seen` with the text."""

    def register(recipe: Recipe) -> Recipe:
        RECIPES.append((slug, recipe))
        return recipe

    return register


def shows(slug: str) -> Callable[[Symptom], Symptom]:
    """Register a recipe for an entry; it returns what was measured and what the guide says."""

    def register(recipe: Symptom) -> Symptom:
        SYMPTOMS.append((slug, recipe))
        return recipe

    return register


def provokes_on(slug: str, *kinds: str) -> Callable[[RecipeOn], RecipeOn]:
    """Register a recipe once for each kind of database; it is called with the kind, for `fresh(kind)`."""

    def register(recipe: RecipeOn) -> RecipeOn:
        RECIPES.extend((slug, _at(kind, recipe)) for kind in kinds)
        return recipe

    return register


def shows_on(slug: str, *kinds: str) -> Callable[[SymptomOn], SymptomOn]:
    """Register a symptom once for each kind of database; it is called with the kind, for `fresh(kind)`."""

    def register(recipe: SymptomOn) -> SymptomOn:
        SYMPTOMS.extend((slug, _at(kind, recipe)) for kind in kinds)
        return recipe

    return register


def _at(kind: str, recipe: Callable[[str], Coroutine[Any, Any, T]]) -> Callable[[Path], Coroutine[Any, Any, T]]:
    async def placed(_: Path) -> T:
        return await recipe(kind)

    placed.__name__ = f"{recipe.__name__}_{kind}"
    return placed if kind == "sqlite" else getattr(pytest.mark, kind)(placed)


def servers(recipe: object) -> set[str]:
    """Return the letters of the servers a recipe is marked with."""
    return {LETTERS[mark.name] for mark in getattr(recipe, "pytestmark", ()) if mark.name in LETTERS}
