"""One session on the server behind a pooler, and what it owes to the client it is lent to.

The hard question of transaction pooling is when a transaction is over; it is answered here and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Protocol

from course_lib.databases import pg_wire
from course_lib.databases.pg_wire import Refusal

# The settings a client keeps wherever its transactions run, because the server reports each change of them (PgBouncer's
# list). Every other SET stays on the server connection, for the next client to find.
TRACKED = frozenset({"application_name", "client_encoding", "datestyle", "standard_conforming_strings", "timezone"})
ANSWERED = (b"Q", b"S", b"F")  # Query, Sync, FunctionCall: the server ends its answer with ReadyForQuery
COPY_DATA, COPY_DONE, COPY_FAIL = b"d", b"c", b"f"
CRASHED = "server conn crashed?"


class Borrower(Protocol):
    """A client, as its server connection sees it."""

    writer: asyncio.StreamWriter
    settings: dict[str, str]
    lent: ServerConnection | None

    def server_lost(self) -> None:
        """Take note that the connection broke while it was lent."""


class Owner(Protocol):
    """The pool of a server connection, as that connection sees it."""

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a bare connection to the same server."""

    def give_back(self, connection: ServerConnection) -> None:
        """Take a session back whose transaction is over."""

    def remove(self, connection: ServerConnection) -> None:
        """Forget a session that ended."""


class ServerConnection:
    """One session on the server; lent from the first message of a transaction to the end of it."""

    def __init__(
        self,
        pool: Owner,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        settings: dict[str, bytes],
        key: bytes,
    ) -> None:
        self.borrower: Borrower | None = None
        self._pool, self._reader, self._writer = pool, reader, writer
        self._key = key  # cancels this session's query
        self._settings = {name: pg_wire.setting(frame)[1] for name, frame in settings.items() if name in TRACKED}
        self._owed: deque[bytes] = deque()  # what was asked and not yet answered by ReadyForQuery
        self._unit_is_open = False  # Parse, Bind, ... were sent, their Sync was not
        self._is_copying = False
        self._is_done = False  # the borrower's transaction is over
        self._is_closing = False
        self._cancelling = 0
        self._adjusting: asyncio.Future[None] | None = None
        self._complaint: Refusal | None = None
        self._listening = asyncio.create_task(self._listen())

    async def lend(self, borrower: Borrower) -> None:
        """Give the session to `borrower`, after the tracked settings are as that client left them.

        Raises `Refusal` with the server's words when it does not take one of them.
        """
        self.borrower, borrower.lent, self._is_done = borrower, self, False
        wanted = {name: value for name, value in borrower.settings.items() if self._settings.get(name) != value}
        if not wanted:
            return
        statement = ";".join(f"SET {name} = {pg_wire.quoted(value)}" for name, value in wanted.items())
        self._adjusting = asyncio.get_running_loop().create_future()
        self._writer.write(pg_wire.message(b"Q", pg_wire.text(statement)))
        await self._adjusting
        self._adjusting = None
        borrower.settings |= {name: self._settings[name] for name in wanted if name in self._settings}

    def forward(self, frame: bytes) -> None:
        """Send the borrower's message on, and count the answers that it will bring."""
        letter = frame[:1]
        if letter in (COPY_DONE, COPY_FAIL):
            self._is_copying = False
        elif letter in ANSWERED and not (
            letter == b"S" and self._is_copying
        ):  # a Sync in the middle of COPY is ignored
            self._owed.append(letter)
            self._unit_is_open = self._is_done = False
        elif letter not in (COPY_DATA, b"S", b"H"):  # a Flush opens nothing
            self._unit_is_open, self._is_done = True, False
        self._writer.write(frame)

    async def drain(self) -> None:
        """Wait while the server takes less than the borrower sends."""
        try:
            await self._writer.drain()
        except OSError:
            raise Refusal(CRASHED) from None

    async def cancel(self) -> None:
        """Have the server cancel the borrower's query; until that is done nobody else gets this connection."""
        if self._adjusting is not None:
            return
        self._cancelling += 1
        try:
            with contextlib.suppress(OSError):
                reader, writer = await self._pool.dial()
                try:
                    writer.write(pg_wire.first_message(pg_wire.CANCEL_REQUEST, self._key))
                    await reader.read()  # the server hangs up once it has sent its signal
                finally:
                    await pg_wire.hang_up(writer)
        finally:
            self._cancelling -= 1
            self._return_if_done()

    async def close(self) -> None:
        """End the session; the server rolls back what is open."""
        self._is_closing = True
        self._listening.cancel()
        await asyncio.wait({self._listening})
        borrower, self.borrower = self.borrower, None
        if borrower is None:
            self._writer.write(pg_wire.message(b"X"))
        else:
            self._writer.transport.abort()  # what the client sent last may wait in the buffer: nobody wants it any more
            if borrower.lent is self:
                borrower.server_lost()
        await pg_wire.hang_up(self._writer)
        self._pool.remove(self)

    async def _listen(self) -> None:
        """Take everything the server says, also between two borrowers."""
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, Refusal):
                while True:
                    await self._receive(await pg_wire.read_message(self._reader))
        finally:
            if not self._is_closing:
                self._lose()

    async def _receive(self, frame: bytes) -> None:
        letter = frame[:1]
        if letter == b"S":
            self._note(*pg_wire.setting(frame))
        elif self._adjusting is not None:
            self._adjust(self._adjusting, frame)
            return
        elif letter == b"G":  # CopyInResponse
            self._is_copying = True
            if self._owed and self._owed[0] == b"S":  # it was sent behind the COPY, so the server passes over it
                self._owed.clear()
        elif letter in (b"E", b"Z"):
            self._is_copying = False
        if letter == b"Z" and self._owed:
            self._owed.popleft()
            self._is_done = frame[5:6] == b"I" and not self._owed and not self._unit_is_open
        if self.borrower is None or self.borrower.writer.is_closing():
            return  # a notice to nobody; the client's own task sees that it is gone
        writer = self.borrower.writer
        writer.write(frame)
        self._return_if_done()
        if self.borrower is not None:
            with contextlib.suppress(OSError):
                await writer.drain()

    def _note(self, name: str, value: str) -> None:
        if name in TRACKED:
            self._settings[name] = value
            if self.borrower is not None:
                self.borrower.settings[name] = value

    def _adjust(self, adjusting: asyncio.Future[None], frame: bytes) -> None:
        """Take the answer to our own SET; the client never sees it."""
        if frame[:1] == b"E":
            self._complaint = pg_wire.refusal(frame)
        elif frame[:1] == b"Z" and not adjusting.done():
            if self._complaint is None:
                adjusting.set_result(None)
            else:
                adjusting.set_exception(self._complaint)

    def _return_if_done(self) -> None:
        if self._is_done and not self._cancelling and self.borrower is not None:
            self.borrower.lent, self.borrower = None, None
            self._pool.give_back(self)

    def _lose(self) -> None:
        """The server ended the session: nobody may borrow it any more, and whoever has it must know."""
        self._writer.transport.abort()
        self._pool.remove(self)
        if self._adjusting is not None and not self._adjusting.done():
            self._adjusting.set_exception(Refusal(CRASHED))
        if self.borrower is not None:
            self.borrower.server_lost()
