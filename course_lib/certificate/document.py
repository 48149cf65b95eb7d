"""What a certificate says, as plain data in one canonical form of JSON: the same statement is always the same bytes.

The page is drawn from it and it lies in the page's file, so a program reads what a person sees.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any  # Any: plain data for JSON

from course_lib.errors import CertificateError

FORM = 1


@dataclass(frozen=True)
class Proved:
    """A question that passed, and what its check said."""

    exercise: str
    question: str
    text: str


@dataclass(frozen=True)
class Unproved:
    """A question that could not be judged where the certificate was made, and why; it counts neither way."""

    exercise: str
    question: str
    reason: str


@dataclass(frozen=True)
class Certificate:
    """The whole statement.

    `lessons` gives titles by stem, `sheets` the digest of what was judged by stem, `isolation` what stood between every
    answer and the machine. `signer` is the fingerprint of the key that signs, empty when the learner made it.
    """

    name: str
    date: str  # of UTC, e.g. 2026-11-28
    lessons: dict[str, str]
    proved: tuple[Proved, ...]
    unproved: tuple[Unproved, ...]
    isolation: tuple[str, ...]
    sheets: dict[str, str]
    versions: dict[str, str]
    signer: str = ""

    @property
    def kind(self) -> str:
        """Return `signed` or `self-certified`."""
        return "signed" if self.signer else "self-certified"

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical bytes; the page shows it."""
        return hashlib.sha256(self.as_bytes()).hexdigest()

    def as_bytes(self) -> bytes:
        """Return the canonical JSON: sorted, without blanks, ASCII."""
        data = {"certificate": FORM, "kind": self.kind, **asdict(self)}
        return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, text: bytes) -> Certificate:
        """Return what `as_bytes` wrote; raise `CertificateError` for anything else."""
        try:
            data = json.loads(text)
            if data["certificate"] != FORM:
                raise CertificateError(f"it is in form {data['certificate']!r}, expected {FORM}; update the course")
            made = _made(data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise CertificateError("the document in it is no certificate of this course") from None
        if made.as_bytes() != text:  # two texts of one meaning: the bytes that were sealed are not ours
            raise CertificateError("the document in it is not in the form this course writes")
        return made


def _made(data: dict[str, Any]) -> Certificate:
    given = {field.name: data[field.name] for field in fields(Certificate)}
    return Certificate(
        **{
            **given,
            "proved": tuple(Proved(**_texts(each)) for each in given["proved"]),
            "unproved": tuple(Unproved(**_texts(each)) for each in given["unproved"]),
            "isolation": tuple(map(_text, given["isolation"])),
            **{name: _text(given[name]) for name in ("name", "date", "signer")},
            **{name: _texts(given[name]) for name in ("lessons", "sheets", "versions")},
        }
    )


def _texts(found: dict[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in found.items()}


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError
    return found
