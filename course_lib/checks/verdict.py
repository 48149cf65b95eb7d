"""`check`: the verdict on one answer, in the learner's own kernel.

It runs the question's check under the five probes and a clock, records the verdict, and raises when the answer is
wrong: a value is no error, and a grader that looks for errors would give a wrong answer full points for one.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any  # Any: what a check cell hands over

from course_lib.checks import attempt, learner_code
from course_lib.checks.assertions import AnswerError, Wrong, watched
from course_lib.checks.clock import TimeUp, within
from course_lib.checks.outcome import Outcome
from course_lib.checks.probes import SLUGS, probes
from course_lib.checks.question import Question, find_question
from course_lib.errors import CheckFailed, CourseError
from course_lib.workspace import answers, modules

Recorder = Callable[[Outcome], None]


def _record(outcome: Outcome) -> None:
    from course_lib.study.progress import record

    result = {key: value for key, value in outcome.as_dict().items() if key != "question"}
    record("checked", outcome.question, result)
    if outcome.outcome == "pass":
        record("passed", outcome.question, result)


compare_with_starter = True  # a runner that has compared before, or that proves a starter wrong, turns it off
recorders: list[Recorder] = [_record]  # a runner that judges many answers puts its own in place of the progress store


async def check(question: str, /, **what: Any) -> Outcome:
    """Judge the answer to `question`: return the `Outcome` when it passes, raise `CheckFailed` when it does not.

    An untouched answer is `not attempted`: a quiet outcome for a learner, an error under `COURSE_STRICT=1` or nbgrader.
    Raises `CourseError` for a question that does not exist or a check that is itself broken.
    """
    await modules.dispose_forgotten()
    outcome = await verdict(find_question(question), what)
    for recorder in recorders:
        recorder(outcome)
    strict = os.environ.get("COURSE_STRICT") == "1" or "NBGRADER_EXECUTION" in os.environ
    if outcome.outcome == "pass" or (outcome.outcome == "not attempted" and not strict):
        return outcome
    raise CheckFailed(outcome.message, outcome)


async def verdict(asked: Question, what: dict[str, Any]) -> Outcome:
    """Return the outcome of one question without recording or raising it."""
    possible = attempt.points_of(asked.lesson, asked.name)
    base = Outcome(asked.name, "pass", "", possible, possible, asked.lesson, asked.section)
    state = attempt.state_of(asked.lesson, asked.name) if compare_with_starter else "attempted"
    if state == "untouched":
        return await _untouched(asked, what, base)
    if state == "broken" or (compare_with_starter and asked.name in answers.failed):
        said = answers.failed.get(asked.name, "SyntaxError")
        message = f"{said}; the answer cell did not run to its end, mend it and run it again"
        return replace(base, outcome="error", message=message, points=0)
    return await _attempted(asked, what, base)


async def _untouched(asked: Question, what: dict[str, Any], base: Outcome) -> Outcome:
    """Say that nothing was written yet; a starter that is broken code also says what it gives as it stands."""
    quiet = replace(base, outcome="not attempted", message="write your answer in the cell above", points=0)
    if attempt.has_gap(asked.lesson, asked.name):
        return quiet
    as_it_stands = await _attempted(asked, what, base)
    return replace(quiet, message=f"the code above is still the broken one, and gives: {as_it_stands.message}")


async def _attempted(asked: Question, what: dict[str, Any], base: Outcome) -> Outcome:
    try:
        judged = await _judged(asked, what, base)
        if judged.outcome == "fail" and judged.slug == SLUGS["loop"]:
            watched()()
            judged = await _judged(asked, what, base)  # once more: a stall may have been the machine's
    except Wrong as said:
        section = said.section if said.section is not None else asked.section
        return replace(base, outcome=said.outcome, message=str(said), section=section, slug=said.slug, points=0)
    except AnswerError as raised:
        return replace(base, outcome="error", points=0, **_of_error(raised.__cause__ or raised))
    return judged


@functools.cache
def _warm_up() -> None:
    """Import what checks use before a probe listens: a first import stops the loop like any other blocking call."""
    for name in ("fastapi", "httpx", "sqlalchemy.ext.asyncio", "sqlalchemy.dialects.sqlite.aiosqlite"):
        importlib.import_module(name)


async def _judged(asked: Question, what: dict[str, Any], base: Outcome) -> Outcome:
    _warm_up()
    async with probes(off=asked.except_probes) as report:
        message = await _in_time(asked, what)
    if not report.findings:
        return replace(base, message=message)
    first = report.findings[0]
    section = asked.probe_sections.get(first.probe, asked.section)
    return replace(base, outcome="fail", message=first.sentence, section=section, slug=SLUGS[first.probe], points=0)


def _of_error(error: BaseException) -> dict[str, Any]:
    from course_lib.expect import first_line
    from course_lib.field_guide import explain

    where = learner_code.of_traceback(error.__traceback__)
    text = f"{type(error).__name__}: {first_line(error)}".removesuffix(": ")
    return {"message": f"{text}, {where}" if where else text, "slug": explain(error).slug or ""}


async def _in_time(asked: Question, what: dict[str, Any]) -> str:
    """Await the check function within the question's clock; a check that is itself wrong is our error."""
    _refuse_other_names(asked, what)
    try:
        message = await within(asked.seconds, _run(asked, what))
    except TimeUp as over:
        raise _too_late(f"{over} after {asked.seconds:g} s") from None
    except TimeoutError:  # a check may have a shorter clock of its own
        raise _too_late("when the check gave up") from None
    except (Wrong, AnswerError, CourseError):
        raise
    except Exception as error:
        raise _our_bug(asked, f"failed itself ({type(error).__name__}: {error})") from error
    if inspect.iscoroutine(message):
        message.close()  # so that Python does not warn about it as well
    if not isinstance(message, str):
        raise _our_bug(asked, f"returned {type(message).__name__}, expected a sentence")
    return message


async def _run(asked: Question, what: dict[str, Any]) -> Any:  # Any: what an author's check returns is not sure yet
    return await asked.check(**what)


def _refuse_other_names(asked: Question, what: dict[str, Any]) -> None:
    signature = inspect.signature(asked.check)
    try:
        signature.bind(**what)
    except TypeError:
        wanted, given = (", ".join(names) or "nothing" for names in (signature.parameters, what))
        raise CourseError(
            f"the check of {asked.name} expects {wanted}, got {given}; "
            f"restore its cell with: course reset {asked.lesson[:2]} {asked.name}"
        ) from None


def _too_late(where: str) -> Wrong:
    return Wrong(f"timeout: still waiting {where.strip()}", outcome="timeout")


def _our_bug(asked: Question, what: str) -> CourseError:
    return CourseError(
        f"the check of {asked.name} {what}; this is a bug in the course: "
        'please report it with the output of "course doctor"'
    )
