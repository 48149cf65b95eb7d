"""What `%load_ext course_lib` adds to a notebook: `%%app`, `%explain`, `# needs:`, short tracebacks, and a memory.

No magic runs learner code: a magic that did would break on a top-level `await`.
"""

from __future__ import annotations

import ast
from typing import Any  # Any: IPython ships no types

from course_lib import notebook_file
from course_lib.databases import needs
from course_lib.errors import CourseError, WorkspaceError
from course_lib.locations import course_root
from course_lib.workspace import answers, folder, modules
from course_lib.workspace.diff import FileChange


def load(shell: Any) -> None:
    """Register everything in `shell`; loading twice changes nothing."""
    shell.register_magic_function(_app_magic(shell), magic_kind="cell", magic_name="app")
    shell.register_magic_function(_explain_magic(shell), magic_kind="line", magic_name="explain")
    needs.register(shell)
    shell.InteractiveTB.set_mode(mode="Minimal")  # a SQLAlchemy traceback costs 1.7 s to draw and hides the message
    folder.root()
    if not any(getattr(callback, "_course_lib", False) for callback in shell.events.callbacks["post_run_cell"]):
        shell.events.register("pre_run_cell", answers.begin)
        shell.events.register("post_run_cell", _remember_last_cell())


def _app_magic(shell: Any) -> Any:
    def app(line: str, cell: str) -> FileChange:
        """Write the cell as one file of the app: `%%app items.py`."""
        return write_app_file(line.strip(), cell, shell.user_ns)

    return app


def _explain_magic(shell: Any) -> Any:
    def explain(line: str) -> Any:
        """Explain the last error of this notebook, or the text after `%explain`."""
        from course_lib.field_guide import explain as of_text
        from course_lib.field_guide import explain_last

        return of_text(line) if line.strip() else explain_last(shell)

    return explain


def write_app_file(name: str, cell: str, namespace: dict[str, Any]) -> FileChange:
    """Write `cell` to the app's file `name`, forget the loaded modules and return what changed.

    A refused name and a syntax error raise `WorkspaceError`; the file on disk then stays as it was.
    """
    folder.checked_name(name)
    text = cell.rstrip() + "\n"
    try:
        ast.parse(text, filename=name)
    except SyntaxError as error:
        raise WorkspaceError(
            f"{name} line {error.lineno}: {error.msg}; the file on disk is as before, mend the cell and run it again"
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:  # a null byte, half a surrogate pair, 10 000 brackets
        raise WorkspaceError(
            f"{name} cannot be read as Python ({type(error).__name__}); the file on disk is as before, mend the cell"
        ) from None
    change = FileChange(name, folder.read(name), text)
    if change.before != text:
        folder.write(name, text)
    stale = modules.stale_names(namespace)  # before the modules are forgotten: they tell what is theirs
    modules.forget()
    if stale:
        print(f"these names still hold what was imported before: {', '.join(stale)}; import them again")
    return change


def _remember_last_cell() -> Any:
    """Return a hook that notes failed answers, and records `ran lesson:NN_stem` after a lesson's last code cell."""
    last_cells: dict[str, str] = {}  # text of the last code cell -> stem

    def remember(result: Any) -> None:
        answers.note(result)
        if result.error_in_exec is not None or result.error_before_exec is not None:
            return
        if not last_cells:
            for stem in notebook_file.stems():
                path = course_root() / "notebooks" / f"{stem}.ipynb"
                last_cells[_last_code(path) or path.name] = stem
        ran = last_cells.get(str(result.info.raw_cell).strip())
        if ran is not None:
            from course_lib.study.progress import record

            record("ran", f"lesson:{ran}")

    remember._course_lib = True  # type: ignore[attr-defined]  # the mark by which a second load finds it
    return remember


def _last_code(path: Any) -> str:
    try:
        cells = notebook_file.code_cells(notebook_file.read_notebook(path))
    except CourseError:  # a broken committed notebook is reported by lesson(n), not by every cell
        return ""
    return notebook_file.source(cells[-1]).strip() if cells else ""
