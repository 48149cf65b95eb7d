"""The course's own small PostgreSQL pooler: transaction mode, SCRAM on both sides, and a TLS of its own.

It stands in where PgBouncer is missing, so that the lessons on poolers run everywhere. What it does not do: track
prepared statements (so it has the bug and the cure of every pooler that does not), an admin console, session mode, an
end for idle or old server connections, TLS towards the server, users it was not told of. It holds each message whole.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable

from course_lib.databases import pg_login, pg_wire
from course_lib.databases.pg_login import Secret
from course_lib.databases.pg_wire import Refusal
from course_lib.databases.server_connection import (
    COPY_DATA,
    COPY_DONE,
    COPY_FAIL,
    CRASHED,
    TRACKED,
    ServerConnection,
)
from course_lib.databases.server_pool import Pool

LOGIN_S = 60.0  # PgBouncer's client_login_timeout
QUERY_WAIT_S = 120.0  # PgBouncer's query_wait_timeout
MAX_CLIENTS = 200
TERMINATE = b"X"


class MiniPooler:
    """Listens on a free port of 127.0.0.1, and lends `size` server connections per user and database."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        size: int = 2,
        query_wait_timeout: float = QUERY_WAIT_S,
        max_clients: int = MAX_CLIENTS,
    ) -> None:
        self.tls, self.size, self.max_clients = tls, size, max_clients
        self.query_wait_timeout = query_wait_timeout
        self.port = 0
        self.clients: dict[bytes, Client] = {}  # by the key that cancels their queries
        self._address = (host, port)
        self._passwords: dict[str, str] = {}
        self._secrets: dict[str, Secret] = {}
        self._pools: dict[tuple[str, str], Pool] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def know(self, user: str, password: str) -> None:
        """Let `user` in with `password`, which also opens the server for it."""
        if self._passwords.get(user) != password:
            self._passwords[user], self._secrets[user] = password, pg_login.secret(password)

    async def forget(self, user: str) -> None:
        """Let `user` in no more, and end its server connections."""
        self._passwords.pop(user, None)
        self._secrets.pop(user, None)
        for name in [name for name in self._pools if name[0] == user]:
            await self._pools.pop(name).close()

    def secret(self, user: str) -> Secret | None:
        """Return what proves the password of `user`, None for one we were not told of."""
        return self._secrets.get(user)

    def pool(self, user: str, database: str) -> Pool:
        """Return the server connections of `user` on `database`."""
        pool = self._pools.get((user, database))
        if pool is None:
            host, port = self._address
            pool = Pool(
                host, port, user=user, database=database, size=self.size, password=lambda: self._passwords.get(user, "")
            )
            self._pools[user, database] = pool
        return pool

    def servers(self) -> int:
        """Return how many connections to the server are open now."""
        return sum(len(pool.connections) for pool in self._pools.values())

    async def start(self) -> None:
        """Begin to listen; `port` says where."""
        loop = asyncio.get_running_loop()

        def connection() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(ClientReader(), self._accept)

        self._server = await loop.create_server(connection, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End every client, every server connection and every task."""
        if self._server is None:
            return
        self._server.close()
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait([*self._tasks])
        for pool in self._pools.values():
            await pool.close()
        self._pools.clear()
        await self._server.wait_closed()
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert isinstance(reader, ClientReader)  # `start` made it
        task = asyncio.create_task(Client(self, reader, writer).serve())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class ClientReader(asyncio.StreamReader):
    """A stream that says at once when its other end is gone, also to somebody who is not reading it."""

    on_end: Callable[[], object] | None = None
    has_ended = False

    def feed_eof(self) -> None:
        """Take note of the end of the stream."""
        super().feed_eof()
        self._end()

    def set_exception(self, exc: Exception) -> None:
        """Take note that the connection broke."""
        super().set_exception(exc)
        self._end()

    def _end(self) -> None:
        self.has_ended = True
        if self.on_end is not None:
            self.on_end()


class Client:
    """One connection from a client: it logs in, then borrows a server connection for each transaction."""

    def __init__(self, pooler: MiniPooler, reader: ClientReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.settings: dict[str, str] = {}
        self.lent: ServerConnection | None = None
        self._pooler, self._reader = pooler, reader
        self._key = bytes([secrets.randbelow(128)]) + secrets.token_bytes(
            7
        )  # clients take the first half as a positive pid

    async def serve(self) -> None:
        """Speak with the client until one of us ends it."""
        try:
            pool = await self._enter()
            if pool is not None:
                await self._pass_on(pool)
        except Refusal as refusal:
            if not self.writer.is_closing():
                self.writer.write(pg_wire.error(refusal))
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client is gone: nobody to tell
        finally:
            await self._leave()

    def server_lost(self) -> None:
        """Tell the client that its server connection broke, and end."""
        self.lent = None
        self._reader.set_exception(Refusal(CRASHED))

    async def _enter(self) -> Pool | None:
        """Let the client in and return its pool; None when all it wanted was to cancel a query."""
        try:
            async with asyncio.timeout(LOGIN_S):
                code, body = await self._negotiate()
                if code == pg_wire.CANCEL_REQUEST:
                    await self._cancel(body)
                    return None
                user, database = self._read_startup(code, body)
                await pg_login.authenticate_client(self._reader, self.writer, user, self._pooler.secret(user))
                pool = self._pooler.pool(user, database)
                welcome = await pool.welcome()
        except TimeoutError:
            raise Refusal("client_login_timeout") from None
        reported = dict(map(pg_wire.setting, welcome.values()))
        self.settings = {name: value for name, value in reported.items() if name in TRACKED} | self.settings
        key = pg_wire.message(b"K", self._key)
        self.writer.write(b"".join(welcome.values()) + key + pg_wire.message(b"Z", b"I"))
        return pool

    async def _negotiate(self) -> tuple[int, bytes]:
        """Agree on TLS or none, and return the first message that asks for something else."""
        is_encrypted = False
        while True:
            code, body = await pg_wire.read_startup(self._reader)
            if code not in (pg_wire.SSL_REQUEST, pg_wire.GSSENC_REQUEST):
                return code, body
            context = self._pooler.tls if code == pg_wire.SSL_REQUEST and not is_encrypted else None
            self.writer.write(b"N" if context is None else b"S")
            await self.writer.drain()
            if context is not None:
                await self.writer.start_tls(context)
                is_encrypted = True

    async def _cancel(self, key: bytes) -> None:
        target = self._pooler.clients.get(key)
        if target is not None and target.lent is not None:
            await target.lent.cancel()

    def _read_startup(self, code: int, body: bytes) -> tuple[str, str]:
        """Return user and database; raises `Refusal` for whatever cannot be had through a pooler."""
        if code != pg_wire.PROTOCOL_3:
            raise Refusal(
                f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}: this pooler supports 3.0", "0A000"
            )
        given = {name.lower(): value for name, value in pg_wire.parameters(body).items()}
        user = given.pop("user", "")
        database = given.pop("database", user)
        for name in given.keys() - TRACKED:
            raise Refusal(f"unsupported startup parameter: {name}")
        if not user:
            raise Refusal("no username supplied")
        if len(self._pooler.clients) >= self._pooler.max_clients:
            raise Refusal("no more connections allowed (max_client_conn)")
        self._pooler.clients[self._key] = self
        self.settings = given
        return user, database

    async def _pass_on(self, pool: Pool) -> None:
        """Send what the client says to the server connection that it has, or gets now."""
        while True:
            frame = await pg_wire.read_message(self._reader)
            if frame[:1] == TERMINATE:
                return
            if self.lent is None and frame[:1] in (COPY_DATA, COPY_DONE, COPY_FAIL):
                continue  # the rest of a COPY that failed: the server would pass over it, and never answer
            server = self.lent or await self._borrow(pool)
            server.forward(frame)
            await server.drain()

    async def _borrow(self, pool: Pool) -> ServerConnection:
        """Wait for a server connection, as long as the client waits too."""
        borrowing = asyncio.ensure_future(pool.borrow(self))
        self._reader.on_end = borrowing.cancel
        try:
            if self._reader.has_ended:
                raise ConnectionResetError
            async with asyncio.timeout(self._pooler.query_wait_timeout):
                await asyncio.wait({borrowing})
        except TimeoutError:
            raise Refusal("query_wait_timeout") from None
        finally:
            self._reader.on_end = None
            borrowing.cancel()
            await asyncio.gather(borrowing, return_exceptions=True)
        if borrowing.cancelled():
            raise ConnectionResetError  # the client went away while it waited
        borrowing.result()
        if self.lent is None:
            raise Refusal(CRASHED)
        return self.lent

    async def _leave(self) -> None:
        """Close what is ours; a server connection in the middle of a transaction is not lent again."""
        self._pooler.clients.pop(self._key, None)
        server, self.lent = self.lent, None
        try:
            if server is not None:
                await server.close()
        finally:
            await pg_wire.hang_up(self.writer)
