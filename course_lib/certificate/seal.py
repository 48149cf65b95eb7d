"""The seal of a certificate: one line of its PDF that holds a checksum, and a signature when a key was given.

It is sealed as a file and not as a text. The page and the document inside it cannot be exchanged one without the other,
and who checks it draws no page again: another version of the font or of the PDF library would draw other bytes.
The line is a comment in front of `startxref`, where PDF allows one, so that the file is as whole as any. The checksum
is taken over every byte but its own value and the signature's; the signature is made over the checksum.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from course_lib.certificate.document import Certificate
from course_lib.errors import CertificateError, CourseError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MARK = b"\n%velvet-rope-certificate 1 document "
LINE = re.compile(
    MARK + rb"(?P<at>\d{8}) (?P<length>\d{8}) sha256 (?P<digest>[0-9a-f]{64})"
    rb"(?: ed25519 (?P<signature>[0-9a-f]{128}))?(?P<rest>\nstartxref\n\d+\n%%EOF\n)"
)
PURPOSE = b"velvet-rope-course certificate 1\n"  # a signature made for something else is none here


@dataclass(frozen=True)
class Sealed:
    """A file whose checksum is right: the document in it, the checksum, and the signature, empty when there is none."""

    document: bytes
    digest: bytes
    signature: bytes


def seal(pdf: bytes, certificate: Certificate, key: Ed25519PrivateKey | None = None) -> bytes:
    """Return `pdf`, in which the certificate's document lies once, with the seal; signed when a key is given."""
    document = certificate.as_bytes()
    end = pdf.rindex(b"\nstartxref\n")
    if pdf.count(document) != 1 or MARK in pdf:
        raise ValueError("expected a page with its document in it, once and not sealed yet")
    head = pdf[:end] + MARK + b"%08d %08d" % (pdf.index(document), len(document))
    digest = _digest(head, pdf[end:])
    signed = b"" if key is None else b" ed25519 " + key.sign(PURPOSE + digest).hex().encode()
    return head + b" sha256 " + digest.hex().encode() + signed + pdf[end:]


def unsealed(data: bytes) -> Sealed:
    """Return what is in a file whose checksum is right; raise `CertificateError` for any other."""
    found = LINE.fullmatch(data, data.rfind(MARK)) if MARK in data else None
    if found is None or not data.startswith(b"%PDF-"):
        raise CertificateError("no seal of this course stands at its end: it is cut off, damaged or another file")
    digest = _digest(data[: found.end("length")], found["rest"])
    if digest.hex().encode() != found["digest"]:
        raise CertificateError("its checksum is wrong: it was damaged or changed after it was made")
    at = int(found["at"])
    return Sealed(data[at : at + int(found["length"])], digest, bytes.fromhex((found["signature"] or b"").decode()))


def verified(data: bytes, key: Ed25519PublicKey | None = None) -> Certificate:
    """Return the certificate in a file, once checksum and signature are right.

    Raises `CertificateError` for what is damaged, changed or signed by another key than `key`, and `CourseError` for a
    signed one when no key is given. A self-certified one is returned too: who wants a signature looks at its `kind`.
    """
    sealed = unsealed(data)
    made = Certificate.from_bytes(sealed.document)
    if bool(made.signer) != bool(sealed.signature):
        said, has = (made.kind, "a signature" if sealed.signature else "no signature")
        raise CertificateError(f"it says {said} and carries {has}: it was changed after it was made")
    if made.signer:
        _check(sealed, made, key)
    return made


def _check(sealed: Sealed, made: Certificate, key: Ed25519PublicKey | None) -> None:
    from cryptography.exceptions import InvalidSignature

    from course_lib.certificate.keys import fingerprint

    if key is None:
        raise CourseError("it is signed, and only the signer's public key can say whether truly; add --public-key FILE")
    try:
        key.verify(sealed.signature, PURPOSE + sealed.digest)
    except InvalidSignature:
        raise CertificateError(
            "its signature is not of this key: another key signed it, or it was changed after it was signed"
        ) from None
    if made.signer != fingerprint(key):
        raise CertificateError("it names another signer than the key that signed it; ask the signer for a new one")


def _digest(head: bytes, rest: bytes) -> bytes:
    return hashlib.sha256(len(head).to_bytes(8, "big") + head + rest).digest()
