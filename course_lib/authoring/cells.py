"""Run the cells of one job in this process, as a notebook would, and return a record that can cross a pipe.

The process belongs to the job: its streams, its working folder and its IPython shell are thrown away with it.
"""

from __future__ import annotations

import asyncio
import builtins
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any  # Any: IPython ships no types; a record is JSON

from course_lib.databases import needs
from course_lib.errors import CourseError

if TYPE_CHECKING:
    from course_lib.checks.outcome import Outcome

Send = Callable[[dict[str, Any]], None]

OUTPUT_CAP = 1_000_000  # characters: 10 MB of print must not fill the memory or the pipe


class _Capped(io.TextIOBase):
    """A stream that keeps the first characters and forgets the rest."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._room = OUTPUT_CAP

    def write(self, text: str) -> int:
        if self._room > 0:
            self._kept.append(text[: self._room])
            self._room -= len(text)
        return len(text)

    def writable(self) -> bool:
        return True

    def text(self) -> str:
        return "".join(self._kept)


def make_shell() -> Any:
    """Return an IPython shell that keeps no history file, starts no thread and prints no traceback."""
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    class Shell(InteractiveShell):
        def init_history(self) -> None:
            self.history_manager = HistoryManager(shell=self, parent=self, enabled=False)

        def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
            """Print nothing: the record carries the error."""

        def enable_gui(self, gui: Any = None) -> None:
            """There is no screen here."""

    shell = Shell.instance()
    shell.autoawait = True
    needs.register(shell)  # our own cells mean here what they mean in a notebook
    return shell


@dataclass
class Run:
    """The state of one job while it runs: its shell, what the check said, the cell that is running."""

    shell: Any
    outcomes: list[Outcome] = field(default_factory=list)
    label: str = ""

    async def cell(self, text: str, label: str) -> BaseException | None:
        """Run one cell; return the error it raised, if any."""
        self.label = label
        self.shell.compile.get_code_name = lambda raw, transformed, number: f"<answer {label} {number}>"
        transformed, problem = text, None
        try:
            transformed = self.shell.transform_cell(text)
        except Exception:
            problem = sys.exc_info()
        result = await self.shell.run_cell_async(
            text, store_history=True, transformed_cell=transformed, preprocessing_exc_tuple=problem
        )
        error: BaseException | None = result.error_before_exec or result.error_in_exec
        return error


def capture() -> _Capped:
    """Take standard output and error into memory, the first megabyte of it, and the keyboard away."""
    stream = _Capped()
    sys.stdout = sys.stderr = stream
    builtins.input = _no_keyboard
    return stream


def run_job(job: dict[str, Any], shell: Any, folder: str, send: Send) -> dict[str, Any]:
    """Run `job` (see `graft.Job`) and return its record: stage, verdict, error, place and printed text.

    `send` is told when the setup has run and when the answer has run, so that each part has a clock of its own.
    """
    os.chdir(folder)
    stream = capture()
    from course_lib.checks import verdict

    run = Run(shell)
    verdict.recorders[:] = [run.outcomes.append]
    verdict.compare_with_starter = False
    os.environ["COURSE_STRICT"] = "1"
    os.environ.pop("COURSE_WORKSPACE", None)  # the learner's own app must not be rebuilt by a verdict
    try:
        record = asyncio.run(_stages(job, run, send))
    except BaseException as error:  # SystemExit included: the record must reach the parent
        record = {"stage": "answer", **described(error)}
    return {**record, "text": stream.text()[-2000:]}


async def _stages(job: dict[str, Any], run: Run, send: Send) -> dict[str, Any]:
    for text in job["setup"]:
        error = await run.cell(text, "setup")
        if error is not None:
            return {"stage": "setup", **described(error)}
    from course_lib.checks import seeded
    from course_lib.checks.question import find_question

    try:
        asked = find_question(job["question"])
    except CourseError as unknown:
        return {"stage": "unknown", "message": str(unknown)}
    seconds = job.get("seconds") or asked.seconds
    for _ in range(job.get("times", 1)):
        run.outcomes.clear()
        send({"stage": "prepared", "seconds": seconds, "lesson": asked.lesson, "section": asked.section})
        tell_where(send, seconds * 0.8)
        error = await run.cell(job["answer"], job["question"])
        if error is not None:
            return {"stage": "answer", **described(error)}
        seeded.sow(job.get("seed"))  # not before: an answer that knew the seed would know the values
        send({"stage": "answered"})
        error = await run.cell(job["check"], "check")
        if not run.outcomes:
            return {"stage": "check", **described(error)}
        if run.outcomes[-1].outcome != "pass":
            break
    return {"stage": "verdict", "verdict": run.outcomes[-1].as_dict(), "shown": repr(run.outcomes[-1])}


def described(error: BaseException | None) -> dict[str, Any]:
    """Return an error as a record: its name, its message, the place in the learner's code, the guide's slug."""
    if error is None:
        return {"error": "", "message": "the check cell did not call its check"}
    from course_lib.checks import learner_code
    from course_lib.expect import first_line
    from course_lib.field_guide import explain

    place = learner_code.of_traceback(error.__traceback__) or ""
    if isinstance(error, SyntaxError):
        place = f"line {error.lineno} of the cell"
        text = error.msg
    else:
        text = first_line(error)
    name = type(error).__name__
    return {
        "error": name,
        "message": f"{name}: {text}" if text else name,
        "place": place,
        "in_cell": _raised_in_cell(error),
        "known": isinstance(error, CourseError),  # its message is a whole sentence
        "slug": explain(error).slug or "" if isinstance(error, Exception) else "",
        "trace": "".join(traceback.format_exception_only(error))[-2000:],
    }


def _raised_in_cell(error: BaseException) -> bool:
    """True when the cell itself raised, and not something it called: a check cell that misses a name, say."""
    from course_lib.checks import learner_code

    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return at is not None and learner_code.place(at.tb_frame.f_code, at.tb_lineno) is not None


def _no_keyboard(prompt: object = "", /) -> str:
    raise EOFError("input() has no keyboard here; give the value in the code")


def tell_where(send: Send, seconds: float, set_handler: Callable[..., Any] = signal.signal) -> None:
    """Have `send` told where the learner's code waits, shortly before its clock runs out; best effort."""
    from course_lib.checks import learner_code

    def ring(_number: int, frame: Any) -> None:
        where = learner_code.of_stack(frame)
        try:
            tasks = asyncio.all_tasks()
        except RuntimeError:
            tasks = set()
        found = next((place for place in map(learner_code.of_waiting, tasks) if place), None)
        if where:
            send({"stage": "waiting", "message": f"at {where}"})
        elif found:
            send({"stage": "waiting", "message": f"in {found[0]!r} at {found[1]}"})

    if not hasattr(signal, "setitimer"):  # Windows: the verdict comes without the place
        return
    set_handler(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)  # again and again: the last word counts
