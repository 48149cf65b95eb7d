"""Say what an error means: from its message, from a pasted traceback, or as a list of all."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from course_lib.errors import CourseError
from course_lib.field_guide import Entry, Explanation, entries, explain

HOW = """\
The safest way: paste the message or the whole traceback between two lines, as it is.

  course explain <<'EOF'
  ...the paste...
  EOF

In an argument between double quotes the shell reads ", $ and ` itself, and changes the message.
"""
PAGE = "docs/field_guide.md"
WIDTH = 100  # a list is read in a terminal beside the traceback


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course explain`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = HOW
    parser.add_argument("message", nargs="*", metavar="MESSAGE", help="the message; without one, a traceback is read")
    parser.add_argument("--list", action="store_true", help="print every entry: its name, its lesson, its first words")
    parser.add_argument("--json", action="store_true", help="print the same as JSON, for other programs")


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation or the list; 0 when the guide knows the error, 1 when it does not."""
    if arguments.list:
        print(_json([_row(one) for one in entries()]) if arguments.json else _table(entries()))
        return 0
    found = explain(" ".join(arguments.message) or _pasted())
    print(_json(asdict(found)) if arguments.json else _with_page(found))
    return int(not _is_known(found))


def _pasted() -> bytes:
    text = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()
    if not text.strip():
        raise CourseError('nothing to explain; type course explain "the message", or send it a traceback with |')
    return text


def _with_page(found: Explanation) -> str:
    """Return the answer and where the page says more, under each of a group's errors."""
    if found.parts:
        head = str(found).partition("\n\n")[0]
        return "\n\n".join([head, *map(_with_page, found.parts)])
    return str(found) + (f"\npage    {PAGE}#{found.slug}" if found.slug else "")


def _is_known(found: Explanation) -> bool:
    return any(part.slug for part in found.parts) or found.slug is not None


def _row(one: Entry) -> dict[str, str | bool | None]:
    return {
        "slug": one.slug, "lesson": one.lesson, "title": one.title,
        "silent": one.is_silent, "variant_of": one.variant_of,
    }  # fmt: skip


def _table(shown: tuple[Entry, ...]) -> str:
    widest = max(len(one.slug) for one in shown)
    room = WIDTH - widest - 6
    return "\n".join(f"{one.slug:{widest}}  {one.lesson[:2]}  {_first_words(_words(one), room)}" for one in shown)


def _words(one: Entry) -> str:
    return f"no error: {one.title}" if one.is_silent else one.title


def _first_words(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 3].rsplit(" ", 1)[0] + "..."


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
