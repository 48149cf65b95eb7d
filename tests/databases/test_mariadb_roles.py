"""What each login of a MariaDB database may and may not do, and what is dropped with it, also on a server not ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any  # Any: aiomysql ships no types

import aiomysql
import pytest
from mariadb_clients import connected, home, refusal, run, serving, with_place

from course_lib.databases.mariadb import MariaDB
from course_lib.databases.mariadb_reset import reset, session
from course_lib.databases.mariadb_roles import Roles, version_of
from course_lib.databases.place import Login, Place
from course_lib.databases.state import Home
from course_lib.errors import ServerError

__all__ = ["home"]
pytestmark = pytest.mark.mariadb

NO_DATABASE, NO_TABLE, NO_RIGHT, DENIED, NO_FILES, FULL = 1044, 1142, 1227, 1045, 4166, 1040
MAX_CONNECTIONS = 40


def admin(server: MariaDB) -> Any:
    """Return an admin's connection; no lesson gets one."""
    return server._ready()._admin()


async def names(server: MariaDB) -> set[str]:
    """Return the databases and users of the course that the server has."""
    async with admin(server) as connection:
        found = await run(connection, "SHOW DATABASES LIKE 'course\\_%'")
        users = await run(connection, "SELECT user FROM mysql.user WHERE user LIKE 'course\\_%'")
    return {name for (name,) in (*found, *users)} - {server._ready()._login.user}


def test_the_app_may_do_anything_in_its_database(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        async with connected(place) as connection:
            for statement in (
                "CREATE TABLE seats (number INTEGER)",
                "ALTER TABLE seats ADD taken BOOLEAN",
                "CREATE VIEW free AS SELECT * FROM seats WHERE NOT taken",
                "CREATE TRIGGER t BEFORE INSERT ON seats FOR EACH ROW SET NEW.taken = FALSE",
                "CREATE FUNCTION answer() RETURNS INT DETERMINISTIC RETURN 1",
                "INSERT INTO seats (number) VALUES (1)",
                "DROP TABLE items",
            ):
                await run(connection, statement)

    with_place(home, scenario)


def test_the_app_may_do_nothing_else(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        other = await server.allot()
        async with connected(place) as connection:
            for statement, wanted in (
                (f"USE {other.name}", NO_DATABASE),
                (f"SELECT * FROM {other.name}.items", NO_TABLE),
                (f"CREATE DATABASE {place.name}x", NO_DATABASE),
                (f"CREATE DATABASE {place.name.replace('_', 'x')}", NO_DATABASE),
                ("SELECT user FROM mysql.user", NO_TABLE),
                ("CREATE USER somebody", NO_RIGHT),
                (f"GRANT SELECT ON items TO '{other.logins['app'].user}'@'127.0.0.1'", NO_TABLE),
                ("SELECT 1 INTO OUTFILE '/tmp/never'", NO_RIGHT),
                ("LOAD DATA INFILE '/etc/passwd' INTO TABLE items", DENIED),
                ("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE items", NO_FILES),
                ("SET GLOBAL max_connections = 1000", NO_RIGHT),
                ("SHUTDOWN", NO_RIGHT),
            ):
                assert (statement, await refusal(connection, statement)) == (statement, wanted)
            assert await run(connection, "SELECT LOAD_FILE('/etc/passwd')") == ((None,),)

    with_place(home, scenario)


def test_readonly_may_only_look(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        async with connected(place, "readonly") as connection:
            assert await run(connection, "SELECT count(*) FROM items") == ((3,),)
            for statement, wanted in (
                ("INSERT INTO items (name, price_cents) VALUES ('x', 1)", NO_TABLE),
                ("UPDATE items SET price_cents = 1", NO_TABLE),
                ("DELETE FROM items", NO_TABLE),
                ("DROP TABLE items", NO_TABLE),
                ("CREATE TABLE mine (id INTEGER)", NO_TABLE),
                ("LOCK TABLES items WRITE", NO_DATABASE),
                ("SET GLOBAL read_only = 1", NO_RIGHT),
            ):
                assert (statement, await refusal(connection, statement)) == (statement, wanted)

    with_place(home, scenario)


@pytest.mark.parametrize("user", ["root", ""])
def test_nobody_comes_in_without_a_password(home: Home, user: str) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        for options in ({"host": place.host, "port": place.port}, {"unix_socket": str(home.sockets / "mysql.sock")}):
            with pytest.raises(aiomysql.OperationalError) as caught:
                await aiomysql.connect(user=user or "stranger", **options)
            assert caught.value.args[0] == DENIED

    with_place(home, scenario)


def test_discard_throws_everybody_out(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        assert await names(server) == {place.name, f"{place.name}_readonly"}
        async with connected(place, autocommit=False) as open_one, connected(place, "readonly") as reader:
            await run(open_one, "UPDATE items SET price_cents = 1")
            await server.discard(place.name)
            for connection in (open_one, reader):
                with pytest.raises(aiomysql.MySQLError):
                    await run(connection, "SELECT 1")
        assert await names(server) == set()
        await server.discard(place.name)  # a second time changes nothing

    with_place(home, scenario)


def test_a_prepared_transaction_does_not_keep_a_database(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        async with connected(place) as connection:
            for statement in ("XA START 'k'", "UPDATE items SET price_cents = 1", "XA END 'k'", "XA PREPARE 'k'"):
                await run(connection, statement)
        assert not await reset(place)
        await server.discard(place.name)
        assert await names(server) == set()

    with_place(home, scenario)


def test_only_databases_of_the_course_are_dropped(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        with pytest.raises(ServerError) as caught:
            await server.discard("mysql")
        assert str(caught.value) == "expected a database of this course, got mysql; nothing was dropped"

    with_place(home, scenario)


def test_a_full_server_lets_the_admin_in(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        async with contextlib.AsyncExitStack() as crowd:
            for _ in range(MAX_CONNECTIONS):
                await crowd.enter_async_context(connected(place))
            with pytest.raises(aiomysql.OperationalError) as caught:
                await crowd.enter_async_context(connected(place))
            assert caught.value.args == (FULL, "Too many connections")
            assert not await reset(place)
            await server.discard(place.name)
            assert await names(server) == set()

    with_place(home, scenario)


def test_on_a_full_server_the_admin_waits_for_its_own_seat(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        async with contextlib.AsyncExitStack() as crowd:
            for _ in range(MAX_CONNECTIONS):
                await crowd.enter_async_context(connected(place))
            ours = server._ready()
            async with session(*ours._where, ours._login):  # the one seat a full server keeps for the admin is taken
                dropping = asyncio.create_task(server.discard(place.name))
                await asyncio.sleep(0.1)
                assert not dropping.done()
            await dropping
            assert await names(server) == set()

    with_place(home, scenario)


def test_what_an_earlier_run_left_is_dropped(home: Home) -> None:
    async def scenario() -> None:
        async with serving(home) as server:
            left = await server.allot()
        async with serving(home) as server:
            place = await server.allot()
            assert server._sweeping is not None
            await server._sweeping
            assert left.name != place.name
            assert await names(server) == {place.name, f"{place.name}_readonly"}

    asyncio.run(scenario())


@contextlib.contextmanager
def pointing_at(url: str) -> Iterator[None]:
    """Let the environment name a server that is not ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_MYSQL_URL", url)
        patch.setenv("COURSE_MYSQL_CA", "their-ca.pem")
        yield


def test_a_server_that_is_not_ours_stays_as_it_was(home: Home) -> None:
    async def scenario(theirs: MariaDB, _: Place) -> None:
        async with admin(theirs) as connection:
            await run(connection, "CREATE DATABASE IF NOT EXISTS shop")
            await run(connection, "CREATE OR REPLACE USER 'teacher'@'127.0.0.1' IDENTIFIED BY 'p@ss'")
            await run(connection, "GRANT ALL ON *.* TO 'teacher'@'127.0.0.1' WITH GRANT OPTION")
        before = await names(theirs)
        with pointing_at(f"mysql://teacher:p%40ss@127.0.0.1:{theirs.port}"):
            server = MariaDB(home)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COURSE_MYSQL_CA", "their-ca.pem")
            await server.start()
            place = await server.allot()
        assert (server.process, server.describe()["source"], server.describe()["pid"]) == (None, "COURSE_MYSQL_URL", "")
        assert (place.ca, place.port, place.name[:7]) == ("their-ca.pem", theirs.port, "course_")
        async with connected(place) as connection:
            assert await refusal(connection, "USE shop") == NO_DATABASE
        assert await reset(place)
        assert (await names(theirs)) - before == {place.name, f"{place.name}_readonly"}
        await server.stop()
        assert not await names(theirs)
        async with admin(theirs) as connection:
            assert await run(connection, "SHOW DATABASES LIKE 'shop'") == (("shop",),)
            assert await run(connection, "SELECT user FROM mysql.user WHERE user = 'teacher'") == (("teacher",),)

    with_place(home, scenario)


def test_who_may_not_make_databases_is_told(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        weak = Roles("abcdef", place.host, place.port, place.logins["app"], is_private=False)
        with pytest.raises(ServerError) as caught:
            await weak.allot()
        name = f"course_abcdef_{weak._run[-4:]}1"
        assert str(caught.value) == (
            f"MariaDB made no database (Access denied for user '{place.name}'@'127.0.0.1' to database '{name}'); "
            "see: course doctor"
        )

    with_place(home, scenario)


def test_a_wrong_password_is_told(home: Home) -> None:
    async def scenario(theirs: MariaDB, place: Place) -> None:
        with pointing_at(f"mariadb://nobody:wrong@127.0.0.1:{theirs.port}/"):
            server = MariaDB(home)
        with pytest.raises(ServerError) as caught:
            await server.start()
        assert str(caught.value) == (
            "no login to MariaDB (Access denied for user 'nobody'@'127.0.0.1' (using password: YES)); "
            "see: course doctor"
        )

    with_place(home, scenario)


@pytest.mark.parametrize("url", ["postgresql://localhost", "mysql://", "mysql://here:port", "10.0.0.1:3306"])
def test_a_url_of_something_else_is_told(home: Home, url: str) -> None:
    with pointing_at(url):
        server = MariaDB(home)
    with pytest.raises(ServerError) as caught:
        asyncio.run(server.start())
    assert str(caught.value) == "expected COURSE_MYSQL_URL like mysql://user:password@host:3306, got something else"


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("10.11.19-MariaDB-0+deb12u1", "10.11.19-MariaDB"),
        ("11.8.3-MariaDB", "11.8.3-MariaDB"),
        ("9.1.0", "9.1.0-MySQL"),
        ("8.0.36-28-log", "8.0.36-MySQL"),
    ],
)
def test_the_version_names_the_product(said: str, version: str) -> None:
    assert version_of(said) == version


def test_a_password_does_not_show() -> None:
    assert "secret" not in repr(Login("app", "secret"))
