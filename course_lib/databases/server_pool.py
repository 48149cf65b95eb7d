"""At most so many sessions on the server, lent for one transaction each to whoever waits longest.

This is all of the pooling in a transaction pooler; the rest of it speaks with the clients.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable

from course_lib.databases import pg_login
from course_lib.databases.pg_wire import Refusal
from course_lib.databases.server_connection import CRASHED, Borrower, ServerConnection

CANNOT_CONNECT = "08001"  # PgBouncer would go on trying; a lesson should not wait


class Pool:
    """At most `size` sessions of one user on one database."""

    def __init__(
        self, host: str, port: int, *, user: str, database: str, size: int, password: Callable[[], str]
    ) -> None:
        self.host, self.port = host, port
        self.user, self.database, self.size = user, database, size
        self.connections: set[ServerConnection] = set()
        self._password = password  # asked at each login: it may have been changed
        self._opening = 0
        self._idle: list[ServerConnection] = []
        self._waiting: deque[asyncio.Future[ServerConnection | None]] = deque()
        self._welcome: dict[str, bytes] = {}

    @property
    def waiting(self) -> int:
        """How many clients wait for a session."""
        return len(self._waiting)

    async def welcome(self) -> dict[str, bytes]:
        """Return what the server says of itself at a login, by name; the first client brings the first session."""
        if not self._welcome:
            self.give_back(await self._take())
        return self._welcome

    async def borrow(self, borrower: Borrower) -> None:
        """Wait for a session, and lend it; `borrower.lent` holds it even if this is cancelled half-way."""
        await (await self._take()).lend(borrower)

    def give_back(self, connection: ServerConnection) -> None:
        """Take a session back, or hand it to the client that waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        self._idle.append(connection)  # the last one back goes out first, as in PgBouncer

    def remove(self, connection: ServerConnection) -> None:
        """Forget a session that ended; somebody may open another one."""
        if connection in self.connections:
            self.connections.remove(connection)
            if connection in self._idle:
                self._idle.remove(connection)
            self._wake_one()

    async def close(self) -> None:
        """End all sessions."""
        await asyncio.gather(*(connection.close() for connection in [*self.connections]))

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a bare connection to the server; a host that is a folder means the path socket in it."""
        if self.host.startswith("/"):
            return await asyncio.open_unix_connection(f"{self.host}/.s.PGSQL.{self.port}")
        return await asyncio.open_connection(self.host, self.port)

    async def _take(self) -> ServerConnection:
        while True:
            if self._idle:
                return self._idle.pop()
            if len(self.connections) + self._opening < self.size:
                return await self._open()
            turn: asyncio.Future[ServerConnection | None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                found = await turn
            except asyncio.CancelledError:
                self._pass_on(turn)
                raise
            if found in self.connections:  # else it ended on its way to us, or there is room to open one
                return found

    def _pass_on(self, turn: asyncio.Future[ServerConnection | None]) -> None:
        """Give a turn that came too late to the next in the queue."""
        if turn.cancelled():
            with contextlib.suppress(ValueError):  # whoever gave a session back may have passed over it already
                self._waiting.remove(turn)
        elif (connection := turn.result()) is not None:
            self.give_back(connection)
        else:
            self._wake_one()

    def _wake_one(self) -> None:
        """Tell the client that waits longest that there is room for a new session."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def _open(self) -> ServerConnection:
        self._opening += 1
        try:
            return await self._connect()
        except BaseException:
            self._wake_one()
            raise
        finally:
            self._opening -= 1

    async def _connect(self) -> ServerConnection:
        try:
            reader, writer = await self.dial()
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else error  # asyncio puts the address into the message
            raise Refusal(f"the pooler cannot connect to the server: {reason}", CANNOT_CONNECT) from error
        try:
            self._welcome, key = await pg_login.log_in(reader, writer, self.user, self._password(), self.database)
        except BaseException as error:
            writer.transport.abort()
            if isinstance(error, OSError | asyncio.IncompleteReadError):
                raise Refusal(CRASHED) from error
            raise
        connection = ServerConnection(self, reader, writer, settings=self._welcome, key=key)
        self.connections.add(connection)
        return connection
