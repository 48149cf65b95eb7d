"""`servers`: which database servers there are, as a table; it looks and starts nothing.

A learner asks it before a lesson that needs one, and after a cell that was skipped.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from course_lib.databases import binaries, lease, unroot
from course_lib.errors import ServerError

OWN_POOLER = "the course's own small pooler"
HEAD = ("server", "state", "version", "source", "TLS", "users")


@dataclass(frozen=True)
class Row:
    """One server: what it is, its state, and how many processes use it now."""

    kind: str
    state: str  # running, stopped, not here, or "from COURSE_PG_URL"
    version: str = ""
    source: str = ""
    tls: str = ""
    users: str = ""
    port: str = field(default="", repr=False)  # these two are for `course servers`: they differ from day to day
    pid: str = field(default="", repr=False)

    @property
    def title(self) -> str:
        """The server's name as people write it."""
        return binaries.PRODUCTS[self.kind.partition("-")[0]].title

    def cells(self) -> tuple[str, ...]:
        """Return what the table shows, `-` where nothing is known."""
        shown = (self.title, self.state, self.version, self.source, self.tls, self.users)
        return tuple(text or "-" for text in shown)


@dataclass(frozen=True, repr=False)
class Servers:
    """The rows; plain text in a terminal, a table in a notebook, the same words in both."""

    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __repr__(self) -> str:
        return aligned([HEAD, *(row.cells() for row in self.rows)])

    def _repr_html_(self) -> str:
        lines = [_line("th", HEAD), *(_line("td", row.cells()) for row in self.rows)]
        # no colours of our own: the page's text colour is readable on the page, dark or light
        return f'<table style="border-collapse: collapse">{"".join(lines)}</table>'


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of words as text in columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(f"{word:<{width}}" for word, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)


def _line(tag: str, words: Sequence[str]) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    style = "text-align: left; padding: 2px 12px 2px 0; border-bottom: 1px solid currentColor"
    cells = (f'<{tag}{scope} style="{style}">{html.escape(word)}</{tag}>' for word in words)
    return f"<tr>{''.join(cells)}</tr>"


def servers() -> Servers:
    """Look for PostgreSQL, PgBouncer and MariaDB: which runs, which is stopped, which is not here."""
    running = [row_of(found) for found in _running()]
    resting = [_resting(kind) for kind in binaries.KINDS if not any(row.kind == kind for row in running)]
    order = list(binaries.KINDS)
    return Servers(tuple(sorted(running + resting, key=lambda row: order.index(row.kind.partition("-")[0]))))


def _running() -> list[dict[str, str]]:
    """Ask the supervisor that runs, with a lease of our own: a look must not keep the servers up."""
    own = lease.visit()
    if own is None:
        return []
    try:
        return own.status()
    except ServerError:  # it ended between the two lines
        return []
    finally:
        own.close()


def row_of(found: dict[str, str]) -> Row:
    """Return the row of a running server, from what the supervisor says of it."""
    kind = found["kind"]
    facts = {name: found.get(name, "") for name in ("tls", "users", "port", "pid")}
    version = found.get("version", "").partition("-")[0]  # MariaDB adds its own name
    return Row(kind, _state(kind, "running"), version, _source(found.get("source", "")), **facts)


def _resting(kind: str) -> Row:
    if binaries.external(kind):
        return Row(kind, _state(kind, "stopped"))
    try:
        unroot.choose()
        found = binaries.find(kind)
    except ServerError:
        stands_in = kind == "pgbouncer" and _resting("postgres").state != "not here"
        return Row(kind, "stopped", source=OWN_POOLER) if stands_in else Row(kind, "not here")
    return Row(kind, "stopped", found.release, _source(found.source))


def _state(kind: str, otherwise: str) -> str:
    product = kind.partition("-")[0]
    return f"from {binaries.PRODUCTS[product].url_variable}" if binaries.external(product) else otherwise


def _source(source: str) -> str:
    """A folder differs from machine to machine; `course doctor` shows it."""
    return "a folder of this system" if PurePath(source).is_absolute() else source
