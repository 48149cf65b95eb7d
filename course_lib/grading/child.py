"""One answer in a process of its own: our cells, the answer, our check, and the records that tell the judge.

What a record claims is believed in one order only, and the last one must carry a word the judge gives at the very end.
The check is called by us, not by the cell's own names: whoever writes `def check` in an answer is not asked.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import gc
import inspect
import os
import threading
import time
from collections.abc import Callable
from typing import Any  # Any: IPython ships no types; a record is JSON

from course_lib.authoring.cells import Run, capture, described, tell_where
from course_lib.checks import verdict
from course_lib.checks.assertions import watchers
from course_lib.checks.question import find_question
from course_lib.errors import CourseError
from course_lib.grading.seal import Seal, Watch, is_guarded
from course_lib.workspace import modules

Send = Callable[[dict[str, Any]], None]

THREADS_S = 1.0  # a driver's thread needs a moment to end; one that an answer left behind does not end
FIELDS = ("question", "outcome", "message", "points", "possible", "lesson", "section", "slug")


def judged(job: dict[str, Any], shell: Any, folder: str, send: Send, seal: Seal) -> dict[str, Any]:
    """Run `job` and return its last record: stage and verdict, or where and why it ended early."""
    os.chdir(folder)
    stream = capture()
    verdict.compare_with_starter = False
    os.environ["COURSE_STRICT"] = "1"
    os.environ.pop("COURSE_WORKSPACE", None)  # the learner's own app must not be rebuilt by a verdict
    watch = Watch(seal)
    try:
        record = asyncio.run(_stages(job, Run(shell), send, seal))
    except BaseException as error:  # SystemExit included: the record must reach the judge
        record = {"stage": "answer", **described(error)}
    changed = watch.seen or seal.broken() or _left_behind()
    if changed:
        record = {"stage": "changed", "message": changed}
    return {**record, "text": stream.text()[-2000:]}


def _left_behind() -> str:
    """Return what of an answer would still run while we speak to the judge."""
    until = time.monotonic() + THREADS_S
    while threading.active_count() > 1 and time.monotonic() < until:
        gc.collect()
        time.sleep(0.01)
    return "threading: a thread still runs" if threading.active_count() > 1 else ""


async def _stages(job: dict[str, Any], run: Run, send: Send, seal: Seal) -> dict[str, Any]:
    judge, find = verdict.verdict, find_question
    for text in job["setup"]:
        error = await run.cell(text, "setup")
        if error is not None:
            return {"stage": "setup", **described(error)}
    try:
        asked = find(job["question"])
    except CourseError as unknown:
        return {"stage": "unknown", "message": str(unknown)}
    check = _compiled(job["check"])
    seconds = job.get("seconds") or asked.seconds
    if is_guarded(asked.check.__module__):
        seal.add(asked.check.__module__)
    send({"stage": "prepared", "seconds": seconds, "lesson": asked.lesson, "section": asked.section})
    tell_where(send, seconds * 0.8)
    error = await run.cell(job["answer"], job["question"])
    if error is not None:
        return {"stage": "answer", **described(error)}
    send({"stage": "answered"})
    if seal.broken():
        return {"stage": "answer", "message": ""}
    outcomes: list[Any] = []

    async def ours(question: str, /, **what: Any) -> None:
        await modules.dispose_forgotten()
        outcomes.append(await judge(asked if question == asked.name else find(question), what))

    with watchers(seal.checker_broken):
        problem = await _checked(check, run.shell.user_ns, ours)
    if len(outcomes) != 1:
        return {"stage": "check", **described(problem)}
    return {
        "stage": "verdict",
        "verdict": {name: getattr(outcomes[0], name) for name in FIELDS},
        "shown": repr(outcomes[0]),
    }


def _compiled(text: str) -> Any:
    return compile(text, "<answer check 1>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


async def _checked(check: Any, names: dict[str, Any], ours: Any) -> BaseException | None:
    """Run our check cell among the answer's names, but with Python's own builtins and our own `check`."""
    names["__builtins__"] = builtins
    names["check"] = ours
    try:
        waiting = eval(check, names)  # the text is ours
        if inspect.iscoroutine(waiting):
            await waiting
    except Exception as error:
        return error
    return None
