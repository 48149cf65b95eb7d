"""The checks of exercise 08 on conflicts: what the database refuses is tried again as a whole, and who waits for whom.

The other three questions are in `transactions.py`; the refusals are planned, and a deadlock is made where a server is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any  # Any: mapped classes, answers, and what an answer returns

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from course_lib.checks import seeded
from course_lib.checks.assertions import AnswerError, ask, equal, show, wrong
from course_lib.checks.contention import all_of
from course_lib.checks.question import question
from course_lib.checks.refused_work import ATTEMPTS, ENDLESS, RefusedWork
from course_lib.checks.writes import Writes
from course_lib.databases import fresh, needs

LESSON = "08_transactions"
NIGHT = "INSERT INTO events (id, name, starts_at, capacity, admitted) VALUES (1, 'Silk', '2027-01-02 21:00', 10, 0)"
PAIRS = 20
ALWAYS = 2 * ENDLESS
# what the database says -> calls of the whole, rows kept, whether the error must come through, in the commit
PLANS = (
    (["40001", "40P01"], 3, 1, False, False),
    (["40001"], 2, 1, False, True),
    (["23505"] * ALWAYS, 1, 0, True, False),
    (["42P01"], 1, 0, True, False),
    (["40001"] * ALWAYS, ATTEMPTS, 0, True, False),
)


@question("again-but-all", lesson=LESSON, section=5, seconds=20)
async def check_the_whole_is_tried_again(retry: Callable[..., Any], guest_class: Any) -> str:
    """Two conflicts, one at the commit, two errors that mean no, a conflict without end, and a no after conflicts."""
    again = seeded.choice(1, (0, 2, 3))
    no_at_last = (["40001"] * again + ["23505"], again + 1, 0, True, False)
    [result] = seeded.names("done")
    async with fresh() as engine:
        async with engine.begin() as connection:
            await connection.run_sync(guest_class.metadata.create_all)
            await connection.exec_driver_sql(NIGHT)
        for states, calls, rows, raises, at_commit in (*PLANS, no_at_last):
            before = await _kept(engine, guest_class)
            work = RefusedWork(guest_class, states, at_commit=at_commit, result=result)
            async with AsyncSession(engine) as session:
                said = await _retried(retry, session, work)
                if work.calls != calls:
                    _tell_calls(work, calls, at_commit)
                if session.in_transaction():
                    wrong("a transaction is still open when retry has ended", section=5, slug="idle-in-transaction")
            if raises and not isinstance(said, DBAPIError):
                wrong(f"expected the error {states[-1]} to come through, got {show(said)}", section=5)
            if not raises:
                equal(said, result, what="result", why="return what the work returns", section=5)
            kept = await _kept(engine, guest_class) - before
            equal(kept, rows, what="rows kept", why="who commits, and who rolls back?", section=5)
    return "3 calls of the whole for two conflicts, 1 for a no, 5 and then the error"


def _tell_calls(work: RefusedWork, wanted: int, at_commit: bool) -> None:
    plural = "call" if wanted == 1 else "calls"
    where = " at the commit" if at_commit else ""
    again = work.said in ("40001", "40P01")
    how = ", as a DBAPIError" if again and work.calls < wanted else ""
    said = f"expected {wanted} {plural}, got {work.calls}; the database last said {work.said}{where}{how}"
    wrong(said, section=5, slug="serialization-failure" if again else "")


async def _kept(engine: AsyncEngine, guest_class: Any) -> int:
    async with engine.connect() as connection:
        return await connection.scalar(select(func.count(guest_class.id))) or 0


async def _retried(retry: Callable[..., Any], session: AsyncSession, work: RefusedWork) -> Any:
    """Return what `retry` returns, or the database error it lets through."""
    try:
        return await ask(retry, session, work, section=5)
    except AnswerError as error:
        if isinstance(error.__cause__, DBAPIError):
            return error.__cause__
        if type(error.__cause__).__name__ == "Wrong":
            raise error.__cause__ from None  # type: ignore[misc] # ours, that went through the answer
        raise


@question("lock-order", lesson=LESSON, section=5, seconds=20, servers=("postgres",))
async def check_everybody_takes_the_smaller_number_first(transfer: Callable[..., Any], tab_class: Any) -> str:
    """Both directions update in the same order; on PostgreSQL twenty crossed pairs end without a deadlock."""
    amount, pair = seeded.number(700, 100, 2000), sorted(seeded.numbers(3, 4, low=5, high=90))
    async with fresh() as engine:
        await _open_tabs(engine, tab_class, 1, 2, *pair)
        first: list[int] = []
        for source, target in ((1, 2), (2, 1)):
            writes = Writes(engine)
            await _transfer(transfer, engine, source, target, amount)
            if len(writes.ids) != 2:
                wrong(f"expected 2 updates, got {writes.statements}; one for each tab", section=5)
            first = first or [*writes.ids]
            if writes.ids != first:  # any order will do, as long as it is everybody's
                wrong(
                    f"expected updates {first}, got {writes.ids} for {source} to {target}", section=5, slug="deadlock"
                )
        equal(await _balances(engine, tab_class, 1, 2), [5000, 5000], what="balances after both", section=5)
        for source, target in ((1, 2), (pair[1], pair[0])):
            await _transfer(transfer, engine, source, target, amount)
            came = await _balances(engine, tab_class, source, target)
            equal(came, [5000 - amount, 5000 + amount], what="balances", section=5)
    if _has_postgres():
        await _cross(transfer, tab_class, amount)
    return "one order in both directions, so crossed transfers make no circle"


def _has_postgres() -> bool:
    return not needs.absent(("postgres",))


async def _cross(transfer: Callable[..., Any], tab_class: Any, amount: int) -> None:
    async with fresh("postgres", pool_size=8, max_overflow=0) as engine:
        await _open_tabs(engine, tab_class, 1, 2)
        pairs = [(1, 2), (2, 1)] * PAIRS
        try:
            await all_of([_transfer(transfer, engine, *pair, amount) for pair in pairs])
        except AnswerError as error:
            if getattr(getattr(error.__cause__, "orig", None), "sqlstate", "") == "40P01":
                wrong("expected no deadlock between crossed pairs, got 40P01", section=5, slug="deadlock")
            raise
        equal(await _balances(engine, tab_class, 1, 2), [5000, 5000], what="balances after crossed pairs", section=5)


async def _open_tabs(engine: AsyncEngine, tab_class: Any, *ids: int) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(tab_class.metadata.create_all)
    async with AsyncSession(engine) as session, session.begin():
        session.add_all(tab_class(id=number, cents=5000) for number in ids)


async def _transfer(transfer: Callable[..., Any], engine: AsyncEngine, *what: int) -> None:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        await ask(transfer, session, *what, section=5)


async def _balances(engine: AsyncEngine, tab_class: Any, *ids: int) -> list[int]:
    async with engine.connect() as connection:
        rows = await connection.execute(select(tab_class.id, tab_class.cents))
        cents = {row[0]: row[1] for row in rows}
    return [cents[number] for number in ids]
