"""The bytes of a namespace tell each change of it, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from course_lib.grading.memory import (
    content_of,
    differing,
    head,
    kind_of,
    memory_is_as_expected,
    space_of,
    table,
    tells_each_change,
)


class Plain:
    """A class to change."""

    kept = 1


class Other:
    """A class to become."""


class Image:
    """Some memory, and whether any of its bytes is another one now."""

    def __init__(self, *places: Any) -> None:
        self._places = places
        self._then = b"".join(places)

    @classmethod
    def of(cls, space: dict[Any, Any]) -> Image:
        """Return the image of a namespace."""
        return cls(head(space), table(space))

    def has_changed(self) -> bool:
        """Compare the memory with what it was."""
        return b"".join(self._places) != self._then


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another value": lambda space: space.update(b=object()),
    "an equal value": lambda space: space.update(b=float("1.5")),
    "a new name": lambda space: space.update(new=1),
    "a name less": lambda space: space.pop("b"),
    "a name that came and went": lambda space: (space.pop("b"), space.update(c=1)),
    "many new names": lambda space: space.update({f"n{number}": 1 for number in range(1000)}),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("keys", ["abc", (1, "b", "c")], ids=["names", "any keys"])
def test_a_change_shows(name: str, keys: Any) -> None:
    space: dict[Any, Any] = dict.fromkeys(keys, 1.5)
    memory = Image.of(space)
    assert not memory.has_changed()
    CHANGES[name](space)
    assert memory.has_changed()


def test_looking_changes_nothing() -> None:
    module = ModuleType("any")
    module.__dict__.update(a=1, b=[2])
    memory = Image.of(space_of(module))
    module.b.append(3)
    assert (module.a, getattr(module, "missing", None)) == (1, None)
    assert not memory.has_changed()


def test_a_class_is_seen_through_its_proxy() -> None:
    memory = Image.of(space_of(Plain))
    assert not memory.has_changed()
    Plain.new = 1  # type: ignore[attr-defined]  # the change
    assert memory.has_changed()


def test_the_content_of_a_cell_and_the_class_of_an_object() -> None:
    value = 1

    def inner() -> int:
        return value

    cell = (inner.__closure__ or ())[0]
    thing = Plain()
    content, kind = Image(content_of(cell)), Image(kind_of(thing))
    assert not content.has_changed()
    cell.cell_contents = 2
    assert content.has_changed()
    assert not kind.has_changed()
    thing.__class__ = Other  # type: ignore[assignment]  # the change
    assert kind.has_changed()


def test_the_pieces_that_differ_are_told_by_number() -> None:
    assert differing(b"aabbbc", b"aabxbd", [2, 3, 1]) == [1, 2]
    assert differing(b"aabbbc", b"aabbbc", [2, 3, 1]) == []


def test_this_python_lays_a_dict_out_as_expected() -> None:
    assert memory_is_as_expected()


def test_a_dict_counts_its_changes_up_to_python_3_13() -> None:
    assert tells_each_change() == (sys.version_info < (3, 14))
