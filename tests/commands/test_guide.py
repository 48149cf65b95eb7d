"""`course guide`: writes the page when it is stale, names it with `--check`, and says nothing when all is well."""

from __future__ import annotations

from pathlib import Path

import pytest

from course_lib.authoring import guide_page
from course_lib.cli import main
from course_lib.field_guide import derived


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the page of an empty course will be."""
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    monkeypatch.setattr(derived, "FILE", tmp_path / "entries.json")
    return tmp_path / guide_page.NAME


def test_check_names_what_is_stale_and_writes_nothing(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guide", "--check"]) == 1
    assert capsys.readouterr().out == (
        "docs/field_guide.md: stale; run course guide\nentries.json: stale; run course guide\n"
    )
    assert not page.exists()


def test_page_is_written_once(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guide"]) == 0
    assert capsys.readouterr().out == "docs/field_guide.md: written\nentries.json: written\n"
    assert main(["guide"]) == main(["guide", "--check"]) == 0
    assert capsys.readouterr().out == ""
    assert page.read_text(encoding="utf-8").endswith("\n")
