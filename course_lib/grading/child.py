"""One answer in a process of its own: our cells, the answer, our check, and the claims that tell the judge.

The check is called by us, not by the cell's own names: whoever writes `def check` in an answer is not asked. What a
verdict hangs on is held by frames alone, and an answer sees none of ours (see `watch` and `doors`).
"""

from __future__ import annotations

import _thread
import ast
import asyncio
import builtins
import dataclasses
import functools
import gc
import inspect
import os
import time
from collections.abc import Callable, Generator
from typing import Any  # Any: IPython ships no types; a claim is JSON

from course_lib.authoring.cells import Run, capture, described, tell_where
from course_lib.checks import learner_code, seeded, verdict
from course_lib.checks.assertions import look_after
from course_lib.checks.question import CheckFunction, Question, find_question
from course_lib.errors import CourseError
from course_lib.grading import doors
from course_lib.grading.claims import Say
from course_lib.grading.fork import SEED_BYTES, Warm
from course_lib.grading.seal import Look, is_guarded
from course_lib.grading.watch import Watch
from course_lib.workspace import modules

THREADS_S = 1.0  # a driver's thread needs a moment to end; one that an answer left behind does not end
FIELDS = ("question", "outcome", "message", "points", "possible", "lesson", "section", "slug")
HIDDEN = (learner_code.of_checkout, tell_where)  # functions that hold a door open for us alone


def judged(job: dict[str, Any], warm: Warm, say: Say, hint: Callable[[str], None], seeds: int) -> None:
    """Run `job` and claim its last record: stage and verdict, or where and why it ended early.

    After the answer has run, no name of a module is looked up any more on the way to a claim: what is needed then is
    taken now.
    """
    stop_collecting, text_of = gc.disable, str.__str__
    stream = capture()
    verdict.compare_with_starter = False
    os.environ.pop("COURSE_WORKSPACE", None)  # the learner's own app must not be rebuilt by a verdict
    guard = _Guard(warm)
    try:
        record = asyncio.run(_stages(job, Run(warm.shell), guard, say, hint, seeds))
    except BaseException as error:  # SystemExit included: the record must reach the judge
        record = {"stage": "answer", **described(error)}
    if record["stage"] == "verdict" and record["verdict"]["outcome"] == "pass":
        record = guard.left_behind(record)
    stop_collecting()  # from here on nothing of the answer's may run
    changed = guard.changed() or guard.look()
    if changed:
        record = {"stage": "changed", "message": changed}
    say({**record, "text": text_of(stream.text()[-2000:])})


class _Guard:
    """What stands between an answer and its verdict once `shut` was called: the seal, the watch and the doors."""

    def __init__(self, warm: Warm) -> None:
        self._warm = warm
        self._threads = _thread._count
        self._running = 0
        self.set_handler = warm.handlers.set
        self.look: Look = str
        self.look_at_checker: Look = str
        self.changed: Look = str

    def shut(self, asked: Question) -> None:
        """Remember what is ours, shut the doors to it, and listen."""
        if is_guarded(asked.check.__module__):
            self._warm.seal.add(asked.check.__module__)
        hidden = doors.hide()
        self.look, self.look_at_checker = self._warm.seal.looks()
        self._running = self._threads()
        doors.shut_for_good(self._warm.handlers, hidden)
        self.changed = Watch(self._warm.seal.sites, HIDDEN).seen

    def relay(self) -> Generator[str]:
        """Look at the checker, again and again; a generator shows nobody what it holds."""
        while True:
            yield self.look_at_checker()

    def left_behind(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return `record`, or what of the answer would still run while we speak to the judge."""
        until = time.monotonic() + THREADS_S
        while self._threads() > self._running and time.monotonic() < until:
            time.sleep(0.002)  # most end by themselves, at once
            if self._threads() > self._running:
                gc.collect()
        still = self._threads() > self._running
        return {"stage": "changed", "message": "threading: a thread still runs"} if still else record


async def _stages(
    job: dict[str, Any], run: Run, guard: _Guard, say: Say, hint: Callable[[str], None], seeds: int
) -> dict[str, Any]:
    judge = verdict.verdict
    for text in job["setup"]:
        error = await run.cell(text, "setup")
        if error is not None:
            return {"stage": "setup", **described(error)}
    try:
        registered = find_question(job["question"])
    except CourseError as unknown:
        return {"stage": "unknown", "message": str(unknown)}
    # our own: the registered one can be changed in place
    asked = dataclasses.replace(registered, check=_announced(registered.check, say))
    kept, check = dict(vars(registered)), _compiled(job["check"])
    seconds = job.get("seconds") or asked.seconds
    look_after(guard.relay().__next__)  # before the seal is taken: who puts another in its place breaks it
    guard.shut(registered)
    say({"stage": "prepared", "seconds": seconds, "lesson": asked.lesson, "section": asked.section})
    _tell_where(hint, seconds, guard.set_handler)
    error = await run.cell(job["answer"], job["question"])
    if error is not None:
        return {"stage": "answer", **described(error)}
    say({"stage": "answered"})
    if guard.look():
        return {"stage": "answer", "message": ""}
    seeded.sow(int.from_bytes(os.read(seeds, SEED_BYTES), "big"))  # it comes now: the answer could not know it
    if any(value is not kept[name] for name, value in vars(registered).items()):
        return {"stage": "changed", "message": f"the question {asked.name}"}
    outcomes: list[Any] = []

    async def ours(question: str, /, **what: Any) -> None:
        await modules.dispose_forgotten()
        outcomes.append(await judge(asked if question == asked.name else find_question(question), what))

    problem = await _checked(check, run.shell.user_ns, ours)
    if len(outcomes) != 1:
        return {"stage": "check", **described(problem)}
    return {
        "stage": "verdict",
        "verdict": {name: getattr(outcomes[0], name) for name in FIELDS},
        "shown": repr(outcomes[0]),
    }


def _announced(check: CheckFunction, say: Say) -> CheckFunction:
    """Return the check so that it tells when it begins: each time it has a clock of its own."""

    @functools.wraps(check)
    async def announced(**what: Any) -> str:
        say({"stage": "judging"})
        return await check(**what)

    return announced


def _tell_where(hint: Callable[[str], None], seconds: float, set_handler: Callable[..., Any]) -> None:
    tell_where(lambda record: hint(record["message"]), seconds * 0.8, set_handler)


def _compiled(text: str) -> Any:
    return compile(text, "<answer check 1>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


async def _checked(check: Any, names: dict[str, Any], ours: Any) -> BaseException | None:
    """Run our check cell with the answer's names, but with Python's own builtins and our own `check`.

    The names are copied: what the answer calls by its own must not find ours among them.
    """
    space = {**names, "__builtins__": builtins, "check": ours}
    try:
        waiting = eval(check, space)  # the text is ours
        if inspect.iscoroutine(waiting):
            await waiting
    except Exception as error:
        return error
    return None
