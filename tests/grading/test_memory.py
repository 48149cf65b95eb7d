"""The bytes of a namespace tell each change of it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from course_lib.grading.memory import Watched, content_of, kind_of, memory_is_as_expected, space_of, table


class Plain:
    """A class to change."""

    kept = 1


class Other:
    """A class to become."""


def differs(memory: list[Watched]) -> bool:
    """Say whether any of the bytes is another one now."""
    return any(one.now.raw != one.then for one in memory)


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
    memory = table(space)
    assert not differs(memory)
    CHANGES[name](space)
    assert differs(memory)


def test_looking_changes_nothing() -> None:
    module = ModuleType("any")
    module.__dict__.update(a=1, b=[2])
    memory = table(space_of(module))
    module.b.append(3)
    assert (module.a, getattr(module, "missing", None)) == (1, None)
    assert not differs(memory)


def test_a_class_is_seen_through_its_proxy() -> None:
    memory = table(space_of(Plain))
    assert not differs(memory)
    Plain.new = 1  # type: ignore[attr-defined]
    assert differs(memory)


def test_the_content_of_a_cell_and_the_class_of_an_object() -> None:
    value = 1

    def inner() -> int:
        return value

    cell = (inner.__closure__ or ())[0]
    content, thing = content_of(cell), Plain()
    kind = kind_of(thing)
    assert not differs([content, kind])
    cell.cell_contents = 2
    assert [differs([content]), differs([kind])] == [True, False]
    thing.__class__ = Other  # type: ignore[assignment]
    assert differs([kind])


def test_this_python_lays_a_dict_out_as_expected() -> None:
    assert memory_is_as_expected()
