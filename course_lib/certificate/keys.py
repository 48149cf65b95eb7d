"""Ed25519 keys in files: a new pair, the private one that signs, the public one that checks.

They are the PEM files that other tools read and write as well; the private one is its owner's only (0600).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.certificate.extra import require
from course_lib.errors import CourseError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LARGEST = 100_000  # bytes: a key in PEM has 120


def new(path: Path) -> Path:
    """Write a new private key to `path` and its public key beside it; return the path of the public one.

    Raises `CourseError` when either is there already: a key that is overwritten is lost.
    """
    require("cryptography")
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    beside = path.with_name(f"{path.name}.pub")
    for each in (path, beside):
        if os.path.lexists(each):
            raise _there(each)
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    _write_new(path, secret, 0o600)
    try:
        _write_new(beside, public, 0o644)
    except BaseException:
        path.unlink()
        raise
    return beside


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise _there(path) from None
    try:
        with open(handle, "wb") as file:
            file.write(content)
    except BaseException as error:
        with contextlib.suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            error.filename = str(path)
        raise


def _there(path: Path) -> CourseError:
    return CourseError(f"{path} exists already, and a key is never overwritten; name another file")


def private(path: Path) -> Ed25519PrivateKey:
    """Return the key that signs; raise `CourseError` when the file is none, or is open to others."""
    require("cryptography")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    text = _read(path)
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CourseError(f"{path} can be read by others, and who has it can sign; type: chmod 600 {path}")
    try:
        key = load_pem_private_key(text, password=None)
    except TypeError:
        raise CourseError(f"{path} is locked by a password, expected a key without one; {_NEW}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CourseError(f"{path} is no private key; {_NEW}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise CourseError(f"{path} is a key of another kind, expected Ed25519; {_NEW}")
    return key


def public(path: Path) -> Ed25519PublicKey:
    """Return the key that checks; raise `CourseError` when the file is none."""
    require("cryptography")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm):
        raise CourseError(f"{path} is no public key; ask who signed for the file that ends in .pub") from None
    if not isinstance(key, Ed25519PublicKey):
        raise CourseError(f"{path} is a key of another kind, expected Ed25519; ask who signed for the right one")
    return key


_NEW = "make one with: course certificate --new-key FILE"


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST)


def fingerprint(key: Ed25519PublicKey) -> str:
    """Return the SHA-256 of a public key's 32 bytes: short enough to be read out over a telephone."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()
