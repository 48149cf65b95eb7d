"""SCRAM-SHA-256 from both sides: a pooler asks its clients for a password, and is asked for one by the server.

Both are needed because our PostgreSQL trusts nobody, so a pooler that did would be the only open door.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass

from scramp import ScramClient, ScramException, ScramMechanism

from course_lib.databases import pg_wire
from course_lib.databases.pg_wire import Refusal

MECHANISM = "SCRAM-SHA-256"
OK, SASL, SASL_CONTINUE, SASL_FINAL = 0, 10, 11, 12  # kinds of an Authentication message
WRONG_PASSWORD = "28P01"
LONGEST_TOKEN = 65_535  # PostgreSQL's own limit for what a stranger may send


@dataclass(frozen=True)
class Secret:
    """What a server keeps instead of a password."""

    salt: bytes
    stored_key: bytes
    server_key: bytes
    iterations: int


def secret(password: str) -> Secret:
    """Return the secret for `password`, with a new salt."""
    return Secret(*ScramMechanism(MECHANISM).make_auth_info(password))


async def authenticate_client(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: str, known: Secret | None
) -> None:
    """Ask a client for its password; raises `Refusal` when it is wrong, or nobody knows the user (`known` is None).

    Not `scramp`'s server: it refuses the empty user name that libpq, and so psql, sends here.
    """
    keep = known or secret(secrets.token_hex())  # an unknown user is asked the same questions
    writer.write(_authentication(SASL, pg_wire.text(MECHANISM) + b"\0"))
    await writer.drain()
    try:
        name, first = _initial(await _password_message(reader))
        header, bare = _split_header(first)
        nonce = _attributes(bare)["r"] + secrets.token_urlsafe(18)
        salt = base64.b64encode(keep.salt).decode()
        server_first = f"r={nonce},s={salt},i={keep.iterations}"
        writer.write(_authentication(SASL_CONTINUE, server_first.encode()))
        await writer.drain()
        final = (await _password_message(reader)).decode()
        found = _attributes(final)
        proof = base64.b64decode(found["p"], validate=True)
        binding = base64.b64decode(found["c"], validate=True)
    except (ValueError, KeyError) as error:
        raise Refusal("malformed SCRAM message") from error
    agreed = f"{bare},{server_first},{final.rpartition(',p=')[0]}".encode()
    is_right = _is_proof(keep, agreed, proof)
    is_same_talk = name == MECHANISM and found["r"] == nonce and binding == header.encode()
    if not (is_right and is_same_talk and known):
        raise Refusal(f'password authentication failed for user "{user}"', WRONG_PASSWORD)
    signature = base64.b64encode(_sign(keep.server_key, agreed)).decode()
    writer.write(_authentication(SASL_FINAL, f"v={signature}".encode()) + _authentication(OK))


async def log_in(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: str, password: str, database: str
) -> tuple[dict[str, bytes], bytes]:
    """Open a session on a server; return its ParameterStatus messages by name, and the key that cancels its queries.

    Raises `Refusal` with the server's own words, or with ours where it asks for anything but SCRAM.
    """
    writer.write(pg_wire.startup({"user": user, "database": database, "client_encoding": "UTF8"}))
    scram = ScramClient([MECHANISM], user, password)
    settings: dict[str, bytes] = {}
    key = b""
    while True:
        await writer.drain()
        frame = await pg_wire.read_message(reader)
        match frame[:1]:
            case b"R":
                writer.write(_answer(scram, int.from_bytes(frame[5:9], "big"), frame[9:]))
            case b"S":
                settings[pg_wire.setting(frame)[0]] = frame
            case b"K":
                key = frame[5:]
            case b"E":
                raise pg_wire.refusal(frame)
            case b"Z":
                return settings, key


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, statement: str) -> list[list[str]]:
    """Run one statement in the simple form, the only one PgBouncer's console knows, and return its rows as text."""
    writer.write(pg_wire.message(b"Q", pg_wire.text(statement)))
    await writer.drain()
    rows, failure = [], None
    while (frame := await pg_wire.read_message(reader))[:1] != b"Z":
        if frame[:1] == b"D":
            rows.append(pg_wire.row(frame))
        elif frame[:1] == b"E":
            failure = pg_wire.refusal(frame)
    if failure is not None:
        raise failure
    return rows


def _authentication(kind: int, body: bytes = b"") -> bytes:
    return pg_wire.message(b"R", struct.pack("!I", kind) + body)


def _answer(scram: ScramClient, kind: int, said: bytes) -> bytes:
    """Return what we answer to the server's question of this `kind`; nothing to the last two."""
    try:
        if kind == SASL and MECHANISM in pg_wire.strings(said):
            first = scram.get_client_first().encode()
            return pg_wire.message(b"p", pg_wire.text(MECHANISM) + struct.pack("!I", len(first)) + first)
        if kind == SASL_CONTINUE:
            scram.set_server_first(said.decode())
            return pg_wire.message(b"p", scram.get_client_final().encode())
        if kind == SASL_FINAL:
            scram.set_server_final(said.decode())
        if kind in (SASL_FINAL, OK):
            return b""
    except ScramException as error:
        raise Refusal(f"the server's SCRAM answer is wrong: {error}", WRONG_PASSWORD) from error
    raise Refusal(f"expected a server that asks for {MECHANISM}, got authentication request {kind}", WRONG_PASSWORD)


async def _password_message(reader: asyncio.StreamReader) -> bytes:
    frame = await pg_wire.read_message(reader, LONGEST_TOKEN)
    if frame[:1] != b"p":
        raise Refusal(f"expected a password message, got {frame[:1]!r}")
    return frame[5:]


def _initial(body: bytes) -> tuple[str, str]:
    """Return the mechanism that a client chose and its first SCRAM message."""
    name, _, rest = body.partition(b"\0")
    return name.decode(), rest[4:].decode()


def _split_header(first: str) -> tuple[str, str]:
    """Return the header (`n,,`: no channel binding) and the rest of a client's first message."""
    binding, name, bare = first.split(",", 2)
    return f"{binding},{name},", bare


def _attributes(said: str) -> dict[str, str]:
    return {part[0]: part[2:] for part in said.split(",") if part[1:2] == "="}


def _sign(key: bytes, value: bytes) -> bytes:
    return hmac.digest(key, value, hashlib.sha256)


def _is_proof(keep: Secret, agreed: bytes, proof: bytes) -> bool:
    """Say whether `proof` can only come from somebody with the password."""
    signature = _sign(keep.stored_key, agreed)
    key = bytes(one ^ other for one, other in zip(proof, signature, strict=False))
    return hmac.compare_digest(hashlib.sha256(key).digest(), keep.stored_key)
