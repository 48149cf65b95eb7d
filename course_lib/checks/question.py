"""The register of questions: which function checks which answer.

A check function receives only what its cell hands over, and returns one line that says what was proved.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from course_lib.errors import CourseError

CheckFunction = Callable[..., Awaitable[str]]
SECONDS = 5.0  # a right answer of this course needs a tenth of it on a busy machine


@dataclass(frozen=True)
class Question:
    """One question: its check and lesson, the section a plain failure points to, its clock, the probes it turns off.

    `servers` names what the check uses where it is there, and does without where it is not; `wire` says that answer or
    check serve over a real socket of 127.0.0.1.
    """

    name: str
    check: CheckFunction
    lesson: str
    section: int
    seconds: float = SECONDS
    except_probes: Mapping[str, str] = field(default_factory=dict)  # probe -> the reason it is off
    probe_sections: Mapping[str, int] = field(default_factory=dict)  # probe -> the section that explains it here
    servers: tuple[str, ...] = ()
    wire: bool = False


_questions: dict[str, Question] = {}


def question(
    name: str,
    *,
    lesson: str,
    section: int,
    seconds: float = SECONDS,
    except_probes: Mapping[str, str] | None = None,
    probe_sections: Mapping[str, int] | None = None,
    servers: tuple[str, ...] = (),
    wire: bool = False,
) -> Callable[[CheckFunction], CheckFunction]:
    """Register the decorated coroutine function as the check of question `name`."""

    def register(check: CheckFunction) -> CheckFunction:
        if name in _questions and _questions[name].check.__module__ != check.__module__:
            raise CourseError(f"question {name!r} has two checks; question names are unique over the whole course")
        off, sections = except_probes or {}, probe_sections or {}
        _questions[name] = Question(name, check, lesson, section, seconds, off, sections, servers, wire)
        return check

    return register


def find_question(name: str) -> Question:
    """Return the question `name`; raise `CourseError` naming the nearest one when there is none."""
    if name not in _questions:
        _load_all()
    if name not in _questions:
        near = difflib.get_close_matches(name, _questions, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise CourseError(f"no question is called {name!r}{hint}")
    return _questions[name]


def all_questions() -> dict[str, Question]:
    """Return every question of the course by name."""
    _load_all()
    return dict(_questions)


def _load_all() -> None:
    from course_lib.checks import questions

    for module in pkgutil.iter_modules(questions.__path__):
        importlib.import_module(f"{questions.__name__}.{module.name}")
