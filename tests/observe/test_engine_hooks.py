"""The hooks sit on the classes, once, and see engines that were made later."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool, StaticPool

from course_lib import trace
from course_lib.observe import engine_hooks


def test_installing_again_counts_nothing_twice() -> None:
    engine_hooks.install()
    engine_hooks.install()
    engine = create_engine("sqlite://")
    with trace(engine) as events, engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    engine.dispose()
    assert events.count("SELECT") == 1


def test_every_kind_of_pool_is_seen() -> None:
    seen = {}
    for pool in (NullPool, StaticPool):
        engine = create_engine("sqlite://", poolclass=pool)
        with trace(engine) as events, engine.connect():
            pass
        engine.dispose()
        seen[pool.__name__] = repr(events)
    assert seen == {"NullPool": "checkout reset checkin close", "StaticPool": "checkout reset checkin"}


def test_the_pool_of_an_engine_async_or_not() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    assert engine_hooks.engine_pool(engine) is engine.sync_engine.pool
    assert engine_hooks.engine_pool(engine.sync_engine) is engine.sync_engine.pool
    asyncio.run(engine.dispose())


def test_a_record_that_hides_its_pool_has_none() -> None:
    assert engine_hooks.pool_of(SimpleNamespace()) is None
