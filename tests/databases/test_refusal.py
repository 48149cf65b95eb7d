"""A refusal has the class and the sqlstate of a real one; work is refused as often as was said."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib import explain, fresh
from course_lib.databases.refusal import RefusedTimes, refusal


@pytest.mark.parametrize(
    ("state", "kind", "slug"),
    [("40001", DBAPIError, "serialization-failure"), ("40P01", DBAPIError, "deadlock"), ("23505", IntegrityError, "")],
)
def test_a_refusal_is_what_a_driver_raises(state: str, kind: type[DBAPIError], slug: str) -> None:
    error = refusal(state)
    assert type(error) is kind
    assert (str(error.orig), getattr(error.orig, "sqlstate", "")) == (state, state)
    assert not slug or explain(error).slug == slug


def test_work_is_refused_as_often_as_was_said_and_then_done() -> None:
    async def main() -> tuple[list[str], int]:
        work, said = RefusedTimes(["40001", "23505"]), []
        async with fresh() as engine, AsyncSession(engine) as session:
            for _ in range(3):
                try:
                    said.append(await work(session))
                except DBAPIError as error:
                    said.append(str(error.orig))
        return said, work.calls

    assert asyncio.run(main()) == (["40001", "23505", "done"], 3)
