"""A private PostgreSQL as its supervisor sees it: started, asked for databases, stopped; and one that is not ours."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from private_postgres import ROOT, Private, ask, login
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from course_lib.databases import binaries, postgres_roles, unroot
from course_lib.databases.place import Place
from course_lib.databases.postgres import Postgres
from course_lib.databases.unroot import Unroot
from course_lib.errors import ServerError

pytestmark = pytest.mark.postgres

NAMES = "SELECT name FROM items ORDER BY id"
MENU = [("Gin",), ("Rum",), ("Soda",)]


def test_a_new_server_says_what_it_is(shared: Private) -> None:
    server = shared.server
    found = binaries.find("postgres")
    assert server.process is not None
    assert server.describe() == {
        "kind": "postgres",
        "version": found.release,
        "source": found.source,
        "tls": "yes",
        "port": str(server.port),
        "pid": str(server.process.pid),
    }
    assert server.notices == []
    assert server.capabilities == ("tls", "pg_stat_statements")


def test_every_database_is_new_and_has_statistics_of_statements(shared: Private) -> None:
    async def main() -> list[Place]:
        return await asyncio.gather(*(shared.server.allot() for _ in range(5)))

    places = shared.run(main())
    assert len({place.name for place in places}) == 5
    for place in places:
        assert place.name.startswith(f"course_{shared.home.identity}_")
        assert shared.run(ask(place, NAMES)) == MENU
        assert shared.run(ask(place, "SELECT count(*) > 0 FROM pg_stat_statements")) == [(True,)]


def test_a_server_before_its_start_is_one_sentence(private: Private) -> None:
    server = Postgres(private.home)
    with pytest.raises(ServerError) as caught:
        private.run(server.allot())
    assert str(caught.value) == "PostgreSQL has not been started; await its start() first"
    private.run(server.stop())


def test_passwords_are_new_at_each_start_and_the_folder_is_kept(private: Private) -> None:
    first = private.start()
    playground = private.run(first.playground())
    private.run(ask(playground, "CREATE TABLE kept (drink TEXT)", "SELECT 1"))
    private.run(first.stop())
    again = private.start()
    reopened = private.run(again.playground())
    assert private.run(ask(reopened, "SELECT count(*) FROM kept")) == [(0,)]
    for role in ("app", "readonly"):
        assert reopened.logins[role].user == playground.logins[role].user
        assert reopened.logins[role].password != playground.logins[role].password
        with pytest.raises(asyncpg.InvalidPasswordError):
            private.run(ask(reopened, "SELECT 1", role=role, password=playground.logins[role].password))


def test_what_a_killed_run_left_is_dropped(private: Private) -> None:
    private.start()
    left = private.allot()
    private.kill()
    private.run(private.server.stop())
    server = private.start()
    place = private.allot()
    roles = server._roles
    assert roles is not None
    private.run(_settled(*roles._behind))
    admin: dict[str, Any] = {"user": "course_admin", "password": private.cluster.password}
    names = private.run(
        ask(place, "SELECT datname::text FROM pg_database UNION SELECT rolname::text FROM pg_roles", **admin)
    )
    assert [name for (name,) in names if name.startswith(left.name)] == []
    assert (place.name,) in names


async def _settled(*tasks: asyncio.Task[Any]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def test_a_start_that_fails_half_way_leaves_nothing(private: Private, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_roles, "OLDEST", 99)
    with pytest.raises(ServerError) as caught:
        private.start()
    version = binaries.find("postgres").release
    assert str(caught.value) == f"expected PostgreSQL 99 or newer, got {version}; see: course doctor"
    assert private.processes() == []


@pytest.mark.parametrize("step", ["postgres_server.free_port", "cluster.Cluster.is_ready", "postgres_roles.FACTS"])
def test_a_start_that_meets_a_bug_leaves_nothing(private: Private, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before there is a process, while it comes up, and when it serves."""
    monkeypatch.setattr(f"course_lib.databases.{step}", None)
    with pytest.raises((TypeError, AttributeError)):
        private.start()
    assert private.processes() == []


@pytest.mark.parametrize(
    "step", ["cluster.Cluster._initdb", "cluster.Cluster.is_ready", "postgres_roles.Roles._superuser"]
)
def test_a_start_that_is_cancelled_leaves_nothing(private: Private, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the folder is made, while the server comes up, and while we log in."""
    reached = asyncio.Event()

    async def wait_for_the_end(*_: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    def never(*_: object) -> bool:
        reached.set()
        return False

    monkeypatch.setattr(f"course_lib.databases.{step}", never if step.endswith("is_ready") else wait_for_the_end)

    async def main() -> None:
        starting = asyncio.create_task(Postgres(private.home).start())
        await reached.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    private.run(main())
    assert private.processes() == []


def test_a_killed_server_is_told_with_how_it_ended(private: Private) -> None:
    server = private.start()
    private.allot()
    private.kill()
    assert server.process is not None
    assert server.process.ended().startswith("PostgreSQL ended (signal SIGKILL); its log says: ")
    with pytest.raises(ServerError) as caught:
        private.run(_allot_until_refused(server))
    assert str(caught.value).startswith("PostgreSQL could not make a database (")
    assert str(caught.value).endswith("); see: course doctor")


async def _allot_until_refused(server: Postgres) -> None:
    for _ in range(4):  # those that were made ahead are gone with the server, and nobody can know
        await server.allot()


def test_a_damaged_folder_is_replaced_at_the_next_start(private: Private) -> None:
    server = private.start()
    roles = server._roles
    assert roles is not None
    place = private.allot()
    private.run(_settled(*roles._ahead))
    ((template,),) = private.run(ask(place, "SELECT oid FROM pg_database WHERE datname = 'template1'"))
    shutil.rmtree(private.cluster.folder / "base" / str(template))
    with pytest.raises(ServerError) as caught:
        private.run(_allot_until_refused(server))
    assert str(caught.value).startswith("PostgreSQL could not make a database (InvalidCatalogNameError: ")
    assert str(caught.value).endswith("; its folder is damaged, type: course servers stop, then try again")
    private.run(server.stop())
    (notice,) = private.start().notices
    assert notice.startswith("a PostgreSQL data folder could not be used (PostgreSQL could not make a database")
    assert private.run(ask(private.allot(), NAMES)) == MENU


def verified(ca: str) -> ssl.SSLContext:
    """Return what a client needs to verify who it talks to."""
    return ssl.create_default_context(cafile=ca)


def test_the_right_ca_verifies_the_server(shared: Private) -> None:
    place = shared.allot()
    query = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    for host in ("127.0.0.1", "localhost"):
        assert shared.run(ask(place, query, host=host, ssl=verified(place.ca))) == [("TLSv1.3",)]
    assert shared.run(ask(place, query, host=place.host, ssl="require")) == [("TLSv1.3",)]
    assert shared.run(ask(place, query, host=place.host, ssl="disable")) == [(None,)]


def test_another_ca_does_not(shared: Private) -> None:
    place = shared.allot()
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer certificate"):
        shared.run(ask(place, "SELECT 1", host=place.host, ssl=verified(place.other_ca)))


def test_another_name_of_the_same_server_is_refused(shared: Private) -> None:
    """The system knows 127.1 as 127.0.0.1; the certificate does not."""
    place = shared.allot()
    assert shared.run(ask(place, "SELECT 1", host="127.1", ssl="require")) == [(1,)]
    with pytest.raises(ssl.SSLCertVerificationError, match=r"certificate is not valid for '127\.1'"):
        shared.run(ask(place, "SELECT 1", host="127.1", ssl=verified(place.ca)))


def test_a_killed_session_is_seen_as_the_retry_lesson_says(shared: Private) -> None:
    place = shared.allot()
    who = place.logins["app"]
    url = f"postgresql+asyncpg://{who.user}:{who.password}@{place.host}:{place.port}/{place.name}"

    async def main() -> tuple[str, bool, str, bool]:
        engine = create_async_engine(url)
        try:
            async with engine.connect() as connection:
                pid = await connection.scalar(text("SELECT pg_backend_pid()"))
                await ask(place, f"SELECT pg_terminate_backend({pid}, 10000)")
                with pytest.raises(DBAPIError) as reused:
                    await connection.execute(text("SELECT 1"))
            async with engine.connect() as connection:
                pid = await connection.scalar(text("SELECT pg_backend_pid()"))
                sleeping = asyncio.create_task(connection.execute(text("SELECT pg_sleep(600)")))
                active = f"SELECT FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep'"
                while not await ask(place, active):
                    pass
                await ask(place, f"SELECT pg_terminate_backend({pid}, 10000)")
                with pytest.raises(DBAPIError) as midway:
                    await sleeping
        finally:
            await engine.dispose()
        first, second = reused.value, midway.value
        return str(first.orig), first.connection_invalidated, str(second.orig), second.connection_invalidated

    reused, was_invalidated, midway, is_invalidated = shared.run(main())
    assert "connection is closed" in reused
    assert "terminating connection due to administrator command" in midway
    assert (was_invalidated, is_invalidated) == (True, True)


@pytest.fixture
def other(shared: Private) -> Iterator[Any]:
    """Return what makes a URL for a role of a server that is not ours, where somebody else has a database."""
    place = shared.run(shared.server.playground())
    admin = login(place, user="course_admin", password=shared.cluster.password, database="postgres")
    made: list[str] = []

    async def run(statement: str) -> list[Any]:
        connection = await asyncpg.connect(**admin)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    def url(rights: str) -> str:
        name = f"stranger{len(made)}"
        made.append(name)
        shared.run(run(f"CREATE ROLE {name} LOGIN PASSWORD 'p@ss/word' {rights}"))
        shared.run(run(f"GRANT CONNECT ON DATABASE postgres TO {name}"))
        return f"postgresql://{name}:p%40ss%2Fword@127.0.0.1:{shared.server.port}/postgres"

    url.run = lambda statement: shared.run(run(statement))  # type: ignore[attr-defined]
    yield url
    for name in made:
        shared.run(run(f"REVOKE CONNECT ON DATABASE postgres FROM {name}"))
        shared.run(run(f"DROP ROLE {name}"))


@pytest.mark.parametrize("rights", ["SUPERUSER", "CREATEDB CREATEROLE"])
def test_a_server_that_is_not_ours_stays_as_it_was(
    other: Any, private: Private, monkeypatch: pytest.MonkeyPatch, rights: str
) -> None:
    everything = (
        "SELECT datname::text, datacl::text FROM pg_database UNION SELECT rolname, rolconfig::text FROM pg_roles"
    )
    monkeypatch.setenv("COURSE_PG_URL", other(rights))
    mine = f"course_{private.home.identity}_"
    before = sorted(map(str, other.run(everything)))
    server = private.start()
    assert (server.process, server.source, server.socket) == (None, "COURSE_PG_URL", "")
    assert server.describe()["pid"] == ""
    assert server.capabilities == ("tls",)
    place = private.allot()
    assert place.name.startswith(mine)
    assert place.ca == ""
    for role in ("app", "readonly"):
        assert private.run(ask(place, NAMES, role=role, host=place.host)) == MENU
    playground = private.run(server.playground())
    assert playground.name == f"{mine}playground"
    assert private.run(ask(playground, NAMES, host=place.host)) == MENU
    private.run(server.stop())
    assert sorted(map(str, other.run(everything))) == before


def test_leftovers_on_a_server_that_is_not_ours_are_dropped(
    other: Any, private: Private, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_PG_URL", other("CREATEDB CREATEROLE"))
    killed = private.start()
    left = private.allot()
    roles = killed._roles
    assert roles is not None
    private.run(roles.close(clean=False))  # as the system does it
    private.start()
    private.allot()
    private.run(private.server.stop())
    assert other.run(f"SELECT datname FROM pg_database WHERE datname = '{left.name}'") == []
    private.servers.clear()


def test_a_login_of_somebody_else_that_may_too_little_is_one_sentence(
    other: Any, private: Private, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_PG_URL", other("CREATEDB"))
    with pytest.raises(ServerError) as caught:
        private.start()
    assert str(caught.value) == (
        "expected a role with CREATEDB and CREATEROLE in COURSE_PG_URL, got stranger0 without; "
        "grant both, or unset the variable"
    )


def test_a_refused_login_of_somebody_else_is_one_sentence(
    shared: Private, private: Private, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_PG_URL", f"postgresql://me:ginger@127.0.0.1:{shared.server.port}/postgres")
    with pytest.raises(ServerError) as caught:
        private.start()
    assert str(caught.value) == (
        'PostgreSQL cannot be used (InvalidPasswordError: password authentication failed for user "me"); '
        "check COURSE_PG_URL, or unset it"
    )


@pytest.mark.parametrize("url", ["localhost:5432", "postgresql://", "mysql://localhost/x", "postgresql://h:port/x"])
def test_a_url_that_is_none_is_one_sentence(private: Private, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("COURSE_PG_URL", url)
    with pytest.raises(ServerError) as caught:
        private.start()
    assert str(caught.value) == "expected COURSE_PG_URL like postgresql://user:password@host:5432/postgres"


SERVE = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from course_lib.databases import state, unroot
from course_lib.databases.postgres import Postgres

async def main():
    home = state.open_home(Path(sys.argv[1]), unroot.choose())
    server = Postgres(home)
    await server.start()
    print(home.unroot.mode, (await server.allot()).kind)
    await server.stop()
    home.sockets.rmdir()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's own")
def test_an_ordinary_user_serves_plainly(tmp_path: Path) -> None:
    reason = unroot.complaint(Unroot("userns"))
    if reason:
        pytest.skip(f"no user namespaces here: {reason}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COURSE_")}
    done = subprocess.run(
        Unroot("userns").command([sys.executable, "-c", SERVE, tmp_path, ROOT]),
        capture_output=True,
        text=True,
        timeout=120,
        env={**environment, "COURSE_STATE_DIR": str(tmp_path)},
    )
    assert (done.stdout, done.stderr) == ("plain postgres\n", "")
