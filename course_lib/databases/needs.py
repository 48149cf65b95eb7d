"""Cells that need a server or a library (`# needs: postgres`), and the line that stands for them where it is missing.

Every notebook runs to its end on every machine, and a reader is told what was left out and what to do about it.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
from collections.abc import Iterable
from typing import Any  # Any: IPython ships no types

from course_lib.databases import allotment, binaries, unroot
from course_lib.errors import CourseError, ServerError
from course_lib.notebook_file import QUESTION

KINDS = {  # what the line may name -> what it is called in a sentence
    "postgres": "PostgreSQL",
    "pgbouncer": "PgBouncer",
    "pgbouncer-prepared": "PgBouncer 1.21 or newer",
    "mariadb": "MariaDB",
}
LIBRARIES = {"tortoise": "tortoise-orm", "databases": "databases"}  # module -> what it is called on a package index
MARIADB_DRIVER = "aiomysql"
INSTALL = 'pip install -e ".[landscape]"'  # the extra with all of them, so that two missing ones need one command
TRACKS_STATEMENTS = (1, 21)  # the first PgBouncer with max_prepared_statements
_LINE = re.compile(r"^#\s*needs:(.*)$")


def named(cell: str) -> tuple[str, ...]:
    """Return what a cell says it needs: in its first line, or in the line after `# question:`.

    Raises `CourseError` for a word that is no server and no library of the course.
    """
    lines = cell.lstrip().splitlines()[:2]
    if lines and QUESTION.match(lines[0]):
        del lines[0]
    found = _LINE.match(lines[0]) if lines else None
    if found is None:
        return ()
    kinds = tuple(word.strip() for word in found[1].split(","))
    words = (*KINDS, *LIBRARIES)
    for kind in kinds:
        if kind not in words:
            raise CourseError(f"a needs line expects {', '.join(words)}, got {kind!r}; mend the first line of the cell")
    return kinds


def missing(cell: str) -> str:
    """Return the line that stands for a cell whose server or library is not here, empty when it can run.

    Where nothing may be missing (`COURSE_REQUIRE_ALL=1`, nbgrader) that is a `ServerError`; no server is started.
    """
    return absent(named(cell))


def absent(kinds: Iterable[str]) -> str:
    """Return the line for servers and libraries that are not here; see `missing`."""
    causes: dict[str, str] = {}
    packages: list[str] = []
    for kind in dict.fromkeys(kinds):
        if kind not in LIBRARIES and (lacking := _lacking(kind)):
            causes.setdefault(*lacking)
        elif package := uninstalled(kind):
            packages.append(package)
    sentences = []
    if causes:
        sentences.append(f"no {' and no '.join(causes)} here; course doctor says how to install one")
    if packages:
        verb, pronoun = ("is", "it") if len(packages) == 1 else ("are", "them")
        sentences.append(f"{' and '.join(packages)} {verb} not installed; {INSTALL} adds {pronoun}")
    line = "; ".join(sentences)
    if line and is_required():
        raise ServerError(f"{line} ({'; '.join(dict.fromkeys(causes.values()))})" if causes else line)
    return f"skipped: {line}" if line else ""


def is_required() -> bool:
    """Say whether a missing part is an error: in CI, and in nbgrader, where a skipped check would earn points."""
    return os.environ.get("COURSE_REQUIRE_ALL") == "1" or "NBGRADER_EXECUTION" in os.environ


def _lacking(kind: str) -> tuple[str, str] | None:
    """Return what is missing for `kind` (its name, and why), None when it is here."""
    if allotment.given is not None:
        return None if allotment.given.get(kind) else (KINDS[kind], "this answer was handed none")
    if kind.startswith("pgbouncer"):
        return _lacking_for_pooler(kind)
    why = _unfound(kind)
    return (KINDS[kind], why) if why else None


def _lacking_for_pooler(kind: str) -> tuple[str, str] | None:
    """A pooler needs the PostgreSQL behind it; without PgBouncer the course's own small pooler takes its place."""
    if binaries.external("pgbouncer"):
        return None
    why = _unfound("pgbouncer")
    if kind == "pgbouncer-prepared" and (why := why or _untracked()):
        return KINDS[kind], why
    return _lacking("postgres")


def _unfound(kind: str) -> str:
    """Return why there is no server of `kind`; a broken explicit choice (`COURSE_PG_BIN`) is raised instead."""
    if binaries.external(kind):
        return ""
    try:
        binaries.find(kind)
    except ServerError as error:
        if os.environ.get(binaries.PRODUCTS[kind].folder_variable):
            raise
        return str(error)
    try:
        _way()
    except ServerError as error:
        return str(error)
    return ""


@functools.cache
def _way() -> unroot.Unroot:
    return unroot.choose()  # runs a program when we are root: once is enough


def uninstalled(kind: str) -> str:
    """Return the package that `kind` asks for and that is not installed: a library, or the driver of MariaDB."""
    module = MARIADB_DRIVER if kind == "mariadb" else kind
    if module not in (*LIBRARIES, MARIADB_DRIVER) or importlib.util.find_spec(module):
        return ""
    return LIBRARIES.get(module, module)


def _untracked() -> str:
    found = binaries.find("pgbouncer")
    return "" if found.version >= TRACKS_STATEMENTS else f"found PgBouncer {found.release}, which forgets statements"


def register(shell: Any) -> None:
    """Let `shell` replace a cell whose server or library is missing; a second time changes nothing."""
    if _replaced not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(_replaced)


def _replaced(lines: list[str]) -> list[str]:
    line = missing("".join(lines))
    return [f"print({line!r})\n"] if line else lines


_replaced.has_side_effects = True  # type: ignore[attr-defined]  # it runs `postgres -V`: not at every key press
