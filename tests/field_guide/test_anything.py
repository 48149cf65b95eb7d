"""A thousand odd objects that nobody thought of: `explain` answers each, the same way twice, and never raises."""

from __future__ import annotations

import re
from typing import Any  # Any: these objects are odd on purpose

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from course_lib.field_guide import Explanation, entries, explain

from .odd import interrupt, leave, made, refuse

ANSWERED = re.compile(r"raised  .*\nentry   ", re.DOTALL)
FAULT = "This is a bug in the course"

# pieces of real pastes, put together as no terminal ever did
PIECES = [text for one in entries() for text in (*one.examples, *one.raised, one.slug)] + [
    "Traceback (most recent call last):\n", '  File "x.py", line 1, in f\n', "Error: ", ": ", " <- ", "\n", "\n\n",
    "\nThe above exception was the direct cause of the following exception:\n\n", "ExceptionGroup: two\n",
    "\nDuring handling of the above exception, another exception occurred:\n\n", "  | ", "E   ", "web-1  | ",
    "  +-+---------------- 1 ----------------\n", "    +------------------------------------\n", "\x1b[31m", "\\n",
    "sqlstate 23505", " Original exception was: ", "(", "[SQL: ", "`", "0x7f00",
]  # fmt: skip


def piece(place: int) -> str:
    """Return one piece: a function, because hypothesis prints what it draws from."""
    return PIECES[place]


words = st.one_of(
    st.text(max_size=200),
    st.lists(st.integers(0, len(PIECES) - 1).map(piece) | st.text(max_size=9), max_size=12).map("".join),
)
plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.binary(max_size=99), words,
    st.dates(), st.uuids(), st.fractions(), st.from_regex(r"\w+(\.\w+)*Error(: .*)?"), words.map(str.encode),
)  # fmt: skip
nested = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3))
methods = st.sampled_from([refuse, leave, interrupt, property(refuse), None, 7, lambda *_: "x", lambda *_: 3])
special = st.sampled_from(
    ["__str__", "__repr__", "__class__", "__getattribute__", "__getattr__", "__hash__", "__eq__", "__bool__", "__len__",
     "__iter__", "__cause__", "__context__", "__notes__", "__module__", "__qualname__", "__doc__", "orig", "sqlstate",
     "sqlite_errorname", "exceptions", "args", "strip", "__format__", "__reduce__", "__dir__"]
)  # fmt: skip
bases = st.sampled_from([object, Exception, RuntimeError, TimeoutError, BaseException, KeyError, str, bytes, dict, int])


def build(name: str, base: type, members: dict[str, Any]) -> object:
    """Return an object of a new class, or the class where it cannot be made."""
    try:
        kind = made(re.sub(r"\0", "", name) or "Odd", base, **members)
        return kind() if base in (object, dict, int, str, bytes) else kind("text")
    except BaseException:
        return members


def wrap(error: object, inner: object, how: str) -> object:
    """Put one error into another, in one of the ways errors are."""
    outer: Any = error if issubclass(type(error), BaseException) else RuntimeError(error)  # isinstance asks the object
    leaf: Any = inner
    try:
        if how == "group":
            return BaseExceptionGroup("several", [outer, leaf])
        setattr(outer, how, leaf)
    except BaseException:  # whatever the odd object raised: it stays as it was
        return outer
    return outer


custom = st.builds(build, st.text(max_size=30), bases, st.dictionaries(special, methods, max_size=4))
errors = st.one_of(st.builds(RuntimeError, nested), st.builds(TimeoutError), st.builds(KeyError, nested), custom)
ways = st.sampled_from(["__cause__", "__context__", "orig", "sqlstate", "group", "exceptions", "args"])
anything = st.recursive(nested | errors, lambda inner: st.builds(wrap, inner, inner, ways), max_leaves=6)


@settings(
    max_examples=1000, deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)  # fmt: skip
@given(anything)
@example(type)
@example(st)
def test_whatever_it_is_given_it_answers(subject: object) -> None:
    answers = [explain(subject) for _ in range(2)]
    assert all(type(answer) is Explanation for answer in answers)
    texts = [str(answer) for answer in answers]
    assert texts[0] == texts[1]
    assert ANSWERED.search(texts[0])
    assert FAULT not in texts[0]
