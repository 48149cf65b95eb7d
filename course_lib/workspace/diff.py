"""What a `%%app` cell changed, as text that is the same on every machine and as a coloured view for a notebook.

The text is what a test compares and a screen reader reads; the colours repeat what the signs already say.
"""

from __future__ import annotations

import difflib
import html
from dataclasses import dataclass

_COLOURS = {"+": "var(--jp-success-color1, #1b6e2f)", "-": "var(--jp-error-color1, #a51d2d)"}


def _lines(number: int) -> str:
    return "1 line" if number == 1 else f"{number} lines"


@dataclass(frozen=True)
class FileChange:
    """One written file: its name, its text before (None when new) and after."""

    name: str
    before: str | None
    after: str

    def lines(self) -> list[str]:
        """Return the lines of the unified diff without its header; empty for a new or unchanged file."""
        if self.before is None or self.before == self.after:
            return []
        diff = difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=1)
        return [line for line in list(diff)[2:] if not line.startswith("@@")]

    def summary(self) -> str:
        """Return one line: written, unchanged, or changed and by how much."""
        if self.before is None:
            return f"{self.name} written, {_lines(len(self.after.splitlines()))}"
        if self.before == self.after:
            return f"{self.name} unchanged"
        changed = self.lines()
        plus, minus = (sum(line.startswith(sign) for line in changed) for sign in "+-")
        return f"{self.name} changed, {_lines(plus)} in, {minus} out"

    def __repr__(self) -> str:
        return "\n".join([self.summary(), *(f"  {line}" for line in self.lines())])

    def _repr_html_(self) -> str:
        rows = "".join(self._row(line) for line in self.lines())
        body = f"<pre style='margin: 4px 0 0 1em'>{rows}</pre>" if rows else ""
        return f"<div><code>{html.escape(self.summary())}</code>{body}</div>"

    @staticmethod
    def _row(line: str) -> str:
        colour = _COLOURS.get(line[:1])
        text = html.escape(line)
        return f"<span style='color: {colour}'>{text}</span>\n" if colour else f"{text}\n"
