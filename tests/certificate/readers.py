"""A certificate as a reader of PDF shows it: its words, its pages, the file attached to it, its picture."""

from __future__ import annotations

from contextlib import closing
from typing import Any  # Any: pypdfium2 and Pillow have no types for these

import pypdfium2


def words(data: bytes) -> str:
    """Return the words of all pages, with one blank between two."""
    with closing(pypdfium2.PdfDocument(data)) as pdf:
        pages = [pdf[number].get_textpage().get_text_bounded() for number in range(len(pdf))]
    return " ".join("\n".join(pages).split())


def pages(data: bytes) -> int:
    """Return how many pages there are."""
    with closing(pypdfium2.PdfDocument(data)) as pdf:
        return len(pdf)


def attached(data: bytes) -> dict[str, bytes]:
    """Return the attached files by name."""
    with closing(pypdfium2.PdfDocument(data)) as pdf:
        found = [pdf.get_attachment(number) for number in range(pdf.count_attachments())]
        return {each.get_name(): bytes(each.get_data()) for each in found}


def boxes(data: bytes) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Return the runs of words of the first page with their left, bottom, right and top in points."""
    with closing(pypdfium2.PdfDocument(data)) as pdf:
        text: Any = pdf[0].get_textpage()
        found = [text.get_rect(number) for number in range(text.count_rects())]
        return [(text.get_text_bounded(*box), box) for box in found]
