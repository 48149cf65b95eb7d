"""Where a fresh database is and who may log in to it: what the supervisor hands to a lesson's process.

It crosses a socket as JSON; a password never shows in its text.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any  # Any: JSON


@dataclass(frozen=True)
class Login:
    """One role of a database, made for one worker."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Place:
    """A database of its own on a running server, with the logins `app` (its owner) and `readonly`."""

    kind: str
    name: str
    host: str
    port: int
    logins: dict[str, Login]
    version: str  # the server's own, "17.10"
    capabilities: tuple[str, ...] = ()
    socket: str = ""  # the folder of the server's path socket, empty where it has none
    ca: str = ""  # the CA that signed the server's certificate, empty where it has no TLS
    other_ca: str = ""  # a CA that did not: for the lesson on verification
    fingerprint: str = ""  # of its structure when it was made; a different one means somebody ran DDL

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Place:
        """Return the place that `to_json` wrote."""
        logins = {role: Login(**login) for role, login in found["logins"].items()}
        return cls(**{**found, "logins": logins, "capabilities": tuple(found["capabilities"])})
