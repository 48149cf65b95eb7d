"""What is asked of the warm process, and how it crosses the socket: one line of JSON, and descriptors beside it.

They are the asker's own standard streams, so that a forked kernel writes where a started one would, and a pipe that the
kernel closes once it can be connected to.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any  # Any: JSON

CHUNK = 65536
DESCRIPTORS = 4  # standard input, output and error; the pipe
PEER = struct.Struct("3i")  # process, user, group


@dataclass(frozen=True)
class Request:
    """One kernel that is wanted."""

    token: str  # of the warm process, out of a file that only its user can read
    key: str
    arguments: list[str]  # of ipykernel
    cwd: str
    environment: dict[str, str]

    def send(self, connection: socket.socket, descriptors: Sequence[int]) -> None:
        """Send the request with what goes beside it."""
        line = json.dumps(asdict(self)).encode() + b"\n"
        sent = socket.send_fds(connection, [line], list(descriptors))
        if sent < len(line):  # to send nothing fails where the answer has come already and nobody listens
            connection.sendall(line[sent:])


def receive(connection: socket.socket) -> tuple[Request, list[int]]:
    """Return the request that comes with `connection`, and its descriptors for the caller to close.

    Raises `OSError`, `TypeError` or `ValueError` when it is none; then no descriptor stays open.
    """
    line, descriptors, _, _ = socket.recv_fds(connection, CHUNK, DESCRIPTORS)
    try:
        for descriptor in descriptors:  # Python does not hand MSG_CMSG_CLOEXEC on
            os.set_inheritable(descriptor, False)
        if len(descriptors) != DESCRIPTORS:
            raise ValueError(f"expected {DESCRIPTORS} descriptors, got {len(descriptors)}")
        return Request(**json.loads(rest_of_line(connection, line))), descriptors
    except BaseException:
        close_all(descriptors)
        raise


def send_line(connection: socket.socket, message: dict[str, Any]) -> None:
    """Send one line of JSON."""
    connection.sendall(json.dumps(message).encode() + b"\n")


def rest_of_line(connection: socket.socket, line: bytes = b"") -> bytes:
    """Return `line` with what is missing of it; nobody says two lines without being asked."""
    while not line.endswith(b"\n"):
        chunk = connection.recv(CHUNK)
        if not chunk:
            raise ConnectionResetError("the other side is gone")
        line += chunk
    return line


def peer_user(connection: socket.socket) -> int:
    """Return the user of the other side, as the system knows it."""
    _, user, _ = PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
    return int(user)


def close_all(descriptors: Sequence[int]) -> None:
    """Close descriptors that came with a request."""
    for descriptor in descriptors:
        os.close(descriptor)
