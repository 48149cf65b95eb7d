"""Make the certificates of the private servers: a CA, a certificate it signed, and a CA that signed nothing.

A lesson on TLS needs a server that can be verified, and a second CA to see what verification refuses.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

NAMES = ("localhost", "127.0.0.1")  # no other: a host name that does not match is a lesson as well
ORGANIZATION = "Velvet Rope course"


@dataclass(frozen=True)
class Certificates:
    """The files of one supervisor's certificates, as PEM."""

    ca: Path  # what a client trusts
    certificate: Path
    key: Path  # 0600: PostgreSQL refuses a key that others can read
    other_ca: Path


def make(folder: Path) -> Certificates:
    """Write new certificates for `NAMES` into `folder`, over those of an earlier start."""
    import trustme  # imported here: it takes 0.2 s, and only a supervisor needs it

    folder.mkdir(parents=True, exist_ok=True)
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key", folder / "other-ca.pem")
    ca = trustme.CA(organization_name=ORGANIZATION)
    signed = ca.issue_cert(*NAMES, organization_name=ORGANIZATION)
    other = trustme.CA(organization_name=f"Not the {ORGANIZATION}")
    _write(made.ca, ca.cert_pem.bytes())
    _write(made.certificate, b"".join(part.bytes() for part in signed.cert_chain_pems))
    _write(made.key, signed.private_key_pem.bytes(), mode=0o600)
    _write(made.other_ca, other.cert_pem.bytes())
    return made


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    path.unlink(missing_ok=True)  # an old file may belong to the server's user, and has its own mode
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)  # never readable by others, not for a moment
    with os.fdopen(opened, "wb") as file:
        os.chmod(path, mode)  # whatever the umask: the server's user must read the certificate
        file.write(content)
