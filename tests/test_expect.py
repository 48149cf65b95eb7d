"""`expect` keeps a promise: the error comes and is printed in one line, or the cell fails."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import warnings

import pytest
from sqlalchemy import ForeignKey, select
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from course_lib import expect, fresh
from course_lib.errors import CourseError
from course_lib.expect import describe, first_line


def test_the_error_is_printed_as_class_and_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    with expect(ValueError) as promise:
        raise ValueError("a cocktail costs money\nsecond line")
    assert capsys.readouterr().out == "ValueError: a cocktail costs money\n"
    assert isinstance(promise.error, ValueError)


def test_a_subclass_keeps_the_promise(capsys: pytest.CaptureFixture[str]) -> None:
    with expect(LookupError):
        raise KeyError("gin")
    assert capsys.readouterr().out == "KeyError: 'gin'\n"


def test_nothing_raised_breaks_the_promise() -> None:
    with pytest.raises(CourseError) as caught, expect(ValueError):
        pass
    assert str(caught.value) == "expected ValueError, and nothing was raised; what changed before this cell?"


def test_another_error_breaks_the_promise_and_is_chained() -> None:
    with pytest.raises(CourseError) as caught, expect(ValueError):
        raise KeyError("gin")
    assert str(caught.value) == "expected ValueError, got KeyError: 'gin'"
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, asyncio.CancelledError])
def test_an_interruption_goes_its_own_way(kind: type[BaseException]) -> None:
    with pytest.raises(kind), expect(ValueError):
        raise kind


def test_a_cancellation_can_be_expected(capsys: pytest.CaptureFixture[str]) -> None:
    with expect(asyncio.CancelledError):
        raise asyncio.CancelledError
    assert capsys.readouterr().out == "CancelledError\n"


def test_both_types_are_named_when_one_wraps_the_other() -> None:
    error = IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE constraint failed: items.name"))
    assert describe(error) == (
        "IntegrityError <- IntegrityError: (sqlite3.IntegrityError) UNIQUE constraint failed: items.name"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<object Pool at 0x7f00aa> is closed", "<object Pool> is closed"),
        ("Task-12 got Future attached to Task-3", "Task got Future attached to Task"),
        ("pool full (Background on this error at: https://sqlalche.me/e/20/3o7r)", "pool full"),
        ("\n  first\nsecond", "first"),
        ("", ""),
    ],
)
def test_the_first_line_is_the_same_in_every_run(text: str, line: str) -> None:
    assert first_line(ValueError(text)) == line


class Base(DeclarativeBase):
    """The tables of the test below."""


class Night(Base):
    """A night with its guests, loaded lazily."""

    __tablename__ = "nights"
    id: Mapped[int] = mapped_column(primary_key=True)
    guests: Mapped[list[Guest]] = relationship()


class Guest(Base):
    """A guest of one night."""

    __tablename__ = "guests"
    id: Mapped[int] = mapped_column(primary_key=True)
    night_id: Mapped[int] = mapped_column(ForeignKey("nights.id"))


async def touch_a_lazy_list() -> None:
    """Ask a lazy list for its rows where nobody awaits, under `expect`."""
    async with fresh() as engine:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine) as session:
            session.add(Night(id=1))
            await session.commit()
            night = (await session.scalars(select(Night))).one()
            with expect(StatementError):
                _ = night.guests


def test_a_dot_that_asked_the_database_warns_nobody_later(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        asyncio.run(touch_a_lazy_list())
        gc.collect()
    assert "greenlet_spawn has not been called" in capsys.readouterr().out
    assert [str(warning.message) for warning in heard] == []
