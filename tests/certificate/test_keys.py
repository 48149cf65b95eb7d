"""Keys: a pair is made once, belongs to its owner, and whatever is none is refused in a sentence."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from course_lib.certificate import keys
from course_lib.errors import CourseError

PLAIN = form.NoEncryption()


def write(path: Path, made: Ed25519PrivateKey | X25519PrivateKey, lock: form.KeySerializationEncryption) -> Path:
    """Write a private key, and the public one beside it."""
    path.write_bytes(made.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, lock))
    path.chmod(0o600)
    public = made.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    path.with_name(f"{path.name}.pub").write_bytes(public)
    return path


def refusal(read: object, path: Path) -> str:
    """Return why a file is refused."""
    assert callable(read)
    with pytest.raises(CourseError) as raised:
        read(path)
    return str(raised.value).replace(str(path), "FILE")


def test_new_pair_signs_and_checks(tmp_path: Path) -> None:
    beside = keys.new(tmp_path / "teacher")
    assert beside == tmp_path / "teacher.pub"
    private, public = keys.private(tmp_path / "teacher"), keys.public(beside)
    public.verify(private.sign(b"words"), b"words")
    assert keys.fingerprint(private.public_key()) == keys.fingerprint(public)
    assert len(keys.fingerprint(public)) == 64


def test_private_key_is_its_owners_only(tmp_path: Path) -> None:
    keys.new(tmp_path / "teacher")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("teacher", "teacher.pub")]
    assert modes[0] == 0o600
    assert not modes[1] & 0o022


@pytest.mark.parametrize("there", ["teacher", "teacher.pub"])
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(CourseError) as raised:
        keys.new(tmp_path / "teacher")
    assert str(raised.value) == (
        f"{tmp_path / there} exists already, and a key is never overwritten; name another file"
    )
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(there, "mine")]


def test_link_that_leads_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "teacher").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CourseError, match="exists already"):
        keys.new(tmp_path / "teacher")
    assert not (tmp_path / "elsewhere").exists()


def test_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    keys.new(tmp_path / "teacher")
    (tmp_path / "teacher").chmod(0o640)
    said = "FILE can be read by others, and who has it can sign; type: chmod 600 FILE"
    assert refusal(keys.private, tmp_path / "teacher") == said


def test_locked_key_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "teacher", Ed25519PrivateKey.generate(), form.BestAvailableEncryption(b"word"))
    said = "FILE is locked by a password, expected a key without one; "
    assert refusal(keys.private, path) == f"{said}make one with: course certificate --new-key FILE"


def test_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "teacher", X25519PrivateKey.generate(), PLAIN)
    said = "FILE is a key of another kind, expected Ed25519; "
    assert refusal(keys.private, path) == f"{said}make one with: course certificate --new-key FILE"
    public = tmp_path / "teacher.pub"
    assert refusal(keys.public, public) == f"{said}ask who signed for the right one"


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 200_000, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_file_that_is_no_key_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    path.chmod(0o600)
    assert refusal(keys.private, path) == "FILE is no private key; make one with: course certificate --new-key FILE"
    assert refusal(keys.public, path) == "FILE is no public key; ask who signed for the file that ends in .pub"


def test_two_halves_are_not_taken_for_each_other(tmp_path: Path) -> None:
    beside = keys.new(tmp_path / "teacher")
    beside.chmod(0o600)
    assert "is no private key" in refusal(keys.private, beside)
    assert "is no public key" in refusal(keys.public, tmp_path / "teacher")
