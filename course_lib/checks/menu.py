"""More drinks on the menu of a fresh SQLite file, so that how many there are is no number to know by heart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing

TAKINGS = "SELECT count(*), sum(price_cents) FROM items"


def serve(path: str | None, drinks: Iterable[tuple[str, int]]) -> tuple[int, int]:
    """Add `drinks`, each a name and a price in cents, to the menu in the file at `path`.

    Returns how many drinks there are then, and what they cost together. `path` is the `database` of an engine's URL;
    the connection is our own, for those of an engine are counted.
    """
    if path is None:
        raise ValueError("expected a file, got an engine on no file")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO items (name, price_cents) VALUES (?, ?)", drinks)
        items, total_cents = connection.execute(TAKINGS).fetchone()
        return items, total_cents
