"""PgBouncer and its stand-in: the same lesson must work with both, so most tests here run on both."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any  # Any: asyncpg ships no types

import asyncpg
import psutil
import pytest
from pooled import SESSIONS, Pooled, closed, hide_pgbouncer, housed, pooled, until
from server_clients import processes
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from course_lib.databases import binaries, pgbouncer, process
from course_lib.databases.pgbouncer import PgBouncer
from course_lib.databases.postgres import Postgres
from course_lib.databases.state import Home
from course_lib.errors import ServerError

pytestmark = pytest.mark.postgres
real = pytest.mark.pgbouncer

MINI_NOTICE = "pgbouncer not found, using the course's own small pooler (no statement tracking, no admin console)"
CACHE_OFF = {"statement_cache_size": 0}
CACHE_ON = {"statement_cache_size": 100}  # asyncpg's default
# The child opens a transaction, locks a row, says so, and is killed before it can say anything else.
LOCKER = """
import asyncio, asyncpg, sys

async def main():
    connection = await asyncpg.connect(sys.argv[1], statement_cache_size=0, ssl=False)
    await connection.execute("BEGIN")
    await connection.execute("UPDATE items SET price_cents = 1 WHERE name = 'Gin'")
    print("locked", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with housed(tmp_path_factory.mktemp("servers")) as folders:
        yield folders


@pytest.fixture(params=[pytest.param("pgbouncer", marks=real), "mini"])
def which(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a test with both poolers; the small one is used because no PgBouncer can be found."""
    for name in ("COURSE_PGBOUNCER_URL", "COURSE_PG_URL"):
        monkeypatch.delenv(name, raising=False)
    if request.param == "mini":
        hide_pgbouncer(monkeypatch)
    yield request.param
    binaries.find.cache_clear()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test; no task may be left when it is over."""

    async def main() -> None:
        await work
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


async def sqlstate_of(work: Coroutine[Any, Any, Any]) -> tuple[str, str]:
    """Return sqlstate and message of the error that `work` ends with."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        await work
    return caught.value.sqlstate, str(caught.value)


def test_six_clients_use_two_server_connections(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            watcher = await bar.beside()
            clients = [await bar.connect() for _ in range(6)]
            for first in clients[:2]:
                await first.execute("BEGIN")
            waiting = [asyncio.create_task(client.fetchval("SELECT pg_backend_pid()")) for client in clients[2:]]
            used = {await first.fetchval("SELECT pg_backend_pid()") for first in clients[:2]}
            assert await watcher.fetchval(SESSIONS) == 2
            assert not any(task.done() for task in waiting)
            for first in clients[:2]:
                await first.execute("COMMIT")
            used |= set(await asyncio.gather(*waiting))
            assert len(used) == 2
            assert await watcher.fetchval(SESSIONS) == 2

    run(main())


async def lose_statement(bar: Pooled, connect_args: dict[str, Any]) -> list[int]:
    """Run a statement twice on two server connections: of the two others one is busy each time."""
    login = bar.place.logins["app"]
    url = f"postgresql+asyncpg://{login.user}:{login.password}@127.0.0.1:{bar.place.port}/{bar.place.name}"
    engine = create_async_engine(url, pool_size=1, max_overflow=0, connect_args={"ssl": False, **connect_args})
    first, second = await bar.connect(), await bar.connect()
    answers = []
    try:
        await first.execute("BEGIN")
        for _ in range(2):
            async with engine.connect() as connection:
                answers.append(await connection.scalar(text("SELECT 77 + CAST(:number AS INTEGER)"), {"number": 1}))
            if len(answers) == 1:
                await second.execute("BEGIN")  # takes the server connection that knows the statement
                await first.execute("ROLLBACK")
    finally:
        await engine.dispose()
    await second.execute("ROLLBACK")
    return answers


def test_a_prepared_statement_is_lost_between_server_connections(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            assert "prepared-statements" not in bar.place.capabilities
            with pytest.raises(DBAPIError) as caught:
                await lose_statement(bar, CACHE_ON)
        cause = caught.value.orig.__cause__ if caught.value.orig else None
        assert isinstance(cause, asyncpg.InvalidSQLStatementNameError)
        assert re.fullmatch(r'prepared statement "__asyncpg_stmt_\w+__" does not exist', str(cause).splitlines()[0])
        assert cause.sqlstate == "26000"

    run(main())


def test_without_a_statement_cache_nothing_is_lost_or_left_behind(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            assert await lose_statement(bar, CACHE_OFF) == [78, 78]
            clients = [await bar.connect() for _ in range(2)]
            for client in clients:
                await client.execute("BEGIN")
            left = [await client.fetchval("SELECT count(*) FROM pg_prepared_statements") for client in clients]
            assert left == [0, 0]

    run(main())


def test_two_clients_meet_under_one_statement_name(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            first, second = await bar.connect(), await bar.connect()
            kept = await first.prepare("SELECT 1", name="d1")
            assert await kept.fetchval() == 1  # asyncpg asks to prepare without a Sync: until it runs, the unit is open
            found = await sqlstate_of(second.prepare("SELECT 1", name="d1"))
            assert found[0] == "42P05"
            assert found[1].splitlines()[0] == 'prepared statement "d1" already exists'

    run(main())


@pytest.mark.pgbouncer
def test_tracked_statements_are_not_lost_and_an_older_pgbouncer_says_that_it_tracks_none(home: Home) -> None:
    found = binaries.find("pgbouncer")
    wanted = (
        f"expected PgBouncer 1.21 or newer for tracked prepared statements, got PgBouncer {found.release}; "
        "install a newer one, or leave prepared_statements out"
    )

    async def refused() -> None:
        with pytest.raises(ServerError, match=f"^{re.escape(wanted)}$"):
            await PgBouncer(home, Postgres(home), prepared_statements=True).start()

    async def tracked() -> None:
        async with pooled(home, prepared_statements=True) as bar:
            assert "prepared-statements" in bar.place.capabilities
            assert await lose_statement(bar, CACHE_ON) == [78, 78]
            first, second = await bar.connect(), await bar.connect()
            assert await (await first.prepare("SELECT 1", name="d1")).fetchval() == 1
            assert await (await second.prepare("SELECT 2", name="d1")).fetchval() == 2

    run(refused() if found.version < (1, 21) else tracked())


def test_a_pooler_is_described(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            found = bar.pooler.describe()
            assert (found["kind"], found["tls"], found["port"]) == ("pgbouncer", "yes", str(bar.place.port))
            if which == "mini":
                assert bar.pooler.notice == MINI_NOTICE
                assert bar.pooler.notices == [MINI_NOTICE]
                assert bar.place.capabilities[:2] == ("tls", "mini-pooler")
                assert (found["source"], found["version"], found["pid"]) == (pgbouncer.MINI_SOURCE, "", "")
            else:
                assert bar.pooler.notice == ""
                assert bar.place.capabilities[:1] == ("tls",)
                assert found["version"] == binaries.find("pgbouncer").release
                assert found["pid"] == str(bar.pooler.process.pid if bar.pooler.process else None)
            assert (bar.place.kind, bar.place.socket, bar.place.host) == ("pgbouncer", "", "127.0.0.1")
            assert "pg_stat_statements" in bar.place.capabilities

    run(main())


def test_both_roles_log_in_and_keep_their_rights(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            owner, reader = await bar.connect(), await bar.connect(role="readonly")
            assert await owner.execute("DELETE FROM items WHERE name = 'Gin'") == "DELETE 1"
            assert await reader.fetchval("SELECT count(*) FROM items") == 2
            assert (await sqlstate_of(reader.execute("DELETE FROM items")))[0] in ("25006", "42501")

    run(main())


def test_tls_is_verified_and_another_ca_is_refused(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            for name in ("127.0.0.1", "localhost"):
                trusted = ssl.create_default_context(cafile=bar.place.ca)
                login = bar.place.logins["app"]
                client = await asyncpg.connect(
                    host=name,
                    port=bar.place.port,
                    user=login.user,
                    password=login.password,
                    database=bar.place.name,
                    ssl=trusted,
                    statement_cache_size=0,
                )
                assert await client.fetchval("SELECT length($1)", "x" * 3_000_000) == 3_000_000
                assert len(await client.fetchval("SELECT repeat('x', 3000000)")) == 3_000_000
                await client.close()
            with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer certificate"):
                await bar.connect(ssl=ssl.create_default_context(cafile=bar.place.other_ca))
            assert await (await bar.connect()).fetchval("SELECT 1") == 1

    run(main())


def test_a_cancelled_query_frees_its_server_connection(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            watcher = await bar.beside()
            client = await bar.connect()
            task = asyncio.create_task(client.execute("SELECT pg_sleep(600)"))
            await until(watcher, f"{SESSIONS} AND state = 'active' AND wait_event = 'PgSleep'", 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(watcher, f"{SESSIONS} AND state = 'active'", 0)
            others = [await bar.connect() for _ in range(2)]
            for other in others:  # both server connections are to be had, and nobody's cancellation hits them
                await other.execute("BEGIN")
                assert await other.fetchval("SELECT 1") == 1
            assert await watcher.fetchval(SESSIONS) == 2

    run(main())


def test_a_timeout_of_the_driver_ends_the_query_on_the_server(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            watcher, client = await bar.beside(), await bar.connect()
            with pytest.raises(TimeoutError):
                await client.execute("SELECT pg_sleep(600)", timeout=0.2)
            await until(watcher, f"{SESSIONS} AND state = 'active'", 0)
            assert await client.fetchval("SELECT 1") == 1

    run(main())


def test_a_setting_of_the_server_is_refused_at_login(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            wanted = ("08P01", "unsupported startup parameter: statement_timeout")
            assert await sqlstate_of(bar.connect(server_settings={"statement_timeout": "100"})) == wanted

    run(main())


def test_a_wrong_password_is_refused(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            found = await sqlstate_of(bar.connect(password="wrong"))
            user = bar.place.logins["app"].user
            said = f'password authentication failed for user "{user}"'
            assert found == (("28P01", said) if which == "mini" else ("08P01", "SASL authentication failed"))
            assert (await sqlstate_of(bar.connect(user="nobody_we_know")))[0] == found[0]

    run(main())


def test_a_database_that_is_not_there_is_said_in_the_servers_words(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            found = await sqlstate_of(bar.connect(database="nowhere"))
            assert found[1] == 'database "nowhere" does not exist'
            assert found[0] in ("3D000", "08P01")  # PgBouncer before 1.20 has one code for everything

    run(main())


def test_a_tracked_setting_stays_with_its_client_and_any_other_does_not(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            first, second = await bar.connect(server_settings={"timezone": "Asia/Tokyo"}), await bar.connect()
            assert await first.fetchval("SHOW timezone") == "Asia/Tokyo"
            assert await second.fetchval("SHOW timezone") == "UTC"
            await first.execute("SET timezone = 'Europe/Paris'")
            assert await second.fetchval("SHOW timezone") == "UTC"
            assert await first.fetchval("SHOW timezone") == "Europe/Paris"
            await first.execute("SET statement_timeout = '61s'")
            assert await second.fetchval("SHOW statement_timeout") == "61s"  # the same server connection

    run(main())


def test_a_client_killed_in_a_transaction_leaves_none_open(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            login, place = bar.place.logins["app"], bar.place
            url = f"postgresql://{login.user}:{login.password}@127.0.0.1:{place.port}/{place.name}"
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", LOCKER, url, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            assert child.stdout is not None
            assert await child.stdout.readline() == b"locked\n"
            child.kill()
            await child.wait()
            clients = [await bar.connect() for _ in range(2)]
            for client in clients:
                await client.execute("BEGIN")
                assert await client.fetchval("SELECT price_cents FROM items WHERE name = 'Gin'") == 900
            await clients[0].execute("UPDATE items SET price_cents = 2 WHERE name = 'Gin'")

    run(main())


def test_a_lost_server_connection_is_told_to_the_client_that_has_it(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            watcher, busy, idle = await bar.beside(), await bar.connect(), await bar.connect()
            await idle.execute("BEGIN")
            pid = await idle.fetchval("SELECT pg_backend_pid()")
            task = asyncio.create_task(busy.execute("SELECT pg_sleep(600)"))
            await until(watcher, f"{SESSIONS} AND wait_event = 'PgSleep'", 1)
            await watcher.execute(f"SELECT pg_terminate_backend(pid) FROM ({SESSIONS.replace('count(*)', 'pid')}) AS s")
            with pytest.raises(asyncpg.ConnectionDoesNotExistError) as caught:
                await task
            assert str(caught.value) == "connection was closed in the middle of operation: server conn crashed?"
            await closed(idle)
            await until(watcher, SESSIONS, 0)
            other = await bar.connect()
            assert await other.fetchval("SELECT pg_backend_pid()") != pid

    run(main())


def test_an_idle_server_connection_that_was_lost_is_not_lent(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            watcher, client = await bar.beside(), await bar.connect()
            for _ in range(5):
                pid = await client.fetchval("SELECT pg_backend_pid()")
                assert await watcher.fetchval("SELECT pg_terminate_backend($1, 30000)", pid)
                await until(watcher, SESSIONS, 0)
                # the pooler reads the end of its connection before it answers the login of somebody new
                await (await bar.connect()).close()
            assert await client.fetchval("SELECT 1") == 1

    run(main())


def test_a_discarded_database_is_gone_and_its_users_too(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            other = await bar.pooler.allot()
            client = await dataclasses.replace(bar, place=other).connect()
            assert await client.fetchval("SELECT count(*) FROM items") == 3
            await bar.pooler.discard(other.name)
            watcher = await bar.beside()
            await until(watcher, f"SELECT count(*) FROM pg_database WHERE datname = '{other.name}'", 0)
            await bar.pooler.allot()  # PgBouncer reads its users anew
            assert (await sqlstate_of(dataclasses.replace(bar, place=other).connect()))[0] in (
                "28P01",
                "08P01",
                "3D000",
            )
            assert await (await bar.connect()).fetchval("SELECT 1") == 1

    run(main())


def test_many_databases_are_allotted_at_once(home: Home, which: str) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            places = await asyncio.gather(*(bar.pooler.allot() for _ in range(5)))
            assert len({place.name for place in places}) == 5
            for place in places:
                client = await dataclasses.replace(bar, place=place).connect()
                assert await client.fetchval("SELECT current_database()") == place.name
                await client.close()

    run(main())


def test_nothing_is_left_after_stop(home: Home, which: str) -> None:
    this = psutil.Process()

    async def main() -> None:
        async with pooled(home) as bar:
            clients = [await bar.connect() for _ in range(3)]
            await clients[0].execute("BEGIN")
            waiting = asyncio.create_task(clients[1].execute("SELECT pg_sleep(600)"))
            watcher = await bar.beside()
            await until(watcher, f"{SESSIONS} AND wait_event = 'PgSleep'", 1)
            folders = list(home.runtime.glob("pgbouncer-*"))
            assert len(folders) == (which == "pgbouncer")
            await bar.pooler.stop()
            with pytest.raises(asyncpg.ConnectionDoesNotExistError):
                await waiting
            for client in clients:
                await closed(client)
            await until(watcher, f"{SESSIONS} AND state <> 'active'", 0)
            with pytest.raises(OSError, match="Connect call failed"):
                await bar.connect()
            assert not any(folder.exists() for folder in folders)
            await watcher.close()

    files = this.num_fds() if hasattr(this, "num_fds") else 0
    run(main())
    assert (this.num_fds() if files else 0) == files
    assert processes(home.runtime) == []


def test_a_pooler_without_its_server_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_pgbouncer(monkeypatch)

    async def main() -> None:
        async with pooled(home) as bar:
            await bar.postgres.stop()
            found = await sqlstate_of(bar.connect(database="another"))
            assert found == ("08001", "the pooler cannot connect to the server: Connection refused")

    run(main())
    binaries.find.cache_clear()


@pytest.mark.pgbouncer
def test_a_taken_port_is_left_to_whoever_has_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        ports = iter([taken, taken])
        free = process.free_port
        monkeypatch.setattr(pgbouncer, "free_port", lambda: next(ports, None) or free())

        async def main() -> None:
            async with pooled(home) as bar:
                assert bar.place.port != taken
                assert await (await bar.connect()).fetchval("SELECT 1") == 1

        run(main())


@pytest.mark.pgbouncer
def test_three_taken_ports_are_an_error_in_one_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        monkeypatch.setattr(pgbouncer, "free_port", lambda: holder.getsockname()[1])

        async def main() -> None:
            with pytest.raises(ServerError) as caught:
                async with pooled(home):
                    raise AssertionError("it must not start")
            assert re.fullmatch(r"PgBouncer did not start \(.+\); see: course doctor", str(caught.value))
            assert not list(home.runtime.glob("pgbouncer-*"))

        run(main())


@pytest.mark.pgbouncer
def test_two_instances_stand_side_by_side(home: Home) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            other = PgBouncer(home, bar.postgres)
            await other.start()
            try:
                there = dataclasses.replace(bar, place=await other.allot(), pooler=other)
                for each in (bar, there):
                    assert await (await each.connect()).fetchval("SELECT count(*) FROM items") == 3
            finally:
                await other.stop()
            assert await (await bar.connect()).fetchval("SELECT 1") == 1

    run(main())


@pytest.mark.pgbouncer
def test_a_killed_pooler_is_noticed_and_another_one_starts(home: Home) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            client = await bar.connect()
            running = bar.pooler.process
            assert running is not None
            os.kill(running.pid, signal.SIGKILL)
            assert await running.wait() == -signal.SIGKILL
            assert running.ended().startswith("PgBouncer ended (signal SIGKILL); its log says: ")
            await closed(client)
            with pytest.raises(ServerError, match=r"^PgBouncer took no new user \(.+\); see: course doctor$"):
                await bar.pooler.allot()
            await bar.pooler.stop()
            other = PgBouncer(home, bar.postgres)
            await other.start()
            try:
                again = dataclasses.replace(bar, place=await other.allot(), pooler=other)
                assert await (await again.connect()).fetchval("SELECT count(*) FROM items") == 3
            finally:
                await other.stop()

    run(main())


@pytest.mark.pgbouncer
def test_passwords_are_in_files_of_our_own(home: Home) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            (folder,) = home.runtime.glob("pgbouncer-*")
            modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
            assert (folder.stat().st_mode & 0o777, modes["users.txt"], modes["pgbouncer.ini"]) == (0o700, 0o600, 0o600)
            passwords = [login.password for login in bar.place.logins.values()]
            assert not any(password in (folder / "pgbouncer.log").read_text() for password in passwords)

    run(main())


def test_no_small_pooler_tracks_statements(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_pgbouncer(monkeypatch)
    wanted = (
        "expected PgBouncer 1.21 or newer for tracked prepared statements, got the course's own small pooler; "
        "install a newer one, or leave prepared_statements out"
    )

    async def main() -> None:
        with pytest.raises(ServerError, match=f"^{re.escape(wanted)}$"):
            await PgBouncer(home, Postgres(home), prepared_statements=True).start()

    run(main())
    binaries.find.cache_clear()


def test_a_broken_choice_is_no_reason_to_take_another_pooler(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COURSE_PGBOUNCER_BIN", str(tmp_path))
    binaries.find.cache_clear()

    async def main() -> None:
        with pytest.raises(ServerError, match=r"^no working PgBouncer in COURSE_PGBOUNCER_BIN="):
            await PgBouncer(home, Postgres(home)).start()

    run(main())
    binaries.find.cache_clear()


@pytest.mark.pgbouncer
def test_a_pooler_of_somebody_else_is_used_as_it_is(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            console = bar.pooler._console.login
            url = f"postgresql://{console.user}:{console.password}@127.0.0.1:{bar.place.port}/pgbouncer"
            monkeypatch.setenv("COURSE_PGBOUNCER_URL", url)
            monkeypatch.setenv("COURSE_PG_URL", "postgresql://nobody@127.0.0.1:1/postgres")
            theirs = PgBouncer(home, bar.postgres)
            await theirs.start()
            place = await theirs.allot()
            await bar.pooler._know(place)  # its owner's affair
            assert (theirs.process, theirs.source, place.port) == (None, "COURSE_PGBOUNCER_URL", bar.place.port)
            assert theirs.capabilities == bar.pooler.capabilities
            client = await dataclasses.replace(bar, place=place).connect()
            assert await client.fetchval("SELECT current_database()") == place.name
            await theirs.discard(place.name)
            await theirs.stop()
            assert await (await bar.connect()).fetchval("SELECT 1") == 1

    run(main())


@pytest.mark.parametrize(
    ("pooler", "server", "sentence"),
    [
        (
            "postgresql://127.0.0.1:1",
            "",
            "COURSE_PGBOUNCER_URL needs COURSE_PG_URL, the server behind it; set both or none of them",
        ),
        (
            "postgresql://127.0.0.1:six",
            "postgresql://127.0.0.1:1",
            "expected COURSE_PGBOUNCER_URL like postgresql://user:password@host:6432",
        ),
        (
            "postgresql://127.0.0.1:1",
            "postgresql://127.0.0.1:1",
            "no PgBouncer answers at 127.0.0.1:1 (ConnectionRefusedError); correct COURSE_PGBOUNCER_URL",
        ),
    ],
)
def test_a_wrong_url_is_said_in_one_sentence(
    home: Home, monkeypatch: pytest.MonkeyPatch, pooler: str, server: str, sentence: str
) -> None:
    monkeypatch.setenv("COURSE_PGBOUNCER_URL", pooler)
    monkeypatch.setenv("COURSE_PG_URL", server)

    async def main() -> None:
        with pytest.raises(ServerError, match=f"^{re.escape(sentence)}$"):
            await PgBouncer(home, Postgres(home)).start()

    run(main())
