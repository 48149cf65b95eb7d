"""The certificates: real TLS handshakes in memory, with the right CA, the wrong CA and the wrong host name."""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path

import pytest

from course_lib.databases import certificates
from course_lib.databases.certificates import Certificates


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    """Return certificates in a new folder."""
    return certificates.make(tmp_path / "keys")


def shake(made: Certificates, ca: Path, host: str) -> str | None:
    """Let a client that trusts `ca` and asks for `host` meet a server with our certificate; return the TLS version."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(made.certificate, made.key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = ssl.create_default_context(cafile=str(ca)).wrap_bio(to_client, to_server, server_hostname=host)
    waiting = [client, server]
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)
    return client.version()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_our_ca_verifies_both_names(made: Certificates, host: str) -> None:
    assert shake(made, made.ca, host) == "TLSv1.3"


def test_other_ca_is_refused(made: Certificates) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer certificate"):
        shake(made, made.other_ca, "localhost")


@pytest.mark.parametrize(
    ("host", "reason"),
    [("db.example", "Hostname mismatch"), ("127.0.0.2", "IP address mismatch")],
)
def test_other_host_name_is_refused(made: Certificates, host: str, reason: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        shake(made, made.ca, host)


def test_key_is_for_its_owner_and_the_rest_for_everybody(tmp_path: Path) -> None:
    before = os.umask(0o077)  # a strict account must not hide the certificate from the server's user
    try:
        made = certificates.make(tmp_path / "keys")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (made.key, made.ca, made.certificate, made.other_ca)]
    assert modes == [0o600, 0o644, 0o644, 0o644]


def test_every_start_has_new_certificates(made: Certificates) -> None:
    old = made.key.read_bytes()
    made.key.chmod(0o400)
    again = certificates.make(made.key.parent)
    assert again == made
    assert again.key.read_bytes() != old
    assert shake(again, again.ca, "localhost") == "TLSv1.3"


def test_certificate_outlives_the_course(made: Certificates) -> None:
    context = ssl.create_default_context(cafile=str(made.ca))
    (ca,) = context.get_ca_certs()
    assert "3000" in str(ca["notAfter"])
