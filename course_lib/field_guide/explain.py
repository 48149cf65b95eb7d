"""Say what an error means: its cause, its fix and the lesson, in a few lines that are the same on every machine.

A traceback shows where a program stopped; a learner also needs why, and an error often hides in the one that wraps it.
"""

from __future__ import annotations

import re
import sys
import textwrap
from dataclasses import dataclass

from course_lib.field_guide.entry import Entry, entries, names
from course_lib.field_guide.sighting import WIDTH, Sighting, attribute, is_error, short, sightings, text_of, type_name
from course_lib.locations import course_root

# codes that many different mistakes share: to answer by one of these would be a guess
_VAGUE = frozenset({"0A000", "22000", "42601", "55000", "XX000", "SQLITE_ERROR"})
_SMALL_WORDS = frozenset(
    {"and", "are", "but", "for", "from", "has", "have", "not", "object", "that", "the", "was", "with"}
)
_HOW_TO_READ = "notebooks/00_doors_open.ipynb § 4"


@dataclass(frozen=True, repr=False, kw_only=True)
class Explanation:
    """What `explain` found: four to seven lines of text, or its fields."""

    raised: str
    slug: str | None = None
    variant_of: str | None = None
    nearest: tuple[str, ...] = ()
    cause: str
    fix: str
    lesson: str
    probe: str = ""
    """How a silent failure is shown; empty for an error, which shows itself."""
    parts: tuple[Explanation, ...] = ()
    """One for each different error of an exception group; else empty."""

    def __str__(self) -> str:
        if self.parts:
            head = f"{self.raised} of {len(self.parts)} different errors"
            return "\n\n".join([head, *map(str, self.parts)])
        rows = {"raised": self.raised, "entry": self._title(), "cause": self.cause, "fix": self.fix}
        rows |= {"probe": self.probe} if self.probe else {}
        return "\n".join(_row(label, text) for label, text in {**rows, "lesson": self.lesson}.items())

    __repr__ = __str__

    def _title(self) -> str:
        if self.slug:
            return self.slug + (f", a variant of {self.variant_of}" if self.variant_of else "")
        return "not in the field guide yet" + (f"; nearest: {', '.join(self.nearest)}" if self.nearest else "")


def _row(label: str, text: str) -> str:
    whole = re.sub("`[^`]*`", lambda code: code[0].replace(" ", "\0"), text)  # code is not broken over two lines
    lines = textwrap.wrap(whole, WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    return f"{label:8}" + ("\n" + " " * 8).join(lines).replace("\0", " ")


def fitting(text: str) -> list[Entry]:
    """Return the entries whose pattern is in a text, without the part that quotes an earlier error."""
    own = text.partition(" Original exception was: ")[0]
    return [one for one in entries() if one.pattern and re.search(one.pattern, own)]


def _match(seen: Sighting) -> Entry | None:
    """Return the first entry whose pattern is in a text, outermost first; types break a tie, sqlstate is last."""
    for text in seen.texts:
        found = fitting(text) or fitting(text.partition("\n")[0] or text)  # a paste may go on with other lines
        typed = [one for one in found if (one.types if text else one.outer_types) & seen.types]
        if typed or (found and text):  # an empty text fits only together with its type
            return (typed or found)[0]
    # a server that speaks another language has other texts and the same codes
    return next((one for one in entries() if (seen.codes - _VAGUE).intersection(one.sqlstate)), None)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]{3,}", text.lower())) - _SMALL_WORDS


def _nearest(seen: Sighting) -> tuple[str, ...]:
    """Return the slugs of at most two entries that share most words and types with a sighting."""
    words = _words(" ".join(seen.texts))

    def score(one: Entry) -> int:
        own = _words(" ".join([one.slug.replace("-", " "), *one.examples, one.symptom]))
        return len(words & own) + 2 * len(one.types & seen.types)

    scored = sorted(((score(one), -place, one.slug) for place, one in enumerate(entries())), reverse=True)
    return tuple(slug for points, _, slug in scored[:2] if points > 1)  # one shared word is chance


def _explained(raised: str, found: Entry) -> Explanation:
    also = f"; also {', '.join(found.also)}" if found.also else ""
    written = "" if (course_root() / "notebooks" / f"{found.lesson}.ipynb").is_file() else " (not written yet)"
    return Explanation(
        raised=raised, slug=found.slug, variant_of=found.variant_of,
        cause=found.cause, fix=found.fix, lesson=found.where + written + also,
        probe=found.probe if found.is_silent else "",
    )  # fmt: skip


def _by_name(subject: object) -> Entry | None:
    return names().get(text_of(subject).strip()) if issubclass(type(subject), str) else None


def _explain_one(seen: Sighting) -> Explanation:
    found = _match(seen)
    if found:
        return _explained(seen.raised, found)
    return Explanation(
        raised=seen.raised, nearest=_nearest(seen), lesson=_HOW_TO_READ,
        cause="We have not met this error, so we do not guess.",
        fix="Read the last line of the traceback first, then the newest line in it that is your own code.",
    )  # fmt: skip


def _explain(subject: object) -> Explanation:
    named = _by_name(subject)
    if named:
        return _explained(short(named.raised[0].split(" <- ") if named.raised else ()), named)
    parts = tuple({str(part): part for part in map(_explain_one, sightings(subject))}.values())
    is_group = issubclass(type(subject), BaseExceptionGroup)
    raised = type_name(type(subject)).rpartition(".")[2] if is_group else "ExceptionGroup"
    first = parts[0]
    if len(parts) > 1:
        return Explanation(**{**vars(first), "raised": raised, "parts": parts})
    return Explanation(**{**vars(first), "raised": f"{raised} <- {first.raised}"}) if is_group else first


def explain(error: object) -> Explanation:
    """Return the field guide's entry for an error, for the text of one, or for an entry's name; never raise."""
    try:
        return _explain(error)
    except Exception as problem:  # a learner in trouble must not meet ours; the text says what to report
        return Explanation(
            raised=type_name(type(error)).rpartition(".")[2], lesson=_HOW_TO_READ, cause=text_of(problem)[:200],
            fix='This is a bug in the course: please report it with the output of "course doctor".',
        )  # fmt: skip


def explain_last(shell: object) -> Explanation:
    """Return the explanation of the last error a shell has shown (`shell`: IPython's, or None)."""
    result = attribute(shell, "last_execution_result")
    places = [(result, "error_in_exec"), (result, "error_before_exec"), (sys, "last_exc"), (sys, "last_value")]
    for error in (attribute(owner, name) for owner, name in places):
        if is_error(error):
            return explain(error)
    return Explanation(
        raised="nothing", cause="No cell has raised an error yet.", lesson=_HOW_TO_READ,
        fix="Break something, then ask again. A caught error is explained by `explain(error)`.",
    )  # fmt: skip
