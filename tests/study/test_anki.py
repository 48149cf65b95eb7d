"""The Anki deck holds every card once, under names that never change."""

from __future__ import annotations

import json
import sqlite3
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from course_lib.errors import ProgressError
from course_lib.study import anki
from course_lib.study.deck import cards_of

CARDS = [*cards_of("00_doors_open"), *cards_of("07_pools")]


def notes(path: Path, folder: Path) -> dict[str, tuple[int, str, str]]:
    """Return guid -> (kind of note, fields, tags) of a package."""
    with zipfile.ZipFile(path) as package:
        package.extract("collection.anki2", folder)
    with closing(sqlite3.connect(folder / "collection.anki2")) as collection:
        found = collection.execute("SELECT guid, mid, flds, tags FROM notes").fetchall()
        assert len(found) == len({row[0] for row in found})
        assert collection.execute("SELECT count(*) FROM cards").fetchone() == (len(found),)
        return {guid: (mid, fields, tags.strip()) for guid, mid, fields, tags in found}


def decks(folder: Path) -> dict[str, str]:
    with closing(sqlite3.connect(folder / "collection.anki2")) as collection:
        (text,) = collection.execute("SELECT decks FROM col").fetchone()
    return {name: deck["name"] for name, deck in json.loads(text).items()}


def test_every_card_is_in_the_deck_of_its_lesson(tmp_path: Path) -> None:
    assert anki.export(tmp_path / "mine.apkg", CARDS) == len(CARDS)
    found = notes(tmp_path / "mine.apkg", tmp_path)
    assert len(found) == len(CARDS)
    fields = {fields: tags for _, fields, tags in found.values()}
    front = "Why does <code>asyncio.run</code> fail in Jupyter?\x1fThe kernel's loop is already running in this thread."
    assert fields[front] == "lesson-00"
    assert set(decks(tmp_path).values()) == {"Default", "Velvet Rope::00_doors_open", "Velvet Rope::07_pools"}


def test_a_second_export_has_the_same_names_so_nothing_is_doubled(tmp_path: Path) -> None:
    seen = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        anki.export(tmp_path / f"{name}.apkg", CARDS)
        seen.append((notes(tmp_path / f"{name}.apkg", tmp_path / name), decks(tmp_path / name)))
    assert seen[0] == seen[1]


def test_a_corrected_wording_keeps_its_name(tmp_path: Path) -> None:
    from dataclasses import replace

    anki.export(tmp_path / "first.apkg", CARDS[:1])
    anki.export(tmp_path / "second.apkg", [replace(CARDS[0], answer="Because a < b & c.")])
    first, second = (notes(tmp_path / f"{name}.apkg", tmp_path) for name in ("first", "second"))
    assert list(first) == list(second)
    assert next(iter(second.values()))[1].endswith("\x1fBecause a &lt; b &amp; c.")


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProgressError) as caught:
        anki.export(tmp_path / "mine.zip", CARDS)
    assert str(caught.value) == "expected a file name that ends in .apkg, got mine.zip"


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProgressError, match=r"mine\.apkg cannot be written \(.*\); choose another folder$"):
        anki.export(tmp_path / "gone" / "mine.apkg", CARDS)


def test_without_genanki_it_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genanki", None)
    with pytest.raises(ProgressError) as caught:
        anki.export(tmp_path / "mine.apkg", CARDS)
    assert str(caught.value) == (
        'expected the package genanki for an Anki deck, found none; install it with: pip install -e ".[anki]"'
    )
