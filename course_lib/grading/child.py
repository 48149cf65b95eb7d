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
from course_lib.grading.guarded import is_guarded
from course_lib.grading.seal import Look
from course_lib.grading.watch import Watch
from course_lib.workspace import modules

THREADS_S = 1.0  # a driver's thread needs a moment to end; one that an answer left behind does not end
FIELDS = ("question", "outcome", "message", "points", "possible", "lesson", "section", "slug")
HIDDEN = (learner_code.of_checkout, tell_where)  # functions that hold a door open for us alone


def judged(job: dict[str, Any], warm: Warm, say: Say, hint: Callable[[str], None], seeds: int) -> None:
    """Run `job` and claim its last record: stage and verdict, or where and why it ended early.

    After the answer has run, nothing on the way to a claim is looked up in a module or a class any more, where the
    answer could put another thing for a moment: what is needed then is taken now, and lies in frames.
    """
    stop_collecting, text_of, of_error = gc.disable, str.__str__, described
    stream = capture()
    verdict.compare_with_starter = False
    os.environ.pop("COURSE_WORKSPACE", None)  # the learner's own app must not be rebuilt by a verdict
    guards: list[_Guards] = []  # none until the doors are shut, and one from then on
    try:
        record = asyncio.run(_stages(job, warm, guards, say, hint, seeds))
    except BaseException as error:  # SystemExit included: the record must reach the judge
        record = {**of_error(error), "stage": "answer"}
    if record["stage"] == "verdict" and record["verdict"]["outcome"] == "pass":
        for _, _, runs_on in guards:
            if runs_on():
                record = {"stage": "changed", "message": "threading: a thread still runs"}
    stop_collecting()  # from here on nothing of the answer's may run
    for seen, look, _ in guards:
        changed = seen() or look()
        if changed:
            record = {"stage": "changed", "message": changed}
    say({**record, "text": text_of(stream.text()[-2000:])})


# what of ours an answer tried to exchange, what it has exchanged, whether a thread of its own runs on
_Guards = tuple[Look, Look, Callable[[], bool]]


def _shut(asked: Question, warm: Warm, relayed: list[Look]) -> _Guards:
    """Remember what is ours, shut the doors to it, and listen; what looks at the checker goes into `relayed`.

    What is returned is asked by its frames alone: no class stands between, whose attributes could be others by then.
    """
    if is_guarded(asked.check.__module__):
        warm.seal.add(asked.check.__module__)
    hidden = doors.hide()
    look, look_at_checker = warm.seal.looks()
    relayed.append(look_at_checker)
    runs_on = _threads()
    next(runs_on)
    doors.shut_for_good(warm.handlers, hidden)
    return Watch(warm.seal.sites, HIDDEN).seen, look, runs_on.__next__


def _relay(relayed: list[Look]) -> Generator[str]:
    """Look at the checker, again and again; a generator shows nobody what it holds."""
    while True:
        yield relayed[0]()


def _threads() -> Generator[bool]:
    """Say whether more threads run than at first; those that end by themselves, at once, are waited for."""
    count, now, pause, collect, patience = _thread._count, time.monotonic, time.sleep, gc.collect, THREADS_S
    running = count()
    yield False
    while True:
        until = now() + patience
        while count() > running and now() < until:
            pause(0.002)
            if count() > running:
                collect()
        yield count() > running


async def _stages(
    job: dict[str, Any], warm: Warm, guards: list[_Guards], say: Say, hint: Callable[[str], None], seeds: int
) -> dict[str, Any]:
    """Run our cells, then the answer and its check; return the last record."""
    run = Run(warm.shell)
    for text in job["setup"]:
        error = await run.cell(text, "setup")
        if error is not None:
            return {**described(error), "stage": "setup"}
    try:
        registered = find_question(job["question"])
    except CourseError as unknown:
        return {"stage": "unknown", "message": str(unknown)}
    return await _judged(job, registered, run, warm, guards, say, hint, seeds)


async def _judged(
    job: dict[str, Any],
    registered: Question,
    run: Run,
    warm: Warm,
    guards: list[_Guards],
    say: Say,
    hint: Callable[[str], None],
    seeds: int,
) -> dict[str, Any]:
    """Shut the doors, run the answer and its check; what comes after the answer uses what was taken before it."""
    of_error, judge, checked, fields = described, verdict.verdict, _checked, FIELDS
    read, number_of, sow, find, dispose = os.read, int.from_bytes, seeded.sow, find_question, modules.dispose_forgotten
    # our own: the registered one can be changed in place
    asked = dataclasses.replace(registered, check=_announced(registered.check, say))
    kept, check = dict(vars(registered)), _compiled(job["check"])
    seconds = job.get("seconds") or asked.seconds
    relayed: list[Look] = []
    look_after(_relay(relayed).__next__)  # before the seal is taken: who puts another in its place breaks it
    guards.append(_shut(registered, warm, relayed))
    look = guards[0][1]
    say({"stage": "prepared", "seconds": seconds, "lesson": asked.lesson, "section": asked.section})
    _tell_where(hint, seconds, warm.handlers.set)
    error = await run.cell(job["answer"], job["question"])
    if error is not None:
        return {**of_error(error), "stage": "answer"}
    say({"stage": "answered"})
    if look() or relayed[0]():
        return {"stage": "answer", "message": ""}
    sow(number_of(read(seeds, SEED_BYTES), "big"))  # it comes now: the answer could not know it
    if any(value is not kept[name] for name, value in vars(registered).items()):
        return {"stage": "changed", "message": f"the question {asked.name}"}
    outcomes: list[Any] = []

    async def ours(question: str, /, **what: Any) -> None:
        await dispose()
        outcomes.append(await judge(asked if question == asked.name else find(question), what))

    problem = await checked(check, run.shell.user_ns, ours)
    if len(outcomes) != 1:
        return {**of_error(problem), "stage": "check"}
    return {
        "stage": "verdict",
        "verdict": {name: getattr(outcomes[0], name) for name in fields},
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
