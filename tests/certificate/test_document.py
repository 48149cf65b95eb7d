"""The document: one statement, one text; whatever is not that text is refused in a sentence."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from certificate.statements import ADA
from course_lib.certificate.document import Certificate
from course_lib.errors import CertificateError

NONE = "the document in it is no certificate of this course"


def text(**changed: object) -> bytes:
    """Return the document with something changed, in canonical form."""
    return json.dumps(json.loads(ADA.as_bytes()) | changed, sort_keys=True, separators=(",", ":")).encode()


def refusal(document: bytes) -> str:
    """Return why a document is refused."""
    with pytest.raises(CertificateError) as raised:
        Certificate.from_bytes(document)
    return str(raised.value)


def test_document_comes_back_as_it_was() -> None:
    assert Certificate.from_bytes(ADA.as_bytes()) == ADA
    assert ADA.digest == hashlib.sha256(ADA.as_bytes()).hexdigest()


def test_same_statement_is_the_same_bytes() -> None:
    turned = replace(ADA, versions=dict(reversed(ADA.versions.items())))
    assert turned.as_bytes() == ADA.as_bytes()
    assert ADA.as_bytes().isascii()
    assert b'"name":"Za\\u017c\\u00f3\\u0142\\u0107 \\u03a9 Lovelace"' in ADA.as_bytes()


def test_who_signs_makes_the_kind() -> None:
    assert (ADA.kind, replace(ADA, signer="ab").kind) == ("self-certified", "signed")
    assert json.loads(ADA.as_bytes())["kind"] == "self-certified"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b"{}",
        text(name=7),
        text(name=None),
        text(proved=[{"exercise": "07_pools", "question": "x"}]),
        text(proved=[{"exercise": "07_pools", "question": "x", "text": 1}]),
        text(proved=[7]),
        text(proved=None),
        text(unproved={"a": 1}),
        text(sheets=[]),
        text(versions={"course": 1}),
        text(isolation=[1]),
    ],
    ids=lambda document: repr(document[:20]),
)
def test_anything_else_is_refused(document: bytes) -> None:
    assert refusal(document) == NONE


@pytest.mark.parametrize(
    "document",
    [
        json.dumps(json.loads(ADA.as_bytes())).encode(),
        ADA.as_bytes() + b" ",
        text(more=1),
        text(kind="signed"),
        ADA.as_bytes().replace(b'"date"', b'"date":"2020-01-01","date"'),
    ],
    ids=["spaces", "blank at the end", "another field", "another kind", "a field twice"],
)
def test_other_text_of_it_is_refused(document: bytes) -> None:
    assert refusal(document) == "the document in it is not in the form this course writes"


def test_newer_form_says_what_to_do() -> None:
    assert refusal(text(certificate=2)) == "it is in form 2, expected 1; update the course"
