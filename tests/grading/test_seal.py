"""A seal tells every change of what a verdict rests on, by name, and is silent about everything an answer may do."""

from __future__ import annotations

import ast
import asyncio
import builtins
import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy.ext.asyncio
from IPython.core.interactiveshell import InteractiveShell

import course_lib.checks.assertions
import course_lib.checks.verdict
from course_lib import fresh, gauge, trace
from course_lib.checks.probes import probes
from course_lib.grading.seal import REFUSED, Seal
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


def other_code(patch: pytest.MonkeyPatch, shell: Any) -> None:
    """Give a check function the code of another one."""
    patch.setattr(course_lib.checks.assertions.wrong, "__code__", nothing.__code__)


# what is changed -> the name the seal gives it
CHANGES: dict[str, Callable[[pytest.MonkeyPatch, Any], None]] = {
    "course_lib.checks.assertions.equal": on(course_lib.checks.assertions, "equal"),
    "course_lib.checks.assertions.wrong": other_code,
    "course_lib.checks.assertions.Wrong.__init__": on(course_lib.checks.assertions.Wrong, "__init__"),
    "course_lib.checks.verdict.verdict": on(course_lib.checks.verdict, "verdict"),
    "httpx.AsyncClient.get": on(httpx.AsyncClient, "get"),
    "asyncio.sleep": on(asyncio, "sleep"),
    "sqlalchemy.ext.asyncio.AsyncSession.execute": on(sqlalchemy.ext.asyncio.AsyncSession, "execute"),
    "builtins.repr": on(builtins, "repr"),
    "ast.parse": on(ast, "parse"),
    "sys.meta_path": lambda patch, shell: patch.setattr(sys, "meta_path", [*sys.meta_path, object()]),
    "gc.callbacks": lambda patch, shell: patch.setattr(gc, "callbacks", [*gc.callbacks, nothing]),
    "httpx": lambda patch, shell: patch.setitem(sys.modules, "httpx", ast),
    "IPython ast_transformers": lambda patch, shell: shell.ast_transformers.append(ast.NodeTransformer()),
    "IPython input_transformers_post": lambda patch, shell: shell.input_transformers_post.append(nothing),
    "IPython post_run_cell": lambda patch, shell: shell.events.register("post_run_cell", nothing),
    "IPython shell": lambda patch, shell: setattr(shell, "run_cell_async", nothing),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told_by_name(name: str, shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seal = Seal(shell)
    assert seal.broken() == ""
    with monkeypatch.context() as patch:
        CHANGES[name](patch, shell)
        told = seal.broken()
    assert told.endswith(name.rpartition(".")[2])
    assert told.partition(".")[0] == name.partition(".")[0]
    if not name.startswith("IPython"):
        assert seal.broken() == ""


def test_a_trace_function_is_told() -> None:
    seal, before = Seal(), sys.gettrace()
    sys.settrace(nothing)
    try:
        told = seal.broken()
    finally:
        sys.settrace(before)
    assert told == "sys.settrace"


def test_the_checker_alone_is_compared_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    seal = Seal()
    monkeypatch.setattr(ast, "parse", nothing)
    assert seal.checker_broken() == ""
    monkeypatch.setattr(course_lib.checks.assertions, "at_most", nothing)
    assert seal.checker_broken() == "course_lib.checks.assertions.at_most"


def test_our_own_watching_breaks_no_seal() -> None:
    for hook in (app_hooks, engine_hooks):
        hook.install()
    seal = Seal()

    async def work() -> None:
        async with fresh() as engine, probes(), trace(engine), engine.connect():
            gauge(engine)

    asyncio.run(work())
    assert seal.broken() == ""


def in_a_process(code: str) -> str:
    """Run `code` where an audit hook may stay for ever; return what it printed."""
    program = "import ctypes, gc, sys\nimport course_lib.checks.assertions as checker\n"
    program += "from course_lib.grading.seal import Seal, Watch\nwatch = Watch(Seal())\n"
    program += f"try:\n    {code}\nexcept PermissionError as error:\n    print(error)\nprint(watch.seen or 'unseen')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("gc.get_objects()", "gc.get_objects"),
        ("gc.get_referrers(checker)", "gc.get_referrers"),
        ("sys._current_frames()", "sys._current_frames"),
        ("ctypes.string_at(0)", "ctypes.string_at"),
        ("ctypes.CDLL(None)", "ctypes.dlopen"),
    ],
)
def test_our_memory_is_not_opened(code: str, event: str) -> None:
    assert in_a_process(code) == f"an answer may not use {event} while it is judged\nunseen\n"
    assert event in REFUSED or event.startswith("ctypes.")


def test_nobody_listens_beside_us() -> None:
    assert (
        in_a_process("sys.addaudithook(lambda *event: print('heard')); open(sys.executable, 'rb').close()")
        == "unseen\n"
    )


def test_the_code_of_a_check_is_not_exchanged() -> None:
    said = in_a_process("checker.equal.__code__ = (lambda *a, **k: None).__code__")
    name = "course_lib.checks.assertions.equal"
    assert said == f"an answer may not change {name} while it is judged\n{name}\n"


def test_an_answers_own_function_may_get_new_code() -> None:
    said = in_a_process("f = lambda: 1; f.__code__ = (lambda: 2).__code__; print(f())")
    assert said == "2\nunseen\n"
