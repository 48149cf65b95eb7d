"""PgBouncer's console: a database that is PgBouncer itself, and the only place that knows what it can do.

It speaks the simple form of a query only, which asyncpg's `fetch` does not.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from course_lib.databases import pg_login, pg_wire
from course_lib.databases.place import Login

DATABASE = "pgbouncer"


@dataclass
class Console:
    """Where a PgBouncer listens, and somebody it lets in to its console."""

    host: str
    port: int
    login: Login

    async def tell(self, command: str) -> list[list[str]]:
        """Give one command, and return its rows; raises `Refusal` when the console takes neither us nor the command."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            await pg_login.log_in(reader, writer, self.login.user, self.login.password, DATABASE)
            return await pg_login.ask(reader, writer, command)
        finally:
            await pg_wire.hang_up(writer)

    async def capabilities(self) -> tuple[str, ...]:
        """Ask whether it tracks prepared statements; a version before 1.21 has no such setting."""
        settings = {row[0]: row[1] for row in await self.tell("SHOW CONFIG")}
        return () if settings.get("max_prepared_statements", "0") == "0" else ("prepared-statements",)

    async def offers_tls(self) -> bool:
        """Ask whether it takes encrypted clients; this needs no login."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(pg_wire.first_message(pg_wire.SSL_REQUEST, b""))
            return await reader.readexactly(1) == b"S"
        finally:
            await pg_wire.hang_up(writer)
