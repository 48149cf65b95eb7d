"""Text from a stranger, made fit for a terminal, a table and a file name: what does not print is written out.

A name or a message may hold terminal escapes, turned writing directions and halves of characters.
"""

from __future__ import annotations

import unicodedata

LONGEST_NAME = 200


def printable(text: str, keep: str = "\n") -> str:
    r"""Return `text` with every character that does not print written out (`\x1b`), but for those in `keep`."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in keep else letter.encode("unicode_escape").decode()
        for letter in text
    )


def name(text: str) -> str:
    """Return a name as it is shown and compared: printable, composed (macOS stores "u" and two dots), not too long."""
    shown = printable(unicodedata.normalize("NFC", text), keep="")
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 3]}..."
