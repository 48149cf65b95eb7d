"""The extra `cert`: what is not installed is one sentence with the command that adds it."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path

import pytest

from course_lib.certificate import extra
from course_lib.errors import CourseError


@pytest.mark.parametrize(
    ("absent", "said"),
    [
        (["fpdf"], 'fpdf2 is not installed, and a certificate needs it; type: pip install -e ".[cert]"'),
        (
            ["cryptography", "fpdf"],
            'cryptography and fpdf2 are not installed, and a certificate needs them; type: pip install -e ".[cert]"',
        ),
    ],
)
def test_absent_library_is_one_sentence(absent: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in absent else there(name))
    with pytest.raises(CourseError) as raised:
        extra.require("cryptography", "fpdf")
    assert str(raised.value) == said


def test_what_is_there_is_no_word() -> None:
    extra.require("cryptography", "fpdf")


def test_extra_brings_what_is_asked_for() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]
    lines = project["optional-dependencies"]["cert"]
    assert sorted(line.partition(">")[0] for line in lines) == sorted(extra.PACKAGES.values())
