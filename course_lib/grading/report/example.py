"""One learner's answer as an example for all: without comments, and without the learner's name.

People sign their comments; what is left is the code that the class should talk about.
"""

from __future__ import annotations

import builtins
import io
import keyword
import re
import tokenize

MASK = "…"
SHORTEST_NAME = 3  # letters: shorter ones are in every word
LONGEST = 4000  # characters of an example


def anonymous(answer: str, learner: str) -> str:
    """Return `answer` without its comments, and with every part of the learner's name masked."""
    words = [word for word in re.split(r"[\W_\d]+", learner) if len(word) >= SHORTEST_NAME]
    text = _without_comments(answer)
    for word in dict.fromkeys([*words, learner.strip()]):
        if word and not (keyword.iskeyword(word) or hasattr(builtins, word)):
            text = re.sub(rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])", MASK, text, flags=re.IGNORECASE)
    lines = [line.rstrip() for line in text.splitlines()]
    shown = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}{MASK}"


def _without_comments(text: str) -> str:
    lines = text.splitlines(keepends=True)
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                before = lines[row - 1][:column].rstrip()
                lines[row - 1] = f"{before}\n" if before else ""
    except (tokenize.TokenError, SyntaxError, ValueError, IndexError):
        lines = [line for line in lines if not line.lstrip().startswith("#")]  # it does not parse
    return "".join(lines)
