"""The page: one sheet of A4 that a person reads, drawn from the document, with the document attached.

The same document gives the same bytes, with the same versions of the PDF library and of the font.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.certificate import words
from course_lib.certificate.document import Certificate
from course_lib.certificate.extra import require
from course_lib.errors import CourseError

if TYPE_CHECKING:
    from fpdf import FPDF
    from fpdf.fonts import TTFFont

FONT = "DejaVu"
INK, QUIET, WINE, GOLD = (34, 30, 32), (96, 88, 90), (122, 24, 52), (178, 138, 58)
LEFT, WIDTH, GAP = 22.0, 166.0, 8.0  # millimetres: where the words begin, how far they go, between two columns
BOTTOM = 279.0
NAME_SIZES = range(30, 13, -2)  # points; a name that is too long at the last is broken into lines
LIST_SIZES = [size / 4 for size in range(34, 17, -1)]  # points: below 4.25 nobody can read it
SMALL = 6.5
LEADING = 0.46  # millimetres of a line for each point of its letters
ATTACHED = "certificate.json"


@dataclass(frozen=True)
class Block:
    """A lesson in the list: its title and its questions, each with what its check said (or why it was not judged)."""

    title: str
    lines: tuple[tuple[str, str], ...]
    quiet: bool = False


def page(certificate: Certificate) -> bytes:
    """Return the page as a PDF that is not sealed yet.

    Raises `CourseError` when fpdf2 is missing, the font has no sign for a letter of the name, or nothing would fit.
    """
    require("fpdf")
    with _paper(certificate) as pdf:
        _frame(pdf)
        _heading(pdf, certificate)
        top = pdf.get_y() + 5
        footer = _Footer(certificate)
        _list(pdf, certificate, top, BOTTOM - footer.height(pdf) - 4)
        footer.draw(pdf)
        pdf.embed_file(bytes=certificate.as_bytes(), basename=ATTACHED, desc="what this page says, for programs")
        return bytes(pdf.output())


@contextmanager
def _paper(certificate: Certificate) -> Iterator[FPDF]:
    from fpdf import FPDF

    pdf = FPDF(unit="mm", format="A4")
    pdf.set_creation_date(datetime.fromisoformat(certificate.date).replace(tzinfo=UTC))
    pdf.set_title("Velvet Rope: certificate")
    pdf.set_lang("en")
    pdf.set_auto_page_break(False)
    pdf.set_margins(LEFT, 20, LEFT)
    pdf.c_margin = 0
    pdf.add_page()
    with _fonts(pdf) as bold:
        strange = dict.fromkeys(letter for letter in certificate.name if ord(letter) not in bold.cmap)
        if strange:
            said = "".join(strange)
            raise CourseError(f"the font of the page has no sign for {said} in the name; write it in other letters")
        yield pdf


@contextmanager
def _fonts(pdf: FPDF) -> Iterator[TTFFont]:
    """Add the fonts, yield the bold one, and close their files: fpdf2 leaves them open."""
    import matplotlib
    from fpdf.fonts import TTFFont

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    try:
        pdf.add_font(FONT, "", folder / "DejaVuSans.ttf")
        pdf.add_font(FONT, "B", folder / "DejaVuSans-Bold.ttf")
        *_, bold = (font for font in pdf.fonts.values() if isinstance(font, TTFFont))
        yield bold
    finally:
        for font in pdf.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()


def _frame(pdf: FPDF) -> None:
    pdf.set_draw_color(*WINE)
    pdf.set_line_width(0.9)
    pdf.rect(9, 9, 192, 279)
    pdf.set_draw_color(*GOLD)
    pdf.set_line_width(0.25)
    pdf.rect(10.6, 10.6, 188.8, 275.8)


def _rope(pdf: FPDF, top: float) -> None:
    """Draw two posts and the rope between them."""
    for middle in (70.0, 140.0):
        pdf.set_fill_color(*GOLD)
        pdf.rect(middle - 0.5, top + 1, 1, 11, style="F")
        pdf.ellipse(middle - 1.4, top - 1.2, 2.8, 2.8, style="F")
        pdf.rect(middle - 3.2, top + 12, 6.4, 1, style="F")
    pdf.set_draw_color(*WINE)
    pdf.set_line_width(1.5)
    steps = [step / 24 for step in range(25)]
    pdf.polyline([(70.9 + 68.2 * at, top + 2 + 30 * at * (1 - at)) for at in steps])


def _heading(pdf: FPDF, certificate: Certificate) -> None:
    _rope(pdf, 18)
    pdf.set_y(35)
    _line(pdf, "VELVET ROPE", 9, GOLD, style="B")
    _line(pdf, "Certificate", 26, WINE, style="B")
    pdf.set_y(pdf.get_y() + 4)
    _line(pdf, certificate.name, _fitting(pdf, certificate.name), INK, style="B")
    pdf.set_y(pdf.get_y() + 2)
    _line(pdf, words.claim(certificate), 9.5, INK)


def _fitting(pdf: FPDF, name: str) -> int:
    for size in NAME_SIZES:
        pdf.set_font(FONT, "B", size)
        if pdf.get_string_width(name) <= WIDTH:
            break
    return size


def _line(pdf: FPDF, text: str, size: float, colour: tuple[int, int, int], style: str = "") -> None:
    pdf.set_font(FONT, style, size)
    pdf.set_text_color(*colour)
    pdf.set_x(LEFT)
    pdf.multi_cell(WIDTH, size * LEADING, text, align="C", new_x="LMARGIN", new_y="NEXT")


def blocks(certificate: Certificate, *, brief: bool) -> list[Block]:
    """Return the list of the page, lesson by lesson; `brief` names the questions without what was said."""
    made = []
    for stem, title in certificate.lessons.items():
        found = [(each.question, each.text) for each in certificate.proved if each.exercise == stem]
        if found:
            made.append(Block(f"{stem[:2]} {title}", _brief(found) if brief else tuple(found)))
    left = [(f"{each.exercise[:2]} {each.question}", each.reason) for each in certificate.unproved]
    if left:
        made.append(Block("Not proved here, and not counted", tuple(left), quiet=True))
    return made


def _brief(found: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return ((", ".join(name for name, _ in found), ""),)


def _list(pdf: FPDF, certificate: Certificate, top: float, bottom: float) -> None:
    """Draw the list in two columns, in the largest letters that fit; where none do, without what was said."""
    column = (WIDTH - GAP) / 2
    for brief in (False, True):
        made = blocks(certificate, brief=brief)

        def heights(size: float, made: list[Block] = made) -> list[float]:
            return [_block(pdf, block, (LEFT, top), column, size, draw=False) for block in made]

        fitting = bisect_left(LIST_SIZES, True, key=lambda size: _longer(heights(size)) <= bottom - top)
        if fitting < len(LIST_SIZES):
            size = LIST_SIZES[fitting]
            at = _break(heights(size))
            for x, part in ((LEFT, made[:at]), (LEFT + column + GAP, made[at:])):
                y = top
                for block in part:
                    y += _block(pdf, block, (x, y), column, size, draw=True)
            return
    raise CourseError(f"{len(certificate.proved)} questions do not fit on one page; shorten the name, or report it")


def _longer(heights: list[float]) -> float:
    at = _break(heights)
    return max(sum(heights[:at]), sum(heights[at:]))


def _break(heights: list[float]) -> int:
    """Return how many blocks stand in the first of two columns, so that the longer one is as short as can be."""
    return min(range(len(heights) + 1), key=lambda at: (max(sum(heights[:at]), sum(heights[at:])), -at))


def _block(pdf: FPDF, block: Block, place: tuple[float, float], width: float, size: float, *, draw: bool) -> float:
    x, y = place
    below = y
    for text, style, colour, indent in _pieces(block):
        pdf.set_font(FONT, style, size)
        pdf.set_text_color(*colour)
        pdf.set_xy(x + indent, below)
        height = pdf.multi_cell(width - indent, size * LEADING, text, align="L", dry_run=not draw, output="HEIGHT")
        assert isinstance(height, float)
        below += height
    return below - y + size * LEADING * 0.6


def _pieces(block: Block) -> Iterator[tuple[str, str, tuple[int, int, int], float]]:
    yield block.title, "B", QUIET if block.quiet else WINE, 0
    for name, said in block.lines:
        yield f"{name}: {said}" if said else name, "", INK, 2


class _Footer:
    """What stands below the list, measured before the list is drawn."""

    def __init__(self, certificate: Certificate) -> None:
        self._texts = [
            (words.kind(certificate), "B", INK),
            (words.isolation(certificate), "", QUIET),
            (words.versions(certificate), "", QUIET),
            (f"SHA-256 of the attached {ATTACHED}: {certificate.digest}", "", QUIET),
        ]

    def height(self, pdf: FPDF) -> float:
        return self._put(pdf, 0, draw=False)

    def draw(self, pdf: FPDF) -> None:
        top = BOTTOM - self.height(pdf)
        pdf.set_draw_color(*GOLD)
        pdf.set_line_width(0.25)
        pdf.line(LEFT, top - 1.5, LEFT + WIDTH, top - 1.5)
        self._put(pdf, top, draw=True)

    def _put(self, pdf: FPDF, top: float, *, draw: bool) -> float:
        y = top
        for text, style, colour in self._texts:
            pdf.set_font(FONT, style, SMALL)
            pdf.set_text_color(*colour)
            pdf.set_xy(LEFT, y)
            height = pdf.multi_cell(WIDTH, SMALL * LEADING, text, align="L", dry_run=not draw, output="HEIGHT")
            assert isinstance(height, float)
            y += height + 0.8
        return y - top
