"""The field guide as one Markdown page, for readers without Jupyter and for search engines.

It is derived from the entries, so that what `explain` says and what the page says cannot differ.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from course_lib.field_guide import Entry, derived
from course_lib.field_guide.entry import BEFORE_THE_WORDS, FOLDER, names, written
from course_lib.locations import course_root

NAME = "docs/field_guide.md"
BACKENDS = {
    "S": "SQLite",
    "P": "PostgreSQL",
    "M": "MariaDB",
    "B": "PgBouncer",
    "any": "any database",
    "-": "no database",
}
HOW = {"test": "raised by a test", "seen": "seen by hand", "no": "from its source only"}
ROOM = 96  # so many letters of a message tell it from the others
HEAD = """\
<!-- written by `course guide` from course_lib/field_guide/entries/; edit those -->
# Field guide: what an error means, and what mends it

Search this page for a few words of your message (the last line of the traceback), or pick them from the first index.
Nothing found? Leave out numbers and names, and search for three words. Silent trouble, an answer that is wrong or slow
without an error, is in the list [what nobody raises](#what-nobody-raises).

Faster: paste the message or the whole traceback, as it is, between these two lines.

```sh
course explain <<'EOF'
...the paste...
EOF
```

`course explain "the message"` works too, but the shell reads `"`, `$` and backticks itself and changes the message.

**{entries} entries, {silent} of them silent.** Each says where it comes from, why, the fix, and how to see it yourself.
S is SQLite, P PostgreSQL, M MariaDB, B PgBouncer, - no database at all. A lesson is named even before it is written.
"""


def write(*, check: bool = False) -> list[str]:
    """Bring the page and the stored entries up to date and return the names of those that were stale."""
    found = written()
    files = {course_root() / NAME: page(found), derived.FILE: derived.text(FOLDER, found)}
    stale = [path for path, text in files.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(files[path], encoding="utf-8", newline="\n")
    return [_name(path) for path in stale]


def _name(path: Path) -> str:
    return NAME if path.name.endswith(".md") else path.name


def page(entries: tuple[Entry, ...]) -> str:
    """Return the whole page."""
    silent = [one for one in entries if one.is_silent]
    lines = [HEAD.format(entries=len(entries), silent=len(silent))]
    lines += ["## By the words of the message", "", *_by_words(entries), ""]
    lines += ["## What nobody raises", "", *(f"- {_link(one.slug)}: {_plain(_short(one.title))}" for one in silent), ""]
    lines += ["## By lesson", "", *_by_lesson(entries), ""]
    for lesson, members in _chapters(entries):
        lines += [f"## {lesson}", ""]
        for one in members:
            lines += [*_block(one), ""]
    return "\n".join(lines).rstrip() + "\n"


def _chapters(entries: tuple[Entry, ...]) -> Iterator[tuple[str, list[Entry]]]:
    """Yield each lesson with its entries; a variant stays with its entry, whatever lesson explains it."""
    chapters: dict[str, list[Entry]] = defaultdict(list)
    lesson = ""
    for one in entries:
        lesson = lesson if one.variant_of else one.lesson
        chapters[lesson].append(one)
    yield from chapters.items()


def _by_words(entries: tuple[Entry, ...]) -> list[str]:
    found = {
        (_stable(BEFORE_THE_WORDS.sub("", text), one.pattern), one.slug) for one in entries for text in one.examples
    }
    ordered = sorted(found, key=lambda row: (re.sub(r"\W", "", row[0]).lower(), row))
    return [f"- {_code(words)}: {_link(slug)}" for words, slug in ordered]


def _by_lesson(entries: tuple[Entry, ...]) -> Iterator[str]:
    for lesson, members in _chapters(entries):
        yield f"- [{lesson}](#{lesson}): {', '.join(_link(one.slug) for one in members)}"


def _block(one: Entry) -> Iterator[str]:
    places = [BACKENDS[letter] for letter in one.backends]
    on = "without a database" if one.backends == ("-",) else f"on {', '.join(places)}"
    said = f"A variant of {_link(one.variant_of)}, {on}" if one.variant_of else on[0].upper() + on[1:]
    yield f"### {one.slug}"
    yield ""
    yield f"{said}.{_also_called(one)}"
    if one.examples:
        yield from ("", "```text", *dict.fromkeys(example.rstrip() for example in one.examples), "```")
    rows = {"Raised": ", ".join(map(_code, one.raised)), "SQLSTATE": ", ".join(one.sqlstate)}
    rows |= {"What you see": _plain(one.symptom), "Why": _plain(one.cause), "Fix": _plain(one.fix)}
    rows |= {"How to show it": _plain(one.probe), "Provoke it": _plain(one.reproduce), "Read": _lessons(one)}
    rows |= {"Evidence": _evidence(one)}
    for label, words in rows.items():
        if words:
            yield from ("", f"**{label}.** {words}")


def _also_called(one: Entry) -> str:
    return f" Also called {', '.join(one.aliases)}." if one.aliases else ""


def _lessons(one: Entry) -> str:
    return _code(one.where) + "".join(f", {_code(lesson)}" for lesson in one.also)


def _evidence(one: Entry) -> str:
    """Return how we know, and from whom."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for letter, how in one.verified.items():
        kinds[HOW[how]].append(BACKENDS[letter])
    why_not = f"; no test: {_plain(one.not_tested)}" if one.not_tested else ""
    said = "; ".join(f"{how} ({', '.join(names)})" for how, names in kinds.items())
    return said + why_not + (f"; {_plain(one.source)}" if one.source else "")


def _link(slug: str) -> str:
    return f"[{slug}](#{slug})"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= ROOM else line[: ROOM - 3].rsplit(" ", 1)[0] + "..."


def _stable(text: str, pattern: str) -> str:
    """Return a message of at most ROOM letters that still shows the words by which it is recognised."""
    line = " ".join(text.split())
    match = re.search(pattern, line)
    if match is None or match.end() <= ROOM - 3:
        return _short(line)
    first = max(match.start(), match.end() - ROOM + 6)  # of a long match the last words
    return _short("..." + line[first:].partition(" ")[2] if first > match.start() else "..." + line[first:])


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


def _plain(text: str) -> str:
    """Return text for Markdown: code stays, an entry's name is a link, what it would read as marks is written out."""
    return "".join(map(_piece, re.split("(`[^`]*`)", text)))


def _piece(text: str) -> str:
    if text[:1] != "`":
        return re.sub(r"([<*\[\]])", r"\\\1", text)
    named = names().get(text[1:-1])
    return _link(named.slug) if named else text
