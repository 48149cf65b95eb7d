"""Each of the three ways cancels a working answer, and tells when an answer would not be cancelled."""

from __future__ import annotations

import asyncio

import pytest

from course_lib.checks.cancelling import WAYS, Service

EACH = pytest.mark.parametrize("name", WAYS)


@EACH
def test_an_answer_that_waits_is_cancelled(name: str) -> None:
    reached: list[str] = []

    async def main() -> bool:
        service = Service()

        async def work() -> None:
            try:
                await service()
                reached.append("the end")
            finally:
                reached.append("finally")

        return await WAYS[name](service, work)

    assert asyncio.run(main()) is True
    assert reached == ["finally"]


@EACH
def test_an_answer_that_swallows_its_cancellation_is_told(name: str) -> None:
    async def main() -> bool:
        service = Service()

        async def work() -> int:
            try:
                await service()
            except asyncio.CancelledError:
                return 0
            return 1

        return await WAYS[name](service, work)

    assert asyncio.run(main()) is False


def test_a_service_that_nobody_cancels_answers_at_once() -> None:
    asyncio.run(Service()())
