"""The package's names are functions for good, and importing them costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import course_lib.study

FIRST = ("progress", "predict", "quiz", "speed", "deck", "mindmap", "bookmarks")


@pytest.mark.parametrize("first", ["course_lib", *(f"course_lib.study.{name}" for name in FIRST)])
def test_names_are_functions_whatever_was_imported_first(first: str) -> None:
    code = f"import {first}; from course_lib import study; print({{callable(getattr(study, n)) for n in dir(study)}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "{True}\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'course_lib.study' has no attribute 'homework'$"):
        _ = course_lib.study.homework


def test_importing_predict_opens_no_driver_and_no_widget() -> None:
    code = (
        "import sys; before = set(sys.modules); from course_lib import predict; print(predict('00-client-port')); "
        "print({'sqlite3', 'fsrs', 'anywidget', 'ipywidgets', 'traitlets', 'IPython'} & (set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        'Which port does `client("app.main:app")` use?',
        "(a) 8000",
        "(b) random",
        "(c) none",
        "set()",
    ]


def test_public_names_are_sorted() -> None:
    names = ["bookmark", "cards", "mindmap", "predict", "progress", "quiz", "speed"]
    assert course_lib.study.__all__ == dir(course_lib.study) == names


@pytest.mark.parametrize("name", course_lib.study.__all__)
def test_every_name_has_a_docstring(name: str) -> None:
    assert getattr(course_lib.study, name).__doc__
