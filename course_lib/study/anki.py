"""The cards as a deck for Anki, for whoever reviews there: one subdeck for each lesson.

Decks, the kind of note and each note have fixed numbers, so a second import renews the cards and doubles none.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from course_lib.errors import ProgressError
from course_lib.study.deck import back_of
from course_lib.study.questions import Question

DECK = "Velvet Rope"
MODEL = "velvet-rope-course card"
TEMPLATES = [{"name": "Card", "qfmt": "{{Front}}", "afmt": '{{FrontSide}}<hr id="answer">{{Back}}'}]


def export(path: Path, questions: Sequence[Question]) -> int:
    """Write the questions as an Anki package to `path`; return how many. Raise `ProgressError` when it cannot be."""
    if path.suffix.lower() != ".apkg":
        raise ProgressError(f"expected a file name that ends in .apkg, got {path.name}")
    genanki = _genanki()
    model = genanki.Model(_number(MODEL), MODEL, fields=[{"name": "Front"}, {"name": "Back"}], templates=TEMPLATES)
    decks: dict[str, Any] = {}  # Any: genanki ships no types
    for question in questions:
        name = f"{DECK}::{question.lesson}"
        deck = decks.setdefault(name, genanki.Deck(_number(name), name))
        fields = [_as_html(question.prompt), _as_html(back_of(question))]
        note = genanki.Note(model, fields, guid=genanki.guid_for(question.id), tags=[f"lesson-{question.lesson[:2]}"])
        deck.add_note(note)
    try:
        genanki.Package(list(decks.values())).write_to_file(str(path))
    except OSError as error:
        raise ProgressError(f"{path} cannot be written ({error}); choose another folder") from error
    return len(questions)


def _genanki() -> Any:  # Any: genanki ships no types
    try:
        import genanki  # an extra: most people review in the course itself
    except ImportError:
        raise ProgressError(
            'expected the package genanki for an Anki deck, found none; install it with: pip install -e ".[anki]"'
        ) from None
    return genanki


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") >> 1 | 1 << 30  # Anki: a positive int


def _as_html(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
