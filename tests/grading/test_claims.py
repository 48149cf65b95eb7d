"""A claim is believed behind its key only; a hint is text and no more."""

from __future__ import annotations

import json
import os

import pytest

from course_lib.grading import claims


class Known(claims.Key):
    """A key that a test knows."""

    def __init__(self) -> None:
        self.start = b"k" * 32


KEY = Known()


def said(*told: dict[str, object]) -> bytes:
    """Return what a child that says so writes."""
    reading, writing = os.pipe()
    say = claims.sayer(writing, KEY)
    for claim in told:
        say(claim)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        return stream.read()


def test_a_claim_comes_back_as_it_was() -> None:
    claim = {"stage": "verdict", "points": 2, "text": "Ünder\n\udcff", "none": None, "list": [1.5, True]}
    line = said(claim).rstrip(b"\n")
    assert b"\n" not in line
    assert claims.claim_of(line, KEY) == claim


@pytest.mark.parametrize(
    "line", [b"{}", b"k" * 31 + b"{}", b"j" * 32 + b"{}", b"", b"k" * 32 + b"[]", b"k" * 32 + b"{"]
)
def test_any_other_line_is_no_claim(line: bytes) -> None:
    assert claims.claim_of(line, KEY) is None


def test_ten_thousand_brackets_are_no_claim() -> None:
    assert claims.claim_of(b"k" * 32 + b"[" * 10_000, KEY) is None


def test_keys_differ() -> None:
    assert len({claims.Key().start for _ in range(100)}) == 100


def test_a_key_does_not_show_in_its_text() -> None:
    key = claims.Key()
    assert key.start.decode() not in f"{key!r} {key}"


def test_a_claim_needs_no_name_of_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    say = claims.sayer(writing, KEY)
    for owner, name in ((json, "dumps"), (json.JSONEncoder, "encode"), (os, "write")):
        monkeypatch.setattr(owner, name, lambda *arguments, **named: pytest.fail("a name was looked up"))
    say({"stage": "verdict"})
    assert os.read(reading, 100) == b"k" * 32 + b'{"stage": "verdict"}\n'
    os.close(reading)
    os.close(writing)


def test_an_object_is_no_claim() -> None:
    with pytest.raises(TypeError, match="a claim holds JSON and nothing else"):
        said({"stage": object()})


def test_the_last_hint_is_one_printable_line() -> None:
    reading, writing = os.pipe()
    hint = claims.hinter(writing)
    hint("at line 1 of the cell")
    assert claims.hint_of(os.read(reading, 1000)) == "at line 1 of the cell"
    hint("at line 1 of the cell")
    hint("x" * 10_000 + "\n\x1b[31m")
    assert claims.hint_of(os.read(reading, 100_000)) == "x" * claims.HINT_CAP
    os.close(reading)
    hint("nobody listens any more")
    os.close(writing)
    assert claims.hint_of(b"first\n\x1b[31mred\xff\n") == "[31mred�"
    assert claims.hint_of(b"") == ""
