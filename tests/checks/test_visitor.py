"""A visitor asks an app: a wrong status is a wrong answer, a slip in the learner's own line is shown as itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from sqlalchemy.exc import TimeoutError as PoolTimeout

from course_lib.checks.assertions import AnswerError, Wrong
from course_lib.checks.visitor import Visitor, visiting
from course_lib.observe import events

from .conftest import cell

SLIP = cell("async def route():\n    return menu['gin']").route


async def fine() -> dict[str, str]:
    """Answer."""
    return {"door": "open"}


async def ours() -> None:
    """Fail in code that is not the learner's."""
    raise KeyError("gin")


async def picky() -> None:
    """Refuse whatever is asked."""
    raise HTTPException(422, "no gin")


async def full() -> None:
    """Fail as a full pool does."""
    raise PoolTimeout("QueuePool limit of size 1 overflow 0 reached, connection timed out, timeout 1.00")


async def visit(route: Any, **options: Any) -> Any:
    """Open a house with one route and ask it once."""
    house = FastAPI()
    house.add_api_route("/", route)
    async with visiting(house) as visitor:
        response = await visitor.ask("GET", "/", **options)
        return response.status_code, type(visitor.error).__name__


def test_the_response_is_returned() -> None:
    assert asyncio.run(visit(fine, status=200)) == (200, "NoneType")


def test_without_a_status_any_answer_will_do_and_the_error_is_kept() -> None:
    assert asyncio.run(visit(ours)) == (500, "KeyError")


def test_another_status_is_wrong_and_points_to_the_section() -> None:
    with pytest.raises(Wrong) as caught:
        asyncio.run(visit(fine, status=404, section=3))
    assert str(caught.value) == "expected status 404, got 200 for GET /"
    assert (caught.value.section, caught.value.slug) == (3, "")


def test_the_error_behind_a_500_gives_the_slug() -> None:
    with pytest.raises(Wrong) as caught:
        asyncio.run(visit(full, status=200))
    assert str(caught.value) == (
        "expected status 200, got 500 for GET /; behind it: TimeoutError: "
        "QueuePool limit of size 1 overflow 0 reached, connection timed out, timeout 1.00"
    )
    assert caught.value.slug == "pool-timeout"


def test_a_refused_body_is_quoted_with_what_the_answer_says() -> None:
    with pytest.raises(Wrong) as caught:
        asyncio.run(visit(fine, status=201, params={"nope": 1}))
    assert str(caught.value) == "expected status 201, got 200 for GET /"
    with pytest.raises(Wrong) as caught:
        asyncio.run(visit(picky, status=200, json={"gin": 1}))
    assert str(caught.value) == (
        "expected status 200, got 422 for GET / {'gin': 1}; the answer says '{\"detail\":\"no gin\"}'"
    )


def test_a_slip_in_the_learners_lines_is_an_error_of_the_answer() -> None:
    with pytest.raises(AnswerError) as caught:
        asyncio.run(visit(SLIP, status=200))
    assert isinstance(caught.value.__cause__, NameError)


def test_the_visitor_leaves() -> None:
    before = list(events._listeners)
    asyncio.run(visit(fine))
    assert events._listeners == before


def test_a_new_question_forgets_the_last_error() -> None:
    async def main() -> list[bool]:
        house = FastAPI()
        house.add_api_route("/ours", ours)
        house.add_api_route("/fine", fine)
        seen = []
        async with visiting(house) as visitor:
            assert isinstance(visitor, Visitor)
            for path in ("/ours", "/fine"):
                await visitor.ask("GET", path)
                seen.append(visitor.error is None)
        return seen

    assert asyncio.run(main()) == [False, True]
