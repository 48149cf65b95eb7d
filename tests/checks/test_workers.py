"""A second worker has the same code and names of its own: what the one remembers does not reach the other."""

import asyncio
import functools
import threading
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from course_lib import client
from course_lib.checks.workers import second_router, second_worker

from .conftest import cell

ANSWER = """
import asyncio
import threading

door = asyncio.Lock()
seats = asyncio.Semaphore(3)
beside = threading.Lock()
served = {"Ada": 1}
LIMIT = 5


def remember(name):
    served[name] = len(served) + 1
    return sorted(served)


async def answer(name, *, twice=False):
    \"\"\"What a learner wrote.\"\"\"
    async with door:
        return remember(name)


async def locks():
    return door, seats, beside, LIMIT
"""


def test_a_dict_is_each_workers_own() -> None:
    first = cell(ANSWER).answer
    second = second_worker(first)
    assert asyncio.run(first("Bo")) == ["Ada", "Bo"]
    assert asyncio.run(second("Cy")) == ["Ada", "Cy"]
    assert asyncio.run(first("Di")) == ["Ada", "Bo", "Di"]


def test_locks_are_each_workers_own_and_the_rest_is_shared() -> None:
    first = cell(ANSWER).locks
    mine, other = asyncio.run(first()), asyncio.run(second_worker(first)())
    assert [type(one) for one in mine] == [type(one) for one in other]
    assert [one is two for one, two in zip(mine, other, strict=True)] == [False, False, False, True]
    assert other[1]._value == 3


def test_the_second_worker_keeps_signature_and_name() -> None:
    first = cell(ANSWER).answer
    second = second_worker(first)
    assert second is not first
    assert (second.__name__, second.__kwdefaults__) == ("answer", {"twice": False})


@pytest.mark.parametrize("answer", [len, functools.partial(print, "x"), threading.Lock().acquire])
def test_what_is_no_plain_function_stays_as_it_is(answer: Any) -> None:
    assert second_worker(answer) is answer


ROUTES = """
from fastapi import APIRouter, Header
from typing import Annotated

router = APIRouter()
seen = []


@router.post("/order", status_code=201)
async def order(key: Annotated[str, Header()]) -> list[str]:
    seen.append(key)
    return seen
"""


async def posted(router: APIRouter, key: str) -> tuple[int, Any]:
    house = FastAPI()
    house.include_router(router)
    async with client(house) as http:
        answer = await http.post("/order", headers={"key": key})
        return answer.status_code, answer.json()


def test_a_router_of_a_second_worker_serves_the_same_routes() -> None:
    router = cell(ROUTES).router
    second = second_router(router)
    assert asyncio.run(posted(router, "a")) == (201, ["a"])
    assert asyncio.run(posted(second, "b")) == (201, ["b"])
    assert asyncio.run(posted(router, "c")) == (201, ["a", "c"])


def test_a_missing_header_is_refused_by_the_second_worker_too() -> None:
    async def status() -> int:
        house = FastAPI()
        house.include_router(second_router(cell(ROUTES).router))
        async with client(house) as http:
            return (await http.post("/order")).status_code

    assert asyncio.run(status()) == 422
