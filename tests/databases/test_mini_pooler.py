"""The course's own pooler, where it is more than a stand-in: its limits, and clients that misbehave."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator

import asyncpg
import pytest
from pooled import closed, housed, opened, refused, run

from course_lib.databases import pg_login, pg_wire
from course_lib.databases.mini_pooler import MiniPooler
from course_lib.databases.pg_wire import Refusal
from course_lib.databases.state import Home

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with housed(tmp_path_factory.mktemp("servers")) as folders:
        yield folders


def test_more_clients_than_allowed_are_refused(home: Home) -> None:
    async def main() -> None:
        async with opened(home, max_clients=1) as bar:
            first = await bar.connect()
            with pytest.raises(asyncpg.ProtocolViolationError) as caught:
                await bar.connect()
            assert str(caught.value) == "no more connections allowed (max_client_conn)"
            assert await first.fetchval("SELECT 1") == 1

    run(main())


def test_copy_through_the_driver_works(home: Home) -> None:
    async def main() -> None:
        async with opened(home) as bar:
            client = await bar.connect()
            rows = [(f"drink {number}", number) for number in range(2000)]
            said = await client.copy_records_to_table("items", records=rows, columns=["name", "price_cents"])
            assert said == "COPY 2000"
            assert await client.fetchval("SELECT count(*) FROM items") == 2003

    run(main())


def test_many_clients_at_once_are_all_answered(home: Home) -> None:
    async def main() -> None:
        async with opened(home) as bar:
            clients = [await bar.connect() for _ in range(30)]

            async def ask(number: int) -> list[int]:
                return [await clients[number].fetchval("SELECT $1::int + 1", number) for _ in range(10)]

            answers = await asyncio.gather(*map(ask, range(30)))
            assert answers == [[number + 1] * 10 for number in range(30)]
            assert bar.pooler.servers() <= 2

    run(main())


@pytest.mark.parametrize(
    ("first", "sqlstate", "said"),
    [
        (pg_wire.first_message(2 << 16, b""), "0A000", "unsupported frontend protocol 2.0: this pooler supports 3.0"),
        (pg_wire.startup({"database": "x"}), "08P01", "no username supplied"),
        (pg_wire.startup({"user": "x", "options": "-c a=b"}), "08P01", "unsupported startup parameter: options"),
        (struct.pack("!II", 1 << 30, 0), "08P01", "invalid length of startup packet: 1073741824"),
        (struct.pack("!II", 4, 0), "08P01", "invalid length of startup packet: 4"),
    ],
)
def test_a_strange_first_message_is_refused(first: bytes, sqlstate: str, said: str) -> None:
    async def main() -> None:
        pooler = MiniPooler("127.0.0.1", 1)
        await pooler.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", pooler.port)
        writer.write(first)
        assert await refused(reader) == (sqlstate, said)
        await pg_wire.hang_up(writer)
        await pooler.close()

    run(main())


def test_encryption_that_is_not_there_is_refused_politely(home: Home) -> None:
    async def main() -> None:
        async with opened(home) as bar:
            reader, writer = await bar.open()
            for code in (pg_wire.GSSENC_REQUEST, pg_wire.SSL_REQUEST):
                writer.write(pg_wire.first_message(code, b""))
                assert await reader.readexactly(1) == b"N"
            found, key = await pg_login.log_in(reader, writer, bar.user, bar.password, bar.place.name)
            assert pg_wire.setting(found["server_version"])[1] == bar.place.version
            assert (len(key), key[0] < 128) == (8, True)

    run(main())


def test_a_message_of_no_possible_length_ends_the_client(home: Home) -> None:
    async def main() -> None:
        async with opened(home) as bar:
            reader, writer = await bar.raw()
            writer.write(b"Q\xff\xff\xff\xff")
            assert await refused(reader) == ("08P01", "invalid message length: 4294967295")

    run(main())


def test_a_user_who_was_forgotten_is_out(home: Home) -> None:
    async def main() -> None:
        async with opened(home) as bar:
            idle, busy = await bar.connect(), await bar.connect()
            await busy.execute("BEGIN")
            await bar.pooler.forget(bar.user)
            assert bar.pooler.servers() == 0
            await closed(busy)
            with pytest.raises(asyncpg.InvalidPasswordError):
                await bar.connect()
            with pytest.raises(asyncpg.ConnectionDoesNotExistError):
                await idle.execute("SELECT 1")

    run(main())


def test_close_is_harmless_before_the_start_and_twice() -> None:
    async def main() -> None:
        pooler = MiniPooler("127.0.0.1", 1)
        await pooler.close()
        await pooler.start()
        await pooler.close()
        await pooler.close()

    run(main())


def test_a_refusal_of_the_server_is_passed_on(home: Home) -> None:
    async def main() -> None:
        async with opened(home) as bar:
            bar.pooler.know("stranger", "secret")
            reader, writer = await bar.open()
            with pytest.raises(Refusal) as caught:
                await pg_login.log_in(reader, writer, "stranger", "secret", bar.place.name)
            assert caught.value.sqlstate == "28P01"
            assert caught.value.text == 'password authentication failed for user "stranger"'

    run(main())
