"""Raw events reach who listens, and nobody else."""

from __future__ import annotations

import asyncio
import threading

from course_lib.observe.events import Raw, emit, listen, next_request, unlisten


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Raw] = []

    def take(self, raw: Raw) -> None:
        """Keep one event."""
        self.heard.append(raw)


def test_an_event_reaches_every_listener_until_it_leaves() -> None:
    one, two = Ear(), Ear()
    listen(one)
    listen(two)
    emit("checkout", "pool", "detail", "subject")
    unlisten(one)
    emit("checkin", "pool")
    unlisten(two)
    emit("close", "pool")
    assert one.heard == [Raw("checkout", "pool", "detail", None, "thread", "subject")]
    assert [raw.kind for raw in two.heard] == ["checkout", "checkin"]


def test_leaving_twice_is_ignored() -> None:
    ear = Ear()
    listen(ear)
    unlisten(ear)
    unlisten(ear)
    emit("checkout", "pool")
    assert ear.heard == []


def test_a_listener_that_leaves_while_it_hears_disturbs_nobody() -> None:
    class Once(Ear):
        def take(self, raw: Raw) -> None:
            super().take(raw)
            unlisten(self)

    once, after = Once(), Ear()
    listen(once)
    listen(after)
    emit("checkout", "pool")
    emit("checkin", "pool")
    unlisten(after)
    assert (len(once.heard), len(after.heard)) == (1, 2)


def test_the_task_is_named_and_a_place_without_one_is_said() -> None:
    ear = Ear()

    async def main() -> None:
        asyncio.get_running_loop().call_soon(emit, "in a callback", None)
        await asyncio.sleep(0)
        await asyncio.create_task(named(), name="guest")

    async def named() -> None:
        emit("in a task", None)

    listen(ear)
    asyncio.run(main())
    thread = threading.Thread(target=emit, args=("in a thread", None))
    thread.start()
    thread.join()
    unlisten(ear)
    assert {raw.kind: raw.task for raw in ear.heard} == {
        "in a callback": "no task",
        "in a task": "guest",
        "in a thread": "thread",
    }


def test_requests_are_numbered() -> None:
    assert next_request() + 1 == next_request()
