"""The mind map is the curriculum's, says in words what its colours say, and is drawn by JupyterLab."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from course_lib.errors import CourseError
from course_lib.study.mindmap import LOOKS, MindMap, leaves
from course_lib.study.progress import record
from course_lib.study.questions import load, stems

from .study_clock import Now

BRANCHES = ["Waiting", "Asking", "Borrowing", "Promising", "Failing", "Proving", "Changing", "Guarding"]


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`, as WCAG 2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_map_has_eight_branches_and_each_question_exists() -> None:
    assert list(dict.fromkeys(leaf.branch for leaf in leaves())) == BRANCHES
    assert len({leaf.name for leaf in leaves()}) == len(leaves()) == 42
    for leaf in leaves():
        stem = next((stem for stem in stems() if int(stem[:2]) == leaf.lesson), None)
        ids = [question.id for question in load(stem) if question.kind != "predict"] if stem else []
        assert set(leaf.questions) <= set(ids)
        assert bool(leaf.questions) == (stem is not None), f"{leaf.name}: which questions of lesson {leaf.lesson}?"


def test_a_map_without_progress_says_so_and_is_the_same_for_everybody() -> None:
    lines = repr(MindMap()).splitlines()
    assert lines[:3] == [
        "Mind map of Velvet Rope: 42 words; 0 known, 0 growing, 0 met, 42 not yet",
        "Waiting",
        "  event loop 01: not yet",
    ]
    assert len(lines) == 1 + 8 + 42


def test_answers_colour_their_leaves_and_a_met_lesson_its_own() -> None:
    record("opened", "lesson:01_event_loop")
    record("answered", "01-quiz-blocking-peak", {"right": True, "lesson": "01_event_loop"})
    record("reviewed", "01-card-loop-lag", {"grade": "good", "lesson": "01_event_loop"})
    mine = MindMap(Now().journal())
    said = dict(line.strip().rsplit(": ", 1) for line in repr(mine).splitlines() if ": " in line)
    assert said["event loop 01"] == "met"
    assert said["blocking 01"] == "growing (1 of 3)"
    assert said["loop lag 01"] == "known (1 of 1)"
    assert said["pool 07"] == "not yet"
    assert mine.summary().endswith("42 words; 1 known, 1 growing, 1 met, 39 not yet")
    drawn = mine.mermaid()
    assert '{{"loop lag 01: known"}}\n      :::known\n' in drawn
    assert '("blocking 01: growing")\n      :::growing\n' in drawn
    assert '["event loop 01: met"]\n      :::met\n' in drawn
    assert '["pool 07"]\n      :::later\n' in drawn


def test_every_leaf_is_drawn_once_with_its_word_and_nothing_mermaid_cannot_read() -> None:
    lines = MindMap().mermaid().splitlines()
    assert lines[1:3] == ["mindmap", "  root((Velvet Rope))"]
    assert [line.strip() for line in lines if re.fullmatch(r"    \w+", line)] == BRANCHES
    assert len([line for line in lines if line.startswith("      leaf")]) == 42
    assert not any("accTitle" in line for line in lines), "a mind map with accTitle is a syntax error in mermaid 11"


def test_a_notebook_gets_the_picture_and_the_outline_beside_it() -> None:
    bundle = MindMap()._repr_mimebundle_()
    assert bundle["text/plain"] == repr(MindMap())
    assert bundle["text/markdown"].startswith("```mermaid\n%%{init:")
    assert "\n```\n\nMind map of Velvet Rope: 42 words" in bundle["text/markdown"]
    assert "\n- **Borrowing**\n  - engine (03): not yet\n" in bundle["text/markdown"]


def test_words_can_be_read_on_their_colours_and_no_look_is_colour_alone() -> None:
    for _, _, fill, ink, _ in LOOKS.values():
        light, dark = sorted((luminance(fill), luminance(ink)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5
    assert len({(shape, border) for shape, _, _, _, border in LOOKS.values()}) == len(LOOKS)


@pytest.mark.parametrize("text", ["no toml [", "", "[[branch]]\nname = 'x'\nleaves = [{ name = 'y' }]"])
def test_a_broken_map_is_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mindmap.toml"
    path.write_text(text)
    with pytest.raises(CourseError, match=r"^the mind map mindmap.toml cannot be read \(.*\); restore the file$"):
        leaves(path)
