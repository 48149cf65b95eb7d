"""A seal tells every change of what a verdict rests on, by name, and is silent about everything an answer may do."""

from __future__ import annotations

import ast
import asyncio
import builtins
import gc
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy.ext.asyncio
from IPython.core.interactiveshell import InteractiveShell

import course_lib.checks.assertions
import course_lib.checks.outcome
import course_lib.checks.verdict
import course_lib.checks.visitor
import course_lib.observe.loop_lag
from course_lib import fresh, gauge, trace
from course_lib.checks.probes import probes
from course_lib.grading.memory import tells_each_change
from course_lib.grading.seal import Seal
from course_lib.observe import app_hooks, engine_hooks


@pytest.fixture
def shell() -> Iterator[Any]:
    """Return a shell as a zygote has one."""
    from course_lib.authoring.cells import make_shell

    yield make_shell()
    InteractiveShell.clear_instance()


def nothing(*arguments: Any, **named: Any) -> None:
    """Do nothing, whatever was asked."""


def on(owner: Any, name: str, value: Any = nothing) -> Callable[[pytest.MonkeyPatch, Any], None]:
    """Return a change of one attribute."""
    return lambda patch, shell: patch.setattr(owner, name, value)


def add(owner: Any, name: str) -> Callable[[pytest.MonkeyPatch, Any], None]:
    """Return the change that gives `owner` a name it did not have."""
    return lambda patch, shell: patch.setattr(owner, name, nothing, raising=False)


def exchange_cell(patch: pytest.MonkeyPatch, shell: Any) -> None:
    """Put another function into the cell of a decorated one, and take it out again."""
    cell = (course_lib.checks.visitor.visiting.__closure__ or ())[0]
    patch.setattr(cell, "cell_contents", nothing)


# what is changed -> the name the seal gives it
CHANGES: dict[str, Callable[[pytest.MonkeyPatch, Any], None]] = {
    "course_lib.checks.assertions.equal": on(course_lib.checks.assertions, "equal"),
    "course_lib.checks.assertions.wrong": on(course_lib.checks.assertions, "wrong"),
    "course_lib.checks.assertions.Wrong.__init__": on(course_lib.checks.assertions.Wrong, "__init__"),
    "course_lib.checks.verdict.verdict": on(course_lib.checks.verdict, "verdict"),
    "httpx.AsyncClient.get": on(httpx.AsyncClient, "get"),
    "asyncio.sleep": on(asyncio, "sleep"),
    "sqlalchemy.ext.asyncio.AsyncSession.execute": on(sqlalchemy.ext.asyncio.AsyncSession, "execute"),
    "course_lib.checks.outcome.Outcome.__getattribute__": add(course_lib.checks.outcome.Outcome, "__getattribute__"),
    "course_lib.checks.assertions.type": add(course_lib.checks.assertions, "type"),
    "course_lib.observe.loop_lag.STALL_S": on(sys.modules["course_lib.observe.loop_lag"], "STALL_S", 1000.0),
    "course_lib.checks.visitor.visiting": exchange_cell,
    "builtins.repr": on(builtins, "repr"),
    "ast.parse": on(ast, "parse"),
    "sys.meta_path": lambda patch, shell: patch.setattr(sys, "meta_path", [*sys.meta_path, object()]),
    "gc.callbacks": lambda patch, shell: patch.setattr(gc, "callbacks", [*gc.callbacks, nothing]),
    "httpx": lambda patch, shell: patch.setitem(sys.modules, "httpx", ast),
    "IPython ast_transformers": lambda patch, shell: shell.ast_transformers.append(ast.NodeTransformer()),
    "IPython input_transformers_post": lambda patch, shell: shell.input_transformers_post.append(nothing),
    "IPython shell": lambda patch, shell: setattr(shell, "run_cell_async", nothing),
}


KEPT_ELSEWHERE = ("course_lib.checks.visitor.visiting", "sys.meta_path", "httpx")  # in no namespace that is guarded
BOTH = pytest.mark.parametrize(  # the second is how it is done from Python 3.14 on
    "tells",
    [
        pytest.param(
            True, marks=pytest.mark.skipif(not tells_each_change(), reason="dicts of this Python count no changes")
        ),
        False,
    ],
    ids=["counted", "compared"],
)


@BOTH
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told_by_name(name: str, tells: bool, shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    look, _ = Seal(shell, tells=tells).looks()
    assert look() == ""
    with monkeypatch.context() as patch:
        CHANGES[name](patch, shell)
        told = look()
    assert told.endswith(name.rpartition(".")[2])
    assert told.partition(".")[0] == name.partition(".")[0]
    if not name.startswith("IPython"):
        assert look() == (told.rpartition(".")[0] if tells and name not in KEPT_ELSEWHERE else "")


@BOTH
def test_a_name_that_came_and_went_hides_no_later_change(tells: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    look, _ = Seal(tells=tells).looks()
    monkeypatch.setattr(json, "came", 1, raising=False)
    monkeypatch.undo()
    assert [look(), look()] == ["", ""]
    monkeypatch.setattr(json, "dumps", nothing)
    assert look() == "json.dumps"
    monkeypatch.undo()
    assert look() == ("json" if tells else "")


@BOTH
def test_a_namespace_that_has_outgrown_its_table_is_told_and_so_is_its_neighbour(
    tells: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, _ = Seal(tells=tells).looks()
    names = [f"new_{number}" for number in range(1000)]
    for name in names:
        monkeypatch.setattr(json, name, 1, raising=False)
    assert look().startswith("json.new_")
    monkeypatch.undo()
    monkeypatch.setattr(course_lib.checks.verdict, "verdict", nothing)
    # its table lies elsewhere now, and holds what it held
    assert look() == "course_lib.checks.verdict.verdict"


@BOTH
def test_a_module_that_is_imported_is_no_change_and_one_exchanged_after_it_is_told(
    tells: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, _ = Seal(tells=tells).looks()
    monkeypatch.setitem(sys.modules, "somebody_elses", ast)
    assert [look(), look()] == ["", ""]
    monkeypatch.setitem(sys.modules, "httpx", ast)
    assert look() == "httpx"


@BOTH
def test_a_change_before_the_looks_is_no_answers_doing(tells: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seal = Seal(tells=tells)
    monkeypatch.setattr(json, "made_by_a_fork", 1, raising=False)
    look, look_at_checker = seal.looks()
    assert [look(), look_at_checker()] == ["", ""]
    monkeypatch.setattr(json, "made_by_a_fork", 2)
    assert look() == "json.made_by_a_fork"


@BOTH
def test_what_has_changed_before_the_looks_is_not_blamed_for_a_later_change(
    tells: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = Seal(tells=tells)
    monkeypatch.setattr(json, "dumps", nothing)
    look, _ = seal.looks()
    assert look() == ""
    monkeypatch.setattr(json, "loads", nothing)
    assert look() == "json.loads"


def test_a_trace_function_is_told() -> None:
    look, before = Seal().looks()[0], sys.gettrace()
    sys.settrace(nothing)
    try:
        told = look()
    finally:
        sys.settrace(before)
    assert told == "sys.settrace"


@BOTH
def test_the_checker_alone_is_compared_quickly(tells: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    _, look_at_checker = Seal(tells=tells).looks()
    monkeypatch.setattr(ast, "parse", nothing)
    assert look_at_checker() == ""
    monkeypatch.setattr(course_lib.checks.assertions, "at_most", nothing)
    assert look_at_checker() == "course_lib.checks.assertions.at_most"


@pytest.mark.skipif(not tells_each_change(), reason="dicts of this Python count no changes")
@pytest.mark.parametrize(
    ("owner", "name", "told"),
    [
        (course_lib.checks.verdict, "replace", "course_lib.checks.verdict"),
        (course_lib.checks.assertions.Wrong, "__init__", "course_lib.checks.assertions.Wrong"),
        (json, "loads", "json"),
        (builtins, "repr", "builtins"),
        (warnings, "showwarning", ""),  # the probes do so themselves
        (course_lib.checks, "later", ""),  # a module of ours that was imported meanwhile
    ],
)
def test_what_was_changed_for_a_moment_is_told_once_our_code_is_at_work(
    owner: Any, name: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, look_at_checker = Seal().looks()
    for expected in ("", told):  # the first look comes when the answer's cell has run, and forgives
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, nothing, raising=False)
        assert look() == expected
    assert look_at_checker() == ""  # its first


def test_a_closure_of_the_checker_is_looked_at_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _, look_at_checker = Seal().looks()
    exchange_cell(monkeypatch, None)
    assert look_at_checker() == "course_lib.checks.visitor.visiting"


def test_a_warning_is_no_change() -> None:
    vars(ast).pop("__warningregistry__", None)
    look, _ = Seal().looks()
    look()
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        exec("__import__('warnings').warn('late')", vars(ast))
    assert look() == ""


def test_our_own_watching_breaks_no_seal() -> None:
    for hook in (app_hooks, engine_hooks):
        hook.install()
    asyncio.run(asyncio.sleep(0))  # asyncio makes its policy at first use
    look, _ = Seal().looks()

    async def work() -> None:
        async with fresh() as engine, probes(), trace(engine), engine.connect():
            gauge(engine)

    assert look() == ""
    asyncio.run(work())
    assert look() == ""
