"""Say what an error means: its cause, its fix and the lesson, in a few lines that are the same on every machine.

A traceback shows where a program stopped; a learner also needs why, and an error often hides in the one that wraps it.
"""

from __future__ import annotations

import builtins
import re
import sys
import textwrap
from dataclasses import dataclass

from course_lib.expect import Expect
from course_lib.field_guide.entry import Entry, entries, names
from course_lib.field_guide.sighting import WIDTH, Sighting, attribute, is_error, short, sightings, text_of, type_name
from course_lib.locations import course_root

# codes that many different mistakes share: to answer by one of these would be a guess
_VAGUE = frozenset({"0A000", "22000", "42601", "55000", "XX000", "SQLITE_ERROR"})
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)|^\W*File \S+", re.MULTILINE)
_SMALL_WORDS = frozenset(
    {"and", "are", "but", "for", "from", "has", "have", "not", "object", "that", "the", "was", "with"}
)
_HOW_TO_READ = "notebooks/00_doors_open.ipynb § 4"
_READ_ON = "Read the last line of the traceback first, then the newest line in it that is your own code."
_SEARCH = "Search `docs/field_guide.md` for three words of the message, without its numbers and names."
_SILENT = 'Nothing raised, and still wrong or slow: see its part "What nobody raises".'
# `asyncio.exceptions.TimeoutError` is an older Python's name of the builtin; another library's is an error of its own
_SAME_AS_BUILTIN = ("asyncio.", "concurrent.")


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
        typed = [one for one in found if (one.types & seen.types if text else one.outer_types & _own(seen.types))]
        if typed or (found and text):  # an empty text fits only together with its type
            return (typed or found)[0]
    # a server that speaks another language has other texts and the same codes
    return next((one for one in entries() if (seen.codes - _VAGUE).intersection(one.sqlstate)), None)


def _own(types: frozenset[str]) -> frozenset[str]:
    """Return the types without the short names that belong to another library's class."""
    foreign = {name.rpartition(".")[2] for name in types if "." in name and not name.startswith(_SAME_AS_BUILTIN)}
    return types - foreign


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]{3,}", text.lower())) - _SMALL_WORDS


def _nearest(seen: Sighting) -> tuple[str, ...]:
    """Return the slugs of at most two entries that share most words and types with a sighting."""
    words = _words(seen.said)

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
    """Return the entry that a text names: by slug or alias, or by the class it alone is about."""
    text = text_of(subject).strip() if issubclass(type(subject), (str, bytes)) else ""
    return names().get(text) or names().get("-".join(text.lower().split())) or _by_class(text.rstrip(":"))


def _by_class(name: str) -> Entry | None:
    """Return the only entry that raises a class; a builtin has too many meanings to be one entry's."""
    if not re.fullmatch(r"[A-Za-z_][\w.]*", name) or hasattr(builtins, name):
        return None
    found = [one for one in entries() if any(f".{raised}".endswith(f".{name}") for raised in one.outer_types)]
    return found[0] if len(found) == 1 else None


def _explain_one(seen: Sighting, *, traced: bool) -> Explanation:
    found = _match(seen)
    if found:
        return _explained(seen.raised, found)
    return Explanation(
        raised=seen.raised, nearest=_nearest(seen), lesson=_HOW_TO_READ,
        cause="We have not met this error, so we do not guess.",
        fix=" ".join([*([_READ_ON] if traced else []), _SEARCH, _SILENT]),
    )  # fmt: skip


def _explain(subject: object) -> Explanation:
    named = _by_name(subject)
    if named:
        return _explained(short(named.raised[0].split(" <- ") if named.raised else ()), named)
    traced = not issubclass(type(subject), (str, bytes)) or bool(_TRACEBACK.search(text_of(subject)))
    found = (_explain_one(seen, traced=traced) for seen in sightings(subject))
    parts = tuple({str(part): part for part in found}.values())
    is_group = issubclass(type(subject), BaseExceptionGroup)
    raised = type_name(type(subject)).rpartition(".")[2] if is_group else "ExceptionGroup"
    first = parts[0]
    if len(parts) > 1:
        return Explanation(**{**vars(first), "raised": raised, "parts": parts})
    return Explanation(**{**vars(first), "raised": f"{raised} <- {first.raised}"}) if is_group else first


def explain(error: object) -> Explanation:
    """Return the field guide's entry for an error, for the text of one, or for an entry's name; never raise.

    What `expect(...) as caught` gives may be handed over as it is, instead of its `.error`.
    """
    try:
        return _explain(error.error if type(error) is Expect else error)  # isinstance would ask odd objects
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
