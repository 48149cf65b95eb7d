"""The extension in a real IPython shell: `%%app`, `%explain`, short errors, and what is remembered."""

from __future__ import annotations

import errno
import os
import re
import traceback
from pathlib import Path
from typing import Any

import hidden_servers
import pytest
from conftest import Course

import course_lib
from course_lib.errors import CheckFailed, CourseError, ServerError, WorkspaceError
from course_lib.study.progress import events
from course_lib.workspace import folder

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def notebook(shell: Any) -> Any:
    """Return a shell with the extension loaded, and a showtraceback that keeps what would be shown."""
    course_lib.load_ipython_extension(shell)
    return shell


def run(shell: Any, text: str) -> Any:
    """Run a cell that must not fail and return its value."""
    done = shell.run_cell(text, store_history=True)
    assert done.success, traceback.format_exception(done.error_in_exec or done.error_before_exec)
    return done.result


def error_of(shell: Any, text: str) -> BaseException:
    """Run a cell that must fail and return its error."""
    done = shell.run_cell(text, store_history=True)
    error: BaseException | None = done.error_in_exec or done.error_before_exec
    assert error is not None
    return error


def test_app_writes_the_cell_and_the_next_import_sees_it(notebook: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert repr(run(notebook, "%%app items.py\nGIN = 9\n\n")) == "items.py written, 1 line"
    run(notebook, "from app import items\nprint(items.GIN)")
    assert repr(run(notebook, "%%app items.py\nGIN = 10 # more\n")) == (
        "items.py changed, 1 line in, 1 out\n  -GIN = 9\n  +GIN = 10 # more"
    )
    run(notebook, "from app import items\nprint(items.GIN)")
    said = capsys.readouterr().out
    assert "these names still hold what was imported before: items; import them again\n" in said
    assert "9\n" in said
    assert "10\n" in said


def test_writing_the_same_again_changes_nothing(notebook: Any) -> None:
    run(notebook, "%%app items.py\nGIN = 9")
    assert repr(run(notebook, "%%app items.py\nGIN = 9")) == "items.py unchanged"


def test_the_app_object_of_a_notebook_is_told_as_stale(notebook: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(notebook, "%%app main.py\nfrom fastapi import FastAPI\n\napp = FastAPI()\n")
    run(notebook, "from fastapi import FastAPI\nfrom app.main import app\nhouse = 'mine'")
    capsys.readouterr()
    run(notebook, "%%app items.py\nx = 1\n")
    assert capsys.readouterr().out.startswith(
        "these names still hold what was imported before: app; import them again\n"
    )


def test_a_path_out_of_the_app_is_refused(notebook: Any) -> None:
    error = error_of(notebook, "%%app ../../etc/x.py\nx = 1\n")
    assert isinstance(error, WorkspaceError)
    assert str(error) == (
        "a file of the app is named like items.py (lower case, no folder), got '../../etc/x.py'; change the first line"
    )
    assert not (folder.root() / "app").exists()


def test_a_syntax_error_keeps_the_file_and_says_the_line(notebook: Any) -> None:
    run(notebook, "%%app items.py\nGIN = 9\n")
    error = error_of(notebook, "%%app items.py\nGIN = 9\ndef pour(:\n    pass\n")
    assert str(error) == (
        "items.py line 2: invalid syntax; the file on disk is as before, mend the cell and run it again"
    )
    assert folder.read("items.py") == "GIN = 9\n"


@pytest.mark.parametrize(
    ("text", "name"), [("x = '\ud800'", "UnicodeEncodeError"), ("x = " + "-" * 100_000 + "1", "RecursionError")]
)
def test_text_that_no_parser_takes_is_one_sentence(notebook: Any, text: str, name: str) -> None:
    from course_lib.workspace.extension import write_app_file

    with pytest.raises(WorkspaceError) as caught:
        write_app_file("items.py", text, {})
    assert str(caught.value).startswith("items.py cannot be read as Python (")
    assert str(caught.value).endswith("; the file on disk is as before, mend the cell")
    assert name in str(caught.value) or "MemoryError" in str(caught.value)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_refuses_is_one_sentence(notebook: Any, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def failing(*_args: object, **_named: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_text", failing)
    error = error_of(notebook, "%%app items.py\nx = 1\n")
    assert str(error) == (
        f"app/items.py was not written ({os.strerror(code)}); make room, "
        "or set COURSE_WORKSPACE to a folder you may write to"
    )


def test_explain_explains_a_text_and_the_last_error(notebook: Any) -> None:
    assert "entry   never-awaited" in str(run(notebook, "%explain coroutine 'pour' was never awaited"))
    error_of(notebook, "{}['gin']")
    assert str(run(notebook, "%explain")).startswith("raised  KeyError\n")


def test_our_errors_are_shown_in_one_line(notebook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(notebook, "_showtraceback", lambda kind, error, lines: shown.extend(lines))
    error_of(notebook, "from course_lib import lesson\nlesson(99)")
    assert len(shown) == 1
    assert shown[0].startswith("CourseError: lesson 99 is not in notebooks/; there are: 00")
    assert CheckFailed("no")._render_traceback_() == ["no"]
    assert CheckFailed("no", "fail pool-size: no")._render_traceback_() == ["fail pool-size: no"]


def test_other_errors_are_short(notebook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(notebook, "_showtraceback", lambda kind, error, lines: shown.extend(lines))
    error_of(notebook, "raise ValueError('a cocktail costs money')")
    plain = re.sub(r"\x1b\[\d+m", "", "\n".join(shown))
    assert plain.splitlines() == ["ValueError: a cocktail costs money"]


def hooks(shell: Any) -> int:
    """Return how many of our post-run hooks the shell has."""
    return sum(hasattr(callback, "_course_lib") for callback in shell.events.callbacks["post_run_cell"])


def test_loading_twice_registers_once(notebook: Any) -> None:
    course_lib.load_ipython_extension(notebook)
    assert hooks(notebook) == 1


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide every server, and let one be missing."""
    monkeypatch.delenv("COURSE_REQUIRE_ALL", raising=False)
    hidden_servers.hide(monkeypatch)


@pytest.mark.usefixtures("no_server")
def test_a_cell_whose_server_is_missing_prints_one_line_and_the_next_cell_runs(
    notebook: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    course_lib.load_ipython_extension(notebook)  # twice is as good as once
    run(notebook, "x = 1")
    run(notebook, "# needs: postgres\nx = 1 / 0\nawait nobody")
    assert capsys.readouterr().out == "skipped: no PostgreSQL here; course doctor says how to install one\n"
    assert run(notebook, "x") == 1


@pytest.mark.usefixtures("no_server")
def test_a_missing_server_is_an_error_where_none_may_be_missing(notebook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_REQUIRE_ALL", "1")
    error = error_of(notebook, "# needs: mariadb\n1")
    assert isinstance(error, ServerError)
    assert str(error).startswith("no MariaDB here; course doctor says how to install one (no MariaDB server found; ")


def test_a_cell_that_needs_what_no_course_has_is_one_sentence(notebook: Any) -> None:
    error = error_of(notebook, "# needs: oracle\n1")
    assert str(error) == (
        "a needs line expects postgres, pgbouncer, pgbouncer-prepared, mariadb, tortoise, databases, "
        "got 'oracle'; mend the first line of the cell"
    )


@pytest.mark.postgres
def test_a_cell_whose_server_is_here_runs(notebook: Any) -> None:
    assert run(notebook, "# needs: postgres\n6 * 7") == 42


@pytest.mark.usefixtures("no_server")
def test_a_front_end_that_asks_for_an_indent_is_not_told_of_servers(notebook: Any) -> None:
    assert notebook.input_transformer_manager.check_complete("# needs: oracle\nfor x in y:")[0] == "incomplete"


def recorded() -> list[tuple[str, str]]:
    """Return (verb, object) of every event of this test's store."""
    return [(event.verb, event.object) for event in events()]


def test_the_last_cell_of_a_lesson_is_recorded_when_it_ran(notebook: Any, course: Course) -> None:
    course.add("07_pools", "1 + 1", "x = 'the last call'\n")
    run(notebook, "1 + 1")
    assert recorded() == []
    run(notebook, "x = 'the last call'")
    assert recorded() == [("ran", "lesson:07_pools")]


def test_a_last_cell_that_fails_is_not_recorded(notebook: Any, course: Course) -> None:
    course.add("07_pools", "nobody")
    error_of(notebook, "nobody")
    assert recorded() == []


def test_a_broken_or_empty_lesson_is_recorded_by_nothing(notebook: Any, course: Course) -> None:
    course.add("06_empty")
    course.add("07_pools").write_text("broken")
    run(notebook, "")
    run(notebook, "1")
    assert recorded() == []


def test_the_last_cells_of_our_lessons_differ() -> None:
    from course_lib import notebook_file
    from course_lib.workspace.extension import _last_code

    last = [_last_code(notebook_file.find("notebooks", int(stem[:2]))) for stem in notebook_file.stems()]
    assert len(set(last)) == len(last)


def test_course_errors_share_one_base() -> None:
    assert issubclass(WorkspaceError, CourseError)
