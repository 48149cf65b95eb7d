"""The package's two names are functions for good, and importing them costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import course_lib.study


@pytest.mark.parametrize("first", ["course_lib.study.progress", "course_lib.study.predict", "course_lib"])
def test_names_are_functions_whatever_was_imported_first(first: str) -> None:
    code = (
        f"import {first}; from course_lib.study import predict, progress; print(callable(predict), callable(progress))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"


def test_importing_predict_opens_no_driver_and_no_widget() -> None:
    code = (
        "import sys; before = set(sys.modules); from course_lib import predict; print(predict('00-client-port')); "
        "print({'sqlite3', 'anywidget', 'ipywidgets', 'traitlets', 'IPython'} & (set(sys.modules) - before))"
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
    assert course_lib.study.__all__ == ["predict", "progress"]
