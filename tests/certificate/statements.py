"""Certificates for tests, and what a forger can do to one: change bytes, and compute the checksum again."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from course_lib.certificate import seal
from course_lib.certificate.document import Certificate, Proved, Unproved
from course_lib.certificate.keys import fingerprint
from course_lib.certificate.page import page

ADA = Certificate(
    name="Zażółć Ω Lovelace",
    date="2026-11-28",
    lessons={"07_pools": "The rope", "12_proxies": "Two pools"},
    proved=(
        Proved("07_pools", "pool-size", "four rooms and six budgets"),
        Proved("07_pools", "let-go", "inside 0 while 20 wait, Δ and ½"),
        Proved("12_proxies", "one-pool", "one pool was enough"),
    ),
    unproved=(Unproved("12_proxies", "two-pools", "no PgBouncer here"),),
    isolation=("Landlock", "seccomp"),
    sheets={"07_pools": "ab" * 32, "12_proxies": "cd" * 32},
    versions={"course": "0.1.0", "python": "3.12.1", "fastapi": "0.165.0"},
)


@functools.cache
def key(number: int = 0) -> Ed25519PrivateKey:
    """Return one of the keys of this run; none lies in the repository."""
    return Ed25519PrivateKey.generate()


@functools.cache
def sealed() -> bytes:
    """Return what a learner makes."""
    return seal.seal(page(ADA), ADA)


@functools.cache
def signed(name: str = ADA.name) -> bytes:
    """Return what a teacher makes, with the first key."""
    made = replace(ADA, name=name, signer=fingerprint(key().public_key()))
    return seal.seal(page(made), made, key())


def flipped(data: bytes, bit: int) -> Iterator[tuple[int, bytes]]:
    """Yield every copy of `data` in which one bit of one byte is another, with the place of the byte."""
    for at, byte in enumerate(data):
        yield at, b"".join((data[:at], bytes([byte ^ bit]), data[at + 1 :]))


def computed_again(data: bytes) -> bytes:
    """Return a changed file with a checksum that is right again, as somebody makes it who has read our source."""
    found = seal.LINE.search(data, data.rfind(seal.MARK))
    assert found is not None
    digest = seal._digest(data[: found.end("length")], found["rest"])
    return data[: found.start("digest")] + digest.hex().encode() + data[found.end("digest") :]


def parts(data: bytes) -> dict[str, slice]:
    """Return where the parts of a sealed file lie."""
    found = seal.LINE.search(data, data.rfind(seal.MARK))
    assert found is not None
    at, words = int(found["at"]), data.index(b"stream\n", data.index(b"/FlateDecode")) + 7
    places = {
        "header": slice(0, 8),
        "page": slice(words, data.index(b"\nendstream", words)),
        "document": slice(at, at + int(found["length"])),
        "font": slice(data.index(b"/FontFile2"), data.index(b"/FontFile2") + 20),
        "table of objects": slice(data.rindex(b"\nxref\n"), data.rindex(b"\ntrailer")),
        "trailer": slice(data.rindex(b"\ntrailer"), found.start()),
        "mark": slice(found.start(), found.start("at")),
        "place of the document": slice(found.start("at"), found.end("length")),
        "checksum": slice(*found.span("digest")),
        "signature": slice(*found.span("signature")),
        "end": slice(*found.span("rest")),
    }
    return {name: place for name, place in places.items() if place.start >= 0}
