"""The errors of the course as data: one entry per error, read from one TOML file per lesson.

They are data, not code: a learner reads the guide like a book, and an author adds an entry without programming.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from course_lib.errors import CourseError
from course_lib.field_guide import derived

FOLDER = Path(__file__).with_name("entries")
# what SQLAlchemy writes before a driver's own words, and what every silent failure begins with
BEFORE_THE_WORDS = re.compile(r"^(\([\w.]+\) |<class '[\w.]+'>: |No (error|exception)[.:;,] )+")


@dataclass(frozen=True, eq=False, kw_only=True)
class Entry:
    """One error, or one variant of it; the fields are the keys of `[[entry]]` and `[[entry.variant]]` in the files."""

    slug: str
    aliases: tuple[str, ...] = ()
    """Other names of the same error; the syllabus uses some."""
    backends: tuple[str, ...]
    """S SQLite file, P PostgreSQL, M MariaDB, B PgBouncer, `any`, or `-`: no database takes part."""
    lesson: str
    """The stem of the notebook that explains it; a variant may have another one than its entry."""
    section: int | None = None
    """The paragraph of that lesson, where it is known."""
    also: tuple[str, ...] = ()
    """Other lessons in which a learner meets it."""
    raised: tuple[str, ...] = ()
    """Types as `outer <- wrapped`, with their module unless built in; empty: nothing is raised."""
    sqlstate: tuple[str, ...] = ()
    pattern: str = ""
    """For `re.search` on the text, verdicts of our own probes included; empty: found by its symptom only."""
    examples: tuple[str, ...] = ()
    """Real texts, without the tail that SQLAlchemy appends."""
    symptom: str = ""
    probe: str = ""
    cause: str
    fix: str
    reproduce: str
    source: str = ""
    verified: Mapping[str, str]
    """Backend to `test` (our tests provoke it on every run) or `seen` (once, by hand, on the real server)."""
    not_tested: str = ""
    """Why no test provokes it; empty where one does."""
    variant_of: str | None = None
    """Filled in by the file's nesting."""

    @cached_property
    def types(self) -> frozenset[str]:
        """Return every type name of `raised`, with and without its module."""
        names = {name for chain in self.raised for name in chain.split(" <- ")}
        return frozenset(names | {name.rpartition(".")[2] for name in names})

    @property
    def outer_types(self) -> frozenset[str]:
        """Return the names of what a caller catches, without what it wraps."""
        return frozenset(chain.partition(" <- ")[0] for chain in self.raised)

    @property
    def where(self) -> str:
        """Return the pointer a message prints, such as `notebooks/00_doors_open.ipynb § 1`."""
        return f"notebooks/{self.lesson}.ipynb" + (f" § {self.section}" if self.section else "")

    @property
    def is_silent(self) -> bool:
        """Say whether nothing is raised: it is known by its symptom, and shown by a probe."""
        return not self.raised

    @property
    def title(self) -> str:
        """Return the words by which it is recognised in a list: its first text, or what a silent one looks like."""
        words = self.symptom if self.is_silent and self.symptom else (self.examples or (self.symptom,))[0]
        return " ".join(BEFORE_THE_WORDS.sub("", words).split())


def _build(table: dict[str, Any], variant_of: str | None, path: Path) -> Entry:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
    values.pop("variant", None)
    fields = {field.name: field for field in dataclasses.fields(Entry)}
    required = {name for name, field in fields.items() if field.default is dataclasses.MISSING}
    wrong = sorted(required ^ (values.keys() - (fields.keys() - required)) | {"variant_of"} & values.keys())
    if wrong:
        name = values.get("slug", "an entry without slug")
        raise CourseError(
            f"{path.name}: unknown or missing fields of {name}: {', '.join(wrong)}; see field_guide/entry.py"
        )
    return Entry(**values, variant_of=variant_of)


def read(path: Path) -> Iterator[Entry]:
    """Yield the entries of one file in its order, each followed by its variants."""
    import tomllib  # imported here: a lesson that meets no error does not pay for it

    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("entry", [])
    except (OSError, ValueError) as error:
        raise CourseError(f"the field guide's file {path.name} cannot be read ({error}); please restore it") from error
    for table in tables:
        whole = _build(table, None, path)
        yield whole
        for variant in table.get("variant", []):
            yield _build(variant, whole.slug, path)


@cache
def entries() -> tuple[Entry, ...]:
    """Return every entry in guide order: by lesson, then as written, variants after their entry."""
    stored = derived.load(FOLDER)
    return written() if stored is None else tuple(Entry(**fields) for fields in stored)


def written() -> tuple[Entry, ...]:
    """Return every entry as the TOML files say it now."""
    return tuple(found for path in sorted(FOLDER.glob("*.toml")) for found in read(path))


@cache
def names() -> Mapping[str, Entry]:
    """Return every slug and alias with the entry it means."""
    return {name: found for found in entries() for name in (found.slug, *found.aliases)}


def entry(slug: str) -> Entry:
    """Return the entry with this slug or alias."""
    found = names().get(slug)
    if found is None:
        from difflib import get_close_matches

        nearest = get_close_matches(str(slug), list(names()), n=1, cutoff=0.0)
        raise CourseError(f'no entry "{slug}" in the field guide; did you mean "{nearest[0]}"?')
    return found
