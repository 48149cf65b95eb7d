"""The public surface is a promise: these names, sorted, and importing them costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import course_lib

NAMES = [
    *("check", "client", "database", "doctor", "exercise", "expect", "explain", "fresh", "from_arrival"),
    *("gauge", "lesson", "loop_lag", "peak", "predict", "server_activity", "servers", "slow", "study"),
    *("timeline", "trace"),
]
HEAVY = {"sqlalchemy", "aiosqlite", "ipywidgets", "anywidget", "matplotlib", "IPython", "nbformat"}


def loaded_after(statement: str) -> set[str]:
    """Return the modules a fresh Python has loaded after `statement`."""
    command = [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_the_public_names_are_these() -> None:
    assert course_lib.__all__ == NAMES
    assert dir(course_lib) == NAMES


def test_the_names_are_sorted_and_at_most_twenty() -> None:
    assert sorted(course_lib.__all__) == course_lib.__all__
    assert len(course_lib.__all__) <= 20


@pytest.mark.parametrize("name", NAMES)
def test_every_name_resolves_to_something_with_a_docstring(name: str) -> None:
    assert getattr(course_lib, name).__doc__


def test_a_name_stays_a_function_when_its_module_is_imported() -> None:
    script = "import course_lib, course_lib.client, course_lib.expect\nassert callable(course_lib.client)"
    assert "course_lib.client" in loaded_after(script)


def test_study_is_a_module() -> None:
    assert course_lib.study.__name__ == "course_lib.study"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError) as caught:
        _ = course_lib.bartender
    assert str(caught.value) == "module 'course_lib' has no attribute 'bartender'"


def test_importing_the_package_imports_no_driver_and_no_widget() -> None:
    assert not loaded_after("import course_lib") & HEAVY


def test_loading_the_extension_imports_no_plot_and_no_widget() -> None:
    loading = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "from traitlets.config import Config\n"
        "shell = InteractiveShell(config=Config({'HistoryManager': {'enabled': False}}))\n"
        "import course_lib\n"
        "course_lib.load_ipython_extension(shell)"
    )
    loaded = loaded_after(loading)
    assert "course_lib.workspace.extension" in loaded
    assert not loaded & {"matplotlib", "ipywidgets", "anywidget", "sqlalchemy", "nbformat"}
