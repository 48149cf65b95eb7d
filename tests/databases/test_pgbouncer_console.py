"""PgBouncer's console, asked by us: the real one answers."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator

import pytest
from pooled import housed, pooled

from course_lib.databases import binaries
from course_lib.databases.pg_wire import Refusal
from course_lib.databases.place import Login
from course_lib.databases.state import Home

pytestmark = [pytest.mark.postgres, pytest.mark.pgbouncer]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with housed(tmp_path_factory.mktemp("servers")) as folders:
        yield folders


def test_the_console_says_its_version_and_what_it_can(home: Home) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            console = bar.pooler._console
            settings = {row[0]: row[1] for row in await console.tell("SHOW CONFIG")}
            assert (settings["pool_mode"], settings["default_pool_size"]) == ("transaction", "2")
            assert settings["max_client_conn"] == "200"
            assert ("max_prepared_statements" in settings) == (binaries.find("pgbouncer").version >= (1, 21))
            assert await console.capabilities() == ()
            assert await console.offers_tls()

    asyncio.run(main())


def test_the_console_refuses_in_its_own_words(home: Home) -> None:
    async def main() -> None:
        async with pooled(home) as bar:
            console = bar.pooler._console
            with pytest.raises(Refusal, match=r"^invalid command"):
                await console.tell("SELECT 1")
            stranger = dataclasses.replace(console, login=Login(console.login.user, "wrong"))
            with pytest.raises(Refusal, match=r"^SASL authentication failed$"):
                await stranger.tell("SHOW CONFIG")

    asyncio.run(main())
