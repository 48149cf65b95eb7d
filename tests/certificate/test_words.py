"""The sentences of a certificate: what was done, and what the kind of certificate does not prove."""

from __future__ import annotations

from dataclasses import replace

from certificate.statements import ADA
from course_lib.certificate import words


def test_claim_counts_what_passed() -> None:
    assert words.claim(ADA) == (
        "has answered 3 questions in 2 exercises of the course on asynchronous databases in FastAPI. Each answer "
        "passed its check, in a fresh run of the judge on 2026-11-28 (UTC). 1 question more could not be judged there."
    )
    assert words.claim(replace(ADA, unproved=())).endswith("on 2026-11-28 (UTC).")


def test_kind_says_what_it_does_not_prove() -> None:
    assert words.kind(ADA).startswith("Self-certified. ")
    assert "proves nothing about who answered" in words.kind(ADA)
    signed = words.kind(replace(ADA, signer="0123456789abcdef" * 4))
    assert signed.startswith("Signed. The holder of the key 0123 4567 89ab cdef 0123 4567 89ab cdef states that ")
    assert "and that not a byte has changed since; it does not show who wrote the answers" in signed


def test_missing_sandbox_is_said() -> None:
    assert words.isolation(ADA) == "Each answer ran behind: Landlock, seccomp."
    assert words.isolation(replace(ADA, isolation=())) == (
        "Each answer ran behind: a process of its own, without a sandbox."
    )
