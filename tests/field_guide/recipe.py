"""What a recipe is: a coroutine function that provokes one error of the guide with real parts.

An entry that nobody has provoked is a rumour.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

Recipe = Callable[[Path], Coroutine[Any, Any, None]]  # Any: what asyncio.run takes
Symptom = Callable[[Path], Coroutine[Any, Any, tuple[object, object]]]
RECIPES: list[tuple[str, Recipe]] = []
SYMPTOMS: list[tuple[str, Symptom]] = []


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
