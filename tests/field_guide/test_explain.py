"""An error is found through what it wraps, an unknown one gets an honest answer, and nothing makes `explain` raise."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.errors import CourseError
from course_lib.expect import expect
from course_lib.field_guide import Explanation, explain, explain_last
from course_lib.field_guide import entry as look_up

from .odd import ODD, chef

IN_A_LOOP = "asyncio.run() cannot be called from a running event loop"
NEVER = re.compile(r"0x[0-9a-f]{6,}|/tmp|/home|\d\d:\d\d")


def test_lesson_00_prints_these_lines() -> None:
    expected = """\
raised  RuntimeError
entry   asyncio-run-in-loop
cause   A Jupyter kernel already runs an event loop, and it awaits your cells on it. `asyncio.run`
        wants to start its own.
fix     Write `await main()` at the top level of the cell. A synchronous library that calls
        `asyncio.run` itself goes to a thread: `await asyncio.to_thread(its_function)`.
lesson  notebooks/00_doors_open.ipynb § 1; also 11_schema_and_data"""
    explanation = explain(RuntimeError(IN_A_LOOP))
    assert str(explanation) == repr(explanation) == expected


def test_lesson_that_is_not_there_yet_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert explain("asyncio-run-in-loop").lesson.startswith("notebooks/00_doors_open.ipynb § 1; also ")
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    missing = "notebooks/00_doors_open.ipynb § 1 (not written yet); also "
    assert explain("asyncio-run-in-loop").lesson.startswith(missing)


def test_unknown_error_gets_an_honest_answer() -> None:
    assert (
        str(explain(FloatingPointError("the till has no more digits")))
        == """\
raised  FloatingPointError
entry   not in the field guide yet
cause   We have not met this error, so we do not guess.
fix     Read the last line of the traceback first, then the newest line in it that is your own code.
        Search `docs/field_guide.md` for three words of the message, without its numbers and names.
        Nothing raised, and still wrong or slow: see its part "What nobody raises".
lesson  notebooks/00_doors_open.ipynb § 4"""
    )


def test_traceback_is_named_only_where_one_was_given() -> None:
    for given in ("KeyError: 'gin'", "the app is slow", b"the app is slow\n"):
        found = explain(given)
        assert "last line of the traceback" not in found.fix
        assert '"What nobody raises"' in found.fix
    pasted = "Traceback (most recent call last):\n  File \"bar.py\", line 1, in mix\nKeyError: 'gin'\n"
    assert explain(pasted).fix.startswith("Read the last line of the traceback first")


def test_nearest_are_those_of_the_message_and_not_of_the_frames() -> None:
    frames = (
        'Traceback (most recent call last):\n  File "pool.py", line 7, in limit\n    connection.overflow(timeout)\n'
    )
    assert explain(f"{frames}TillError: no ice\n").nearest == explain("TillError: no ice").nearest == ()
    assert explain(f"{frames}no ice\n").nearest == ()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("MissingGreenlet", "missing-greenlet"),
        ("sqlalchemy.exc.MissingGreenlet", "missing-greenlet"),
        (b"MissingGreenlet\n", "missing-greenlet"),
        ("sqlalchemy.exc.TimeoutError", "pool-timeout"),
        ("TimeoutError", "empty-timeout"),
        ("asyncio.exceptions.TimeoutError", "empty-timeout"),
        ("Traceback (most recent call last):\n  File x\nsqlalchemy.exc.TimeoutError\n", None),
        ("sqlalchemy.exc.InvalidRequestError", None),
        ("KeyError", None),
        ("zombie query", "zombie-query"),
        ("Zombie Query", "zombie-query"),
    ],
)
def test_name_alone_is_an_entry_or_nothing(name: object, slug: str | None) -> None:
    assert explain(name).slug == slug


def test_unknown_error_names_the_nearest_entries() -> None:
    unknown = explain(RuntimeError("the session is bound to a strange event loop"))
    assert unknown.slug is None
    assert "different-loop" in unknown.nearest
    assert f"not in the field guide yet; nearest: {', '.join(unknown.nearest)}" in str(unknown)


@pytest.mark.parametrize(
    "text",
    [
        IN_A_LOOP,
        f"RuntimeError: {IN_A_LOOP}",
        f"RuntimeError: {IN_A_LOOP}".encode(),
        f"Traceback (most recent call last):\n  File x, line 1\nNote: a line\nRuntimeError: {IN_A_LOOP}\n",
        "loop-running",
        " asyncio-run-in-loop ",
    ],
)
def test_text_is_enough(text: object) -> None:
    assert explain(text).slug == "asyncio-run-in-loop"


def test_typed_text_keeps_its_types() -> None:
    text = "IntegrityError <- sqlite3.IntegrityError: (sqlite3.IntegrityError) UNIQUE constraint failed: item.name"
    found = explain(text)
    assert (found.slug, found.raised) == ("integrity-conflict", "IntegrityError <- sqlite3.IntegrityError")


def test_variant_names_its_entry() -> None:
    found = explain("No row was found when one was required")
    assert (found.slug, found.variant_of) == ("no-result", "integrity-conflict")
    assert "entry   no-result, a variant of integrity-conflict\n" in str(found)


@pytest.mark.parametrize("name", ["dict", "list", "Response", "ChunkedIteratorResult", "NoneType"])
def test_any_type_that_is_awaited_by_mistake_is_known(name: str) -> None:
    for text in (f"object {name} can't be used in 'await' expression", f"'{name}' object can't be awaited"):
        assert explain(TypeError(text)).slug == "missing-await"


def test_lesson_00_is_answered_with_its_own_case_first() -> None:
    missing, never = look_up("missing-await"), look_up("never-awaited")
    assert missing.fix.startswith('`(await http.get("/live")).json()`')
    assert never.fix.startswith('`response = await http.get("/live")`')
    assert "http.get" in never.cause
    assert "session" not in never.cause


def test_unhashable_is_gathers_only_where_a_traceback_says_so() -> None:
    error = "TypeError: unhashable type: 'list'\n"
    head = "Traceback (most recent call last):\n"
    assert explain(error).slug is None
    assert explain(f'{head}  File "menu.py", line 3, in order\n    {{[1]}}\n{error}').slug is None
    plain = f'{head}  File "asyncio/tasks.py", line 795, in gather\n    if arg not in arg_to_fut:\n{error}'
    shell = f"TypeError  {head}File asyncio/tasks.py:795, in gather(*coros)\n--> if arg not in arg_to_fut:\n\n{error}"
    assert explain(plain).slug == explain(shell).slug == "gather-needs-coroutines"


class DriverError(Exception):
    """What a driver raises."""

    def __init__(self, text: str = "", sqlstate: str | None = None) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


class WrapperError(Exception):
    """What SQLAlchemy raises: the driver's error is `.orig`."""

    def __init__(self, text: str, orig: BaseException) -> None:
        super().__init__(text)
        self.orig = orig

    @property
    def driver_exception(self) -> BaseException:
        """Raise, as SQLAlchemy's property does on an error of its own."""
        raise ValueError("No original exception is present.")


def test_orig_is_asked_before_cause() -> None:
    error = WrapperError("wrapped", DriverError("A transaction is already begun on this Session."))
    error.__cause__ = RuntimeError(IN_A_LOOP)
    found = explain(error)
    assert (found.slug, found.raised) == ("transaction-already-begun", "WrapperError <- DriverError")


def test_cause_is_followed() -> None:
    error = CourseError("the app did not start")
    error.__cause__ = KeyError("x")
    error.__cause__.__cause__ = RuntimeError(IN_A_LOOP)
    found = explain(error)
    assert (found.slug, found.raised) == ("asyncio-run-in-loop", "CourseError <- KeyError <- RuntimeError")


def test_context_is_not_a_cause() -> None:
    error = KeyError("zzz")
    error.__context__ = RuntimeError(IN_A_LOOP)
    assert explain(error).slug is None


def test_outermost_error_answers_first() -> None:
    error = RuntimeError(IN_A_LOOP)
    error.__cause__ = AttributeError("'coroutine' object has no attribute 'json'")
    assert explain(error).slug == "asyncio-run-in-loop"


def test_sqlstate_answers_where_the_text_is_foreign() -> None:
    error = WrapperError("(driver) doppelter Schluesselwert", DriverError("doppelter Schluesselwert", "23505"))
    found = explain(error)
    assert (found.slug, found.raised) == ("integrity-conflict", "WrapperError <- DriverError (sqlstate 23505)")


def test_empty_text_is_known_by_its_own_type_only() -> None:
    assert explain(TimeoutError()).slug == explain("TimeoutError").slug == "empty-timeout"
    assert [explain(error).slug for error in (asyncio.CancelledError(), KeyError(), OSError())] == [None] * 3


def test_code_that_many_mistakes_share_is_no_answer() -> None:
    assert explain(WrapperError("(driver) Syntaxfehler bei SELEC", DriverError("Syntaxfehler", "42601"))).slug is None


def test_pasted_group_explains_each_leaf() -> None:
    group = (
        "  + Exception Group Traceback (most recent call last):\n  | ExceptionGroup: two (2 sub-exceptions)\n"
        f"  +-+---------------- 1 ----------------\n    | RuntimeError: {IN_A_LOOP}\n"
        "    +---------------- 2 ----------------\n    | HungryError: no rice\n"
        "    +------------------------------------\n"
    )
    found = explain(group)
    assert [part.slug for part in found.parts] == ["asyncio-run-in-loop", None]
    assert str(found).startswith("ExceptionGroup of 2 different errors\n\nraised  RuntimeError\n")


def test_quoted_error_is_not_the_one_that_was_raised() -> None:
    quoted = "UNIQUE constraint failed: item.name"
    assert explain(f"SomeError: no more. Original exception was: (sqlite3.IntegrityError) {quoted}").slug is None


def test_pasted_context_is_not_a_cause() -> None:
    context = "During handling of the above exception, another exception occurred:"
    assert explain(f"RuntimeError: {IN_A_LOOP}\n\n{context}\n\nKeyError: 'zzz'\n").slug is None


def test_silent_failure_shows_its_probe() -> None:
    found = explain("blocked-loop")
    assert found.probe == look_up("blocked-loop").probe
    assert "\nprobe   A heartbeat task" in str(found)
    assert explain("asyncio-run-in-loop").probe == ""


def test_subclass_is_known_by_its_base() -> None:
    class OwnError(RuntimeError):
        """A learner's own."""

    assert explain(OwnError(IN_A_LOOP)).slug == "asyncio-run-in-loop"


def test_group_explains_each_different_leaf() -> None:
    leaf = TypeError("object NoneType can't be used in 'await' expression")
    inner = ExceptionGroup("inner", [leaf, TypeError(*leaf.args)])
    found = explain(ExceptionGroup("outer", [RuntimeError(IN_A_LOOP), inner]))
    assert [part.slug for part in found.parts] == ["asyncio-run-in-loop", "missing-await"]
    assert str(found).startswith("ExceptionGroup of 2 different errors\n\nraised  RuntimeError\n")


def test_group_of_one_is_its_leaf() -> None:
    found = explain(ExceptionGroup("all the same", [RuntimeError(IN_A_LOOP)] * 3))
    assert (found.slug, found.raised, found.parts) == ("asyncio-run-in-loop", "ExceptionGroup <- RuntimeError", ())


def test_task_group_is_explained() -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fails())

    async def fails() -> None:
        order = chef()
        try:
            asyncio.run(order)
        finally:
            order.close()

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(main())
    assert explain(raised.value).slug == "asyncio-run-in-loop"


def test_coroutine_object_is_a_missing_await() -> None:
    order = chef()
    try:
        assert explain(order).slug == "missing-await"
        assert explain(f"expected 200, got {order}").slug == "missing-await"
    finally:
        order.close()


@pytest.mark.parametrize("name", ODD)
def test_odd_object_is_answered(name: str) -> None:
    answers = [explain(ODD[name]()) for _ in range(2)]
    assert str(answers[0]) == str(answers[1]), "an answer is the same every time"
    text = str(answers[0])
    assert "This is a bug in the course" not in text
    assert not NEVER.search(text)
    for part in answers[0].parts or answers:
        assert 4 <= len(str(part).splitlines()) <= 7
    assert max(map(len, text.splitlines())) <= 140


def test_there_are_enough_odd_objects() -> None:
    assert len(ODD) >= 60


def test_broken_guide_is_said_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> tuple[()]:
        raise CourseError("the field guide's file 03.toml cannot be read (line 3); please restore it")

    monkeypatch.setattr(sys.modules["course_lib.field_guide.explain"], "entries", broken)
    found = explain(RuntimeError("x"))
    assert found.cause == "the field guide's file 03.toml cannot be read (line 3); please restore it"
    assert found.fix.startswith("This is a bug in the course: please report it")


class Shell:
    """What `explain_last` reads of IPython's shell."""

    def __init__(self, *, in_exec: BaseException | None = None, before_exec: BaseException | None = None) -> None:
        self.last_execution_result = type(self)._Result(in_exec, before_exec)

    class _Result:
        def __init__(self, in_exec: BaseException | None, before_exec: BaseException | None) -> None:
            self.error_in_exec, self.error_before_exec = in_exec, before_exec


@pytest.fixture(autouse=True)
def _no_last_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("last_exc", "last_value"):
        monkeypatch.delattr(sys, name, raising=False)


def test_last_error_of_a_shell_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    assert explain_last(Shell(in_exec=RuntimeError(IN_A_LOOP))).slug == "asyncio-run-in-loop"
    assert explain_last(Shell(before_exec=SyntaxError("x"))).raised == "SyntaxError"
    monkeypatch.setattr(sys, "last_value", RuntimeError(IN_A_LOOP), raising=False)
    assert explain_last(Shell()).slug == explain_last(None).slug == "asyncio-run-in-loop"


def test_no_last_error_is_said() -> None:
    for shell in (None, object(), Shell(), ODD["getattr raises"]()):
        found = explain_last(shell)
        assert (found.raised, found.cause) == ("nothing", "No cell has raised an error yet.")


def test_real_shell_remembers_its_last_error(tmp_path: Path) -> None:
    program = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "from course_lib.field_guide import explain_last\n"
        "shell = InteractiveShell()\n"
        f"shell.run_cell('raise RuntimeError(\"{IN_A_LOOP}\")')\n"
        "shell.run_cell('1 + 1')\n"
        "print('SLUG', explain_last(shell).slug)\n"
        "shell.user_ns['found'] = explain_last(shell)\n"
        "shell.run_cell('found')\n"
    )
    home = {**os.environ, "IPYTHONDIR": str(tmp_path)}
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=home)
    assert "SLUG asyncio-run-in-loop" in child.stdout, child.stderr
    assert "raised  RuntimeError\nentry   asyncio-run-in-loop\ncause   A Jupyter kernel" in child.stdout


def test_guide_costs_no_heavy_import() -> None:
    program = (
        "import sys; before = set(sys.modules)\n"
        "from course_lib.cli import main; main(['explain', 'RuntimeError: x']); main(['explain', '--list'])\n"
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}))\n"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    heavy = {
        "sqlalchemy",
        "asyncpg",
        "fastapi",
        "IPython",
        "ssl",
        "aiosqlite",
        "httpx",
        "asyncio",
        "difflib",
        "nbformat",
        "pydantic",
    }
    assert child.returncode == 0, child.stderr
    assert not heavy & set(re.findall(r"'(\w+)'", child.stdout.splitlines()[-1]))


def test_explanation_is_frozen() -> None:
    found = explain("x")
    assert isinstance(found, Explanation)
    with pytest.raises(AttributeError):
        found.slug = "other"  # type: ignore[misc]


def test_alias_and_slug_are_the_same_entry() -> None:
    assert look_up("loop-running") is look_up("asyncio-run-in-loop")


def test_what_expect_caught_may_be_handed_over_as_it_is() -> None:
    with expect(ZeroDivisionError) as caught:
        _ = 1 / 0
    assert str(explain(caught)) == str(explain(caught.error))
