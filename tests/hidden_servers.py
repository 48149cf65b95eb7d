"""A machine without a database server, for tests: the course looks everywhere, and nothing there has the right name.

It works in this process, and in the processes a test starts: kernels and `course`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from course_lib.databases import binaries, needs

KINDS = ("postgres", "pgbouncer", "mariadb")
CHOSEN = tuple(
    name for product in binaries.PRODUCTS.values() for name in (product.folder_variable, product.url_variable)
)
STARTUP = """
from dataclasses import replace

from course_lib.databases import binaries

for kind in {kinds}:
    product = binaries.PRODUCTS[kind]
    binaries.PRODUCTS[kind] = replace(product, programs=("no-such-program", *product.programs[1:]))
"""  # Python runs it when it starts


def hide(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> None:
    """Let this process find no server of `kinds` (of any kind, when none is named)."""
    for name in CHOSEN:
        monkeypatch.delenv(name, raising=False)
    for kind in kinds or KINDS:
        product = binaries.PRODUCTS[kind]
        hidden = replace(product, programs=("no-such-program", *product.programs[1:]))
        monkeypatch.setitem(binaries.PRODUCTS, kind, hidden)
    binaries.find.cache_clear()
    needs._way.cache_clear()


def environment(folder: Path, *kinds: str) -> dict[str, str]:
    """Return the environment of a process, and of its children, that finds no server of `kinds`."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(STARTUP.format(kinds=kinds or KINDS))
    kept = {name: value for name, value in os.environ.items() if name not in CHOSEN}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, [str(folder), kept.get("PYTHONPATH")]))}
