"""What is guarded is what a verdict rests on, and nothing of what the sandbox has emptied or an answer may change."""

from __future__ import annotations

import builtins
import sys

import pytest

from course_lib.grading.guarded import hooks, is_guarded, owners


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("course_lib.checks.verdict", True),
        ("course_lib.grading.child", True),
        ("asyncio", True),
        ("asyncio.tasks", True),
        ("json.decoder", True),
        ("builtins", True),
        ("course_lib", False),  # it gets the names of its modules
        ("course_lib.grading.memory", False),  # emptied before an answer runs
        ("course_lib.grading.pages", False),
        ("course_lib.grading.sandbox.seccomp", False),
        ("asyncio_of_somebody", False),
        ("sqlalchemy.sql.compiler", False),
        ("app.main", False),
    ],
)
def test_a_module_is_guarded_by_its_name(name: str, expected: bool) -> None:
    assert is_guarded(name) is expected


def test_a_module_comes_with_the_classes_that_were_made_there() -> None:
    found = dict(owners(("course_lib.checks.assertions", "builtins")))
    assert found["course_lib.checks.assertions"] is sys.modules["course_lib.checks.assertions"]
    assert found["course_lib.checks.assertions.Wrong"].__name__ == "Wrong"
    assert found["builtins"] is builtins
    assert not [name for name in found if name.startswith(("builtins.", "course_lib.checks.assertions.Callable"))]


def test_a_place_to_listen_is_told_as_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    before = hooks()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, object()])
    changed = [name for name, value in hooks().items() if value != before[name]]
    assert changed == ["sys.meta_path"]
