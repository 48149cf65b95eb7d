"""Bring a notebook into the one form this repository keeps: executed, no times, no widget state, stable ids.

Two runs of the same notebook give the same bytes in everything that is compared; normalising twice changes nothing.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any  # Any: outputs are JSON

from course_lib.authoring import derive
from course_lib.databases import needs
from course_lib.errors import NotebookError
from course_lib.notebook_file import Cell, Notebook, code_cells, points, question_of, read_notebook, source, tags

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
CHECK_CALL = re.compile(r"""await check\(\s*["']([a-z0-9-]+)["']""")
_ID = re.compile(r"^[a-zA-Z0-9-_]{1,64}$")
_DROPPED_MIMES = ("application/vnd.jupyter.widget-view+json",)
_KEPT_METADATA = ("tags", "nbgrader", "course")


def dress(notebook: Notebook) -> Notebook:
    """Return a copy with cell ids, question metadata, kernel and cleaned outputs; nothing is executed."""
    dressed = copy.deepcopy(notebook)
    dressed["metadata"] = {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}}
    dressed["nbformat"], dressed["nbformat_minor"] = 4, 5
    used: set[str] = set()
    for cell in dressed["cells"]:
        cell["metadata"] = {key: cell["metadata"][key] for key in _KEPT_METADATA if key in cell["metadata"]}
        _dress_question(cell)
        cell["id"] = _unique(_id_of(cell), used)
        if cell["cell_type"] == "code":
            cell["outputs"] = _joined(cell.get("outputs", []))
        else:
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
    return dressed


def _dress_question(cell: Cell) -> None:
    """Give answer and check cells the ids and nbgrader metadata they are found by."""
    name = question_of(cell)
    checked = CHECK_CALL.search(source(cell)) if cell["cell_type"] == "code" else None
    if name:
        cell["id"] = f"answer-{name}"
        _grade(cell, name, solution=True)
        if "nbval-ignore-output" not in tags(cell):  # any print of a learner's would fail nbval
            cell["metadata"]["tags"] = [*tags(cell), "nbval-ignore-output"]
    elif checked:
        cell["id"] = f"check-{checked[1]}"
        _grade(cell, f"check-{checked[1]}", solution=False)


def _grade(cell: Cell, grade_id: str, *, solution: bool) -> None:
    worth = {} if solution else {"points": points(cell) or 1}
    cell["metadata"]["nbgrader"] = {
        "grade_id": grade_id,
        "schema_version": 3,
        "solution": solution,
        "grade": not solution,
        "locked": not solution,
        "task": False,
        **worth,
    }


def _id_of(cell: Cell) -> str:
    given = str(cell.get("id", ""))
    if _ID.match(given):
        return given
    return "c" + hashlib.sha256(source(cell).encode()).hexdigest()[:8]


def _unique(name: str, used: set[str]) -> str:
    number, free = 1, name
    while free in used:
        number += 1
        free = f"{name}-{number}"
    used.add(free)
    return free


def _joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Clean the outputs and join neighbouring texts of one stream: where the kernel cuts them is a matter of time."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        cleaned = clean(output)
        if cleaned is None:
            continue
        last = joined[-1] if joined else {}
        if cleaned["output_type"] == "stream" == last.get("output_type") and cleaned["name"] == last["name"]:
            last["text"] = _lined("".join([*last["text"], *cleaned["text"]]))
        else:
            joined.append(cleaned)
    return joined


def clean(output: dict[str, Any]) -> dict[str, Any] | None:
    """Return `output` without what differs between runs or machines; None when nothing is left."""
    kept = {key: value for key, value in output.items() if key != "transient"}
    if "data" in kept:
        kept["data"] = {mime: data for mime, data in kept["data"].items() if mime not in _DROPPED_MIMES}
        kept["metadata"] = {mime: data for mime, data in kept.get("metadata", {}).items() if mime in kept["data"]}
        if not kept["data"]:
            return None
        kept["data"] = {mime: _lined(data) for mime, data in kept["data"].items()}
    if "text" in kept:
        kept["text"] = _lined(kept["text"])
    return kept


def _lined(data: Any) -> Any:
    if isinstance(data, list):
        data = "".join(data)
    return data.splitlines(keepends=True) if isinstance(data, str) else data


class _Loop(asyncio.SelectorEventLoop):
    """A loop that leaves Ctrl-C to Python: nbclient's own handler ends the kernel under the feet of the run."""

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:  # type: ignore[override]  # refuses all
        raise RuntimeError("signals are the runner's")


async def _executed(executor: Any, **options: Any) -> None:
    from nbclient.exceptions import DeadKernelError

    try:
        await executor.async_execute(**options)
    except DeadKernelError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # nbclient takes every cancellation for the death of its kernel
            raise asyncio.CancelledError from None
        raise


def execute(notebook: Notebook, folder: Path) -> Notebook:
    """Return `notebook` executed in `folder`; raise `NotebookError` naming the cell that failed."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # an optional import that costs 1.4 s
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    joined = copy.deepcopy(notebook)
    for cell in joined["cells"]:
        cell["source"] = source(cell)
    ready = nbformat.from_dict(joined)  # type: ignore[no-untyped-call] # nbformat ships no types
    with tempfile.TemporaryDirectory(prefix="velvet-rope-normalise-") as scratch:
        environment = {
            **os.environ,
            "COURSE_STRICT": "1",
            "COURSE_PROGRESS_DB": str(Path(scratch) / "progress.db"),
            "IPYTHONDIR": scratch,
            "TMPDIR": scratch,  # a kernel that is killed removes nothing itself
        }
        executor = NotebookClient(
            ready, timeout=60, kernel_name="python3", record_timing=False, force_raise_errors=True
        )
        executor.shutdown_kernel = "immediate"  # a polite end may print, and takes half a second
        executor.extra_arguments = ["--log-level=ERROR"]  # a warning about loopback TCP is no news to an author
        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                runner.run(_executed(executor, cwd=str(folder), env=environment))
        except CellExecutionError as error:
            first = f"{error.ename}: {error.evalue}".strip().partition("\n")[0]
            raise NotebookError(f"cell {_failed(ready)} failed ({first}); mend it and normalise again") from error
        except (CellTimeoutError, DeadKernelError) as error:
            last = str(error).strip().splitlines()[-1]
            raise NotebookError(f"a cell did not end ({last}); mend it and normalise again") from error
    done: Notebook = ready
    return done


def _failed(notebook: Notebook) -> str:
    """Return the id of the cell whose error stopped the run."""
    outputs = ((cell["id"], output) for cell in notebook["cells"] for output in cell.get("outputs", []))
    return next((str(name) for name, output in outputs if output["output_type"] == "error"), "?")


def normalise(path: Path, *, run: bool = True) -> str:
    """Return the normal form of the notebook at `path`, executed anew when `run` is true."""
    dressed = dress(read_notebook(path))
    if run:
        require_servers(path)
        dressed = dress(execute(_bare(dressed), path.parent))
    return derive.dump(dressed)


def require_servers(path: Path) -> None:
    """Raise `NotebookError` when a cell of the notebook at `path` needs a server that is not here.

    A run would store the line that stands for the cell in place of its output.
    """
    for cell in code_cells(read_notebook(path)):
        line = needs.missing(source(cell))
        if line:
            raise NotebookError(
                f"{path.name} keeps its outputs: {line.removeprefix('skipped: ')}, then normalise again"
            )


def _bare(notebook: Notebook) -> Notebook:
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return notebook
