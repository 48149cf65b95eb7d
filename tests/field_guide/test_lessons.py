"""The lessons end what they break in the guide: each section that raises something names the entry."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from course_lib import notebook_file
from course_lib.field_guide.entry import names
from course_lib.locations import course_root

LESSONS = tuple(notebook_file.stems())
# sections that name none, and why
ELSEWHERE = {
    ("00_doors_open", "1"): "its error is kept, and section 4 explains it",
    ("00_doors_open", "3"): "an error of the course itself, whose message is its own explanation",
}
NAMED = re.compile(
    r"""explain\(["']([a-z]+(?:-[a-z0-9]+)+)["']\)"""  # explain("pool-timeout")
    r"""|^entry   ([a-z]+(?:-[a-z0-9]+)*)(?=,|$)"""  # what explain() printed
    r"""|`([a-z]+(?:-[a-z0-9]+)+)` in the guide|guide calls it `([a-z]+(?:-[a-z0-9]+)+)`""",
    re.MULTILINE,
)


def text_of(cell: notebook_file.Cell) -> str:
    """Return a cell's source and what it printed or showed."""
    shown = [output.get("text", output.get("data", {}).get("text/plain", "")) for output in cell.get("outputs", [])]
    return "\n".join([notebook_file.source(cell), *("".join(lines) for lines in shown)])


def sections(stem: str) -> Iterator[tuple[str, str]]:
    """Yield the number and the whole text of each numbered section of a lesson."""
    number, texts = "", [""]
    for cell in notebook_file.read_notebook(course_root() / "notebooks" / f"{stem}.ipynb")["cells"]:
        heading = re.match(r"## (\d*)", notebook_file.source(cell))
        if heading:
            yield number, "\n".join(texts)
            number, texts = heading[1], []
        texts.append(text_of(cell))


@pytest.mark.parametrize("stem", LESSONS)
def test_section_that_raises_names_an_entry(stem: str) -> None:
    known = re.compile(rf"(?<![\w-])(?:{'|'.join(names())})(?![\w-])")
    silent = [
        number
        for number, text in sections(stem)
        if number and "with expect(" in text and not known.search(text) and (stem, number) not in ELSEWHERE
    ]
    assert silent == []


@pytest.mark.parametrize("stem", notebook_file.stems())
def test_every_entry_a_lesson_names_exists(stem: str) -> None:
    for _, text in sections(stem):
        for groups in NAMED.findall(text):
            assert "".join(groups) in {*names(), "not"}  # "not in the field guide yet"


def test_lessons_name_entries_at_all() -> None:
    text = "".join(text for stem in LESSONS for _, text in sections(stem))
    assert {"asyncio-run-in-loop", "lifespan-not-run", "empty-body"} <= {
        "".join(found) for found in NAMED.findall(text)
    }
