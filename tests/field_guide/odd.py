"""Sixty objects that nobody should hand to `explain`, and that a learner in trouble will.

Each is a name and a function that makes the object, so that a broken one breaks only its own test.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any, NoReturn

from course_lib.errors import CourseError
from course_lib.field_guide import entries


def refuse(*_: object, **__: object) -> NoReturn:
    """Be any method that fails."""
    raise RuntimeError("no")


def leave(*_: object, **__: object) -> NoReturn:
    """Be any method that wants to end the program."""
    raise SystemExit(3)


def interrupt(*_: object, **__: object) -> NoReturn:
    """Be any method that is interrupted."""
    raise KeyboardInterrupt


def made(name: str, base: type = object, /, **members: object) -> Any:  # Any: these types are odd on purpose
    """Return a new class."""
    return type(name, (base,), members)


class OddMeta(type):
    """A metaclass whose classes have no name, no module and no bases that can be read."""

    __name__ = property(refuse)
    __module__ = property(refuse)
    __mro__ = property(refuse)
    __instancecheck__ = refuse
    __subclasscheck__ = refuse
    __eq__ = refuse
    __hash__ = refuse


class NoName(Exception, metaclass=OddMeta):
    """An error of a class that cannot be read."""


def caused_by_itself() -> BaseException:
    """Return an error that is its own cause."""
    error = RuntimeError("round")
    error.__cause__ = error
    return error


def circle_of_causes() -> BaseException:
    """Return two errors that cause each other."""
    first, second = RuntimeError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def circle_of_origs() -> BaseException:
    """Return two errors that wrap each other."""
    first, second = (made("Wrapped", Exception)() for _ in range(2))
    first.orig, second.orig = second, first
    return first  # type: ignore[no-any-return]


def long_chain() -> BaseException:
    """Return an error with ten thousand causes."""
    error: BaseException = RuntimeError("0")
    for depth in range(10_000):
        outer = RuntimeError(str(depth))
        outer.__cause__ = error
        error = outer
    return error


def deep_group() -> BaseException:
    """Return a group two thousand levels deep."""
    error: Exception = ValueError("leaf")
    for _ in range(2_000):
        error = ExceptionGroup("level", [error])
    return error


class EndlessGroup(ExceptionGroup[Exception]):
    """A group that answers with a new group for ever."""

    @property
    def exceptions(self) -> Any:  # Any: a lie
        """Return one more group."""
        return (EndlessGroup("again", [ValueError("leaf")]),)


def cause_is_a_group() -> BaseException:
    """Return an error caused by a group."""
    error = RuntimeError("outer")
    error.__cause__ = ExceptionGroup("inner", [ValueError("leaf")])
    return error


def raised_name_error() -> BaseException:
    """Return a real error with a traceback."""
    try:
        eval("nobody")
    except NameError as error:
        return error
    raise AssertionError


def endless_list() -> list[object]:
    """Return a list that holds itself."""
    this: list[object] = []
    this.append(this)
    return this


def recursion() -> BaseException:
    """Return a real RecursionError."""

    def again() -> None:
        again()

    with suppress(RecursionError):
        again()
    return RecursionError("maximum recursion depth exceeded in comparison")


async def chef() -> None:
    """Be a coroutine function."""


async def dishes() -> AsyncIterator[int]:
    """Be an asynchronous generator."""
    yield 1


def plates() -> Iterator[int]:
    """Be a generator."""
    yield 1


def with_attribute(name: str, value: object) -> BaseException:
    """Return an error with an attribute the guide reads."""
    error = RuntimeError("attribute")
    setattr(error, name, value)
    return error


def with_property(name: str, read: Callable[..., NoReturn]) -> BaseException:
    """Return an error with an attribute that cannot be read."""
    return made("Odd", Exception, **{name: property(read)})("text")  # type: ignore[no-any-return]


ODD: dict[str, Callable[[], object]] = {
    "none": lambda: None,
    "nothing": lambda: ...,
    "not implemented": lambda: NotImplemented,
    "zero": lambda: 0,
    "huge int": lambda: 10**5000,
    "nan": lambda: float("nan"),
    "true": lambda: True,
    "empty text": lambda: "",
    "blanks": lambda: " \n\t ",
    "one colon": lambda: ":",
    "type and colon": lambda: "RuntimeError:",
    "bare type": lambda: "TimeoutError",
    "unknown type": lambda: "HungryError: no rice",
    "colon lines": lambda: "a: b\nc: d\n: e",
    "long text": lambda: "x" * 2_000_000,
    "long types": lambda: " <- ".join(["RuntimeError"] * 5000) + ": x",
    "long generators": lambda: "<async_generator object " * 5000,
    "many backticks": lambda: "`" * 5001,
    "surrogate": lambda: "\ud800 \udfff",
    "null letters": lambda: "\0\0\0",
    "every letter": lambda: "".join(map(chr, range(0x3000))),
    "regular expression": lambda: "(?P<x>[",
    "format": lambda: "{} {0} %s %(a)s",
    "traceback without end": lambda: "Traceback (most recent call last)",
    "traceback of nothing": lambda: "Traceback (most recent call last):\n  File x\n" * 3000,
    "bytes": lambda: b"\xff\xfe\x00",
    "bytearray": lambda: bytearray(b"RuntimeError: x"),
    "memoryview": lambda: memoryview(b"x"),
    "text of a kind": lambda: made("Text", str, __str__=refuse, strip=refuse, __hash__=refuse, __eq__=refuse)("x: y"),
    "bytes of a kind": lambda: made("Bytes", bytes, decode=refuse)(b"x"),
    "list": lambda: [RuntimeError("x")],
    "endless list": endless_list,
    "dict": lambda: {"RuntimeError": "x"},
    "tuple of exc_info": lambda: (RuntimeError, RuntimeError("x"), None),
    "object": object,
    "class": lambda: int,
    "error class": lambda: RuntimeError,
    "base error class": lambda: BaseException,
    "class of an odd metaclass": lambda: NoName,
    "error of an odd metaclass": lambda: NoName("x"),
    "module": lambda: asyncio,
    "function": lambda: refuse,
    "generator": plates,
    "async generator": dishes,
    "own entry": lambda: entries()[0],
    "namespace": lambda: types.SimpleNamespace(orig=RuntimeError("x"), __cause__=RuntimeError("y")),
    "str raises": lambda: made("Odd", __str__=refuse, __repr__=refuse)(),
    "str exits": lambda: made("Odd", __str__=leave)(),
    "str is interrupted": lambda: made("Odd", __str__=interrupt)(),
    "str is no text": lambda: made("Odd", __str__=lambda _: 3)(),
    "class raises": lambda: made("Odd", __class__=property(refuse))(),
    "class lies": lambda: made("Odd", __class__=property(lambda _: RuntimeError))(),
    "getattr raises": lambda: made("Odd", __getattr__=refuse, __getattribute__=refuse)(),
    "hash and equality raise": lambda: made("Odd", __hash__=refuse, __eq__=refuse, __bool__=refuse)(),
    "error: str raises": lambda: made("Odd", Exception, __str__=refuse, __repr__=refuse)(),
    "error: str exits": lambda: made("Odd", Exception, __str__=leave)(),
    "error: str is no text": lambda: made("Odd", Exception, __str__=lambda _: None)(),
    "error: class raises": lambda: made("Odd", Exception, __class__=property(refuse))("x"),
    "error: class lies": lambda: made("Odd", Exception, __class__=property(lambda _: str))("x"),
    "error: getattr raises": lambda: made("Odd", Exception, __getattribute__=refuse)("x"),
    "error: equality raises": lambda: made("Odd", Exception, __eq__=refuse, __hash__=refuse, __bool__=refuse)("x"),
    "error: name of lines": lambda: made("Odd\nraised  it", Exception)("x"),
    "error: endless name": lambda: made("O" * 100_000, Exception)("x"),
    "error: no name": lambda: made("", Exception)("x"),
    "error: module is a number": lambda: made("Odd", Exception, __module__=7)("x"),
    "error: huge text": lambda: RuntimeError("x" * 2_000_000),
    "error: argument raises": lambda: RuntimeError(made("Odd", __str__=refuse, __repr__=refuse)()),
    "error: own cause": caused_by_itself,
    "error: circle of causes": circle_of_causes,
    "error: circle of origs": circle_of_origs,
    "error: long chain": long_chain,
    "error: cause raises": lambda: with_property("__cause__", refuse),
    "error: orig raises": lambda: with_property("orig", refuse),
    "error: orig exits": lambda: with_property("orig", leave),
    "error: sqlstate raises": lambda: with_property("sqlstate", refuse),
    "error: orig is text": lambda: with_attribute("orig", "RuntimeError: x"),
    "error: orig is a class": lambda: with_attribute("orig", RuntimeError),
    "error: sqlstate is a list": lambda: with_attribute("sqlstate", ["23505"]),
    "error: sqlstate is long": lambda: with_attribute("sqlstate", "2" * 100_000),
    "error: real": raised_name_error,
    "error: recursion": recursion,
    "error: exit": lambda: SystemExit(0),
    "error: interrupt": KeyboardInterrupt,
    "error: cancelled": asyncio.CancelledError,
    "error: generator exit": GeneratorExit,
    "error: key": lambda: KeyError(("a", "b")),
    "error: unicode": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"),
    "error: our own": lambda: CourseError("lesson 99 does not exist"),
    "group": lambda: ExceptionGroup("two", [ValueError("a"), ValueError("a")]),
    "group: nested": lambda: ExceptionGroup("a", [ExceptionGroup("b", [KeyError("c")]), TypeError("d")]),
    "group: of exits": lambda: BaseExceptionGroup("a", [SystemExit(), KeyboardInterrupt()]),
    "group: deep": deep_group,
    "group: endless": lambda: EndlessGroup("again", [ValueError("leaf")]),
    "group: wide": lambda: ExceptionGroup("wide", [ValueError(str(i)) for i in range(5_000)]),
    "group: as a cause": cause_is_a_group,
    "group: exceptions raise": lambda: made("Odd", ExceptionGroup, exceptions=property(refuse))("x", [ValueError()]),
    "group: exceptions is a number": lambda: made("Odd", ExceptionGroup, exceptions=3)("x", [ValueError()]),
}
