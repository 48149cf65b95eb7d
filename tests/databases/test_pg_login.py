"""SCRAM with ourselves: the side that asks and the side that answers, over a real socket and without a server."""

from __future__ import annotations

import asyncio
import base64
import re
import struct
from collections.abc import Awaitable, Callable

import pytest

from course_lib.databases import pg_login, pg_wire
from course_lib.databases.pg_login import Secret
from course_lib.databases.pg_wire import Refusal, message

Speech = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]


def talk(asks: Speech, answers: Speech) -> list[object]:
    """Let two sides speak with one another; return what each of them returned or raised."""

    async def main() -> list[object]:
        found: asyncio.Future[object] = asyncio.get_running_loop().create_future()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                found.set_result(await asks(reader, writer))
            except Refusal as refusal:
                writer.write(pg_wire.error(refusal))
                found.set_result(refusal)
            except Exception as error:
                found.set_result(error)
            await pg_wire.hang_up(writer)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        (said,) = await asyncio.gather(answers(reader, writer), return_exceptions=True)
        writer.write_eof()
        asked = await asyncio.wait_for(found, 10)
        await pg_wire.hang_up(writer)
        server.close()
        await server.wait_closed()
        return [asked, said]

    return asyncio.run(main())


def asking(known: Secret | None, *after: bytes) -> Speech:
    """Return a server that lets `known` in, and then sends `after`."""

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await pg_wire.read_startup(reader)
        await pg_login.authenticate_client(reader, writer, "app", known)
        writer.write(b"".join(after))

    return ask


def answering(password: str) -> Speech:
    """Return a client with this password."""
    return lambda reader, writer: pg_login.log_in(reader, writer, "app", password, "bar")


def scripted(*frames: bytes) -> Speech:
    """Return a side that sends these messages whatever the other one says."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(frames))
        await reader.read(1)

    return speak


def test_the_right_password_opens_a_session() -> None:
    ready = message(b"S", b"TimeZone\0UTC\0") + message(b"K", b"12345678") + message(b"Z", b"I")
    asked, said = talk(asking(pg_login.secret("gîn & tonic"), ready), answering("gîn & tonic"))
    assert asked is None
    assert said == ({"timezone": message(b"S", b"TimeZone\0UTC\0")}, b"12345678")


@pytest.mark.parametrize("known", [pg_login.secret("right"), None])
def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(known: Secret | None) -> None:
    for refusal in talk(asking(known), answering("wrong")):
        assert isinstance(refusal, Refusal)
        assert (refusal.text, refusal.sqlstate) == ('password authentication failed for user "app"', "28P01")


def test_a_secret_is_different_each_time_and_holds_no_password() -> None:
    first, second = pg_login.secret("right"), pg_login.secret("right")
    assert first.salt != second.salt
    assert first.stored_key != second.stored_key


FIRST = b"SCRAM-SHA-256\0" + struct.pack("!I", 0)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (message(b"Q", b"SELECT 1\0"), "expected a password message, got b'Q'"),
        (message(b"p", b"wrong password\0"), "malformed SCRAM message"),
        (message(b"p", FIRST + b"n,,n=,x=no nonce"), "malformed SCRAM message"),
        (message(b"p", FIRST + b"\xff\xff"), "malformed SCRAM message"),
        (b"p" + struct.pack("!I", 1_000_000), "invalid message length: 1000000"),
    ],
)
def test_a_strange_answer_is_refused(frame: bytes, said: str) -> None:
    asked, _ = talk(asking(pg_login.secret("right")), scripted(pg_wire.startup({}), frame))
    assert str(asked) == said


def final(nonce: str, proof: bytes, binding: bytes = b"n,,") -> bytes:
    """Return a client's second message."""
    coded = base64.b64encode(binding).decode(), base64.b64encode(proof).decode()
    return message(b"p", f"c={coded[0]},r={nonce},p={coded[1]}".encode())


@pytest.mark.parametrize("proof", [b"", b"\0" * 32, b"\0" * 31, b"\0" * 64])
def test_a_proof_that_is_none_opens_nothing(proof: bytes) -> None:
    async def guess(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(pg_wire.startup({}) + message(b"p", FIRST + b"n,,n=,r=abc"))
        await pg_wire.read_message(reader)
        said = (await pg_wire.read_message(reader))[9:].decode()
        nonce = re.match("r=([^,]*)", said)
        assert nonce is not None
        writer.write(final(nonce[1], proof))

    asked, _ = talk(asking(pg_login.secret("right")), guess)
    assert str(asked) == 'password authentication failed for user "app"'


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (3, "expected a server that asks for SCRAM-SHA-256, got authentication request 3"),
        (5, "expected a server that asks for SCRAM-SHA-256, got authentication request 5"),
        (11, "the server's SCRAM answer is wrong: "),
    ],
)
def test_a_server_that_wants_something_else_gets_no_password(kind: int, said: str) -> None:
    frame = message(b"R", struct.pack("!I", kind) + b"salt")
    _, refusal = talk(scripted(frame), answering("right"))
    assert isinstance(refusal, Refusal)
    assert refusal.text.startswith(said)
