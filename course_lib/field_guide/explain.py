"""Say what an error means: its cause, its fix and the lesson, in a few lines that are the same on every machine.

A traceback shows where a program stopped; a learner also needs why, and an error often hides in the one that wraps it.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar, cast

from course_lib.field_guide.entry import Entry, entries, names

WIDTH = 100  # what an output cell shows beside an open file browser
MAX_TEXT = 20_000  # a longer text ends in parameters or begins with frames: no pattern needs them
MAX_LINKS = 40  # a longer chain or a larger group is an accident, and its first links tell the story
T = TypeVar("T")

_TYPED = re.compile(r"(?P<types>[A-Za-z_][\w.]*(?: <- [A-Za-z_][\w.]*)*)(?:: ?(?P<text>[\s\S]*))?")
_TYPE_ENDINGS = ("Error", "Exception", "Warning", "Group")
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
    parts: tuple[Explanation, ...] = ()
    """One for each different error of an exception group; else empty."""

    def __str__(self) -> str:
        if self.parts:
            head = f"{self.raised} of {len(self.parts)} different errors"
            return "\n\n".join([head, *map(str, self.parts)])
        rows = {"raised": self.raised, "entry": self._title(), "cause": self.cause, "fix": self.fix}
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


@dataclass(frozen=True)
class Sighting:
    """An error, or a text about one, reduced to what an entry can be compared with."""

    raised: str
    texts: tuple[str, ...]
    types: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()


def _safely(read: Callable[[], T], instead: T) -> T:
    try:
        return read()
    except BaseException:  # an odd object may raise anything when it is looked at, and explain() must still answer
        return instead


def _attribute(subject: object, name: str) -> object:
    return _safely(lambda: cast(object, getattr(subject, name, None)), None)


def _is_error(subject: object) -> bool:
    return issubclass(type(subject), BaseException)  # isinstance() asks the object's own __class__, which may raise


def _text(subject: object) -> str:
    if issubclass(type(subject), bytes):
        return bytes.decode(cast(bytes, subject), "utf-8", "replace")
    return _safely(lambda: str.__str__(str(subject)), "")


def _type_name(cls: type) -> str:
    """Return `module.Name`, or `Name` of a builtin, without the odd letters a made-up class may have."""
    name = _safely(lambda: str(type.__getattribute__(cls, "__name__")), "")
    module = _safely(lambda: str(type.__getattribute__(cls, "__module__")), "")
    full = name if module in ("", "builtins") else f"{module}.{name}"
    return re.sub(r"[^\w.]", "", full)[-120:] or "unnamed"


def _type_names(cls: type) -> frozenset[str]:
    """Return the names of a class and of its bases, save those every error has."""
    bases = _safely(lambda: tuple(type.__getattribute__(cls, "__mro__")), (cls,))
    return frozenset(map(_type_name, bases)) - {"object", "BaseException", "Exception"}


def _inside(error: BaseException) -> list[BaseException]:
    if not issubclass(type(error), BaseExceptionGroup):
        return []
    group = cast(BaseExceptionGroup[BaseException], error)
    nobody: list[BaseException] = []
    held = _safely(lambda: list(group.exceptions), nobody)
    return [one for one in held if _is_error(one)]


def leaves(error: BaseException) -> list[BaseException]:
    """Return the errors inside a group, at any depth; of another error the error itself."""
    found: list[BaseException] = []
    waiting = [error]
    for _ in range(1000):  # a class of its own may answer with new groups for ever
        if not waiting or len(found) == MAX_LINKS:
            break
        first, *waiting = waiting
        inside = _inside(first)
        waiting = inside + waiting
        if not inside:
            found.append(first)
    return found or [error]


def chain(error: BaseException) -> list[BaseException]:
    """Return an error and what it wraps, outermost first: by `.orig`, else by `__cause__`."""
    links: list[BaseException] = []
    following: object = error
    while _is_error(following) and len(links) < MAX_LINKS and not any(following is link for link in links):
        link = leaves(cast(BaseException, following))[0]
        links.append(link)
        # never `driver_exception`: on SQLAlchemy's own errors it raises instead of answering
        orig = _attribute(link, "orig")
        following = orig if _is_error(orig) else _attribute(link, "__cause__")
    return links


def _short(full_names: Iterable[str]) -> str:
    """Return `IntegrityError <- sqlite3.IntegrityError`: short names, the module where two would be the same."""
    shown: list[str] = []
    for full in dict.fromkeys(full_names):
        module, _, name = full.rpartition(".")
        if not module.startswith("sqlalchemy.dialects."):  # a copy of the driver's own class, which comes next
            shown.append(f"{module.partition('.')[0]}.{name}" if module and name in shown else name)
    if len(shown) > 3:
        shown = [*shown[:2], shown[-1]]
    return " <- ".join(shown) or "nothing"


def _sight_error(error: BaseException) -> Sighting:
    links = chain(error)
    types = frozenset[str]().union(*(_type_names(type(link)) for link in links))
    states = [_attribute(link, "sqlstate") for link in links] + [_attribute(link, "sqlite_errorname") for link in links]
    codes = [re.sub(r"\W", "", state)[:40] for state in states if type(state) is str]
    sqlstate = next((code for code in codes if len(code) == 5), "")
    raised = _short(_type_name(type(link)) for link in links) + (f" (sqlstate {sqlstate})" if sqlstate else "")
    return Sighting(raised, tuple(_text(link)[:MAX_TEXT] for link in links), types, frozenset(codes))


def _is_type(name: str) -> bool:
    return name.endswith(_TYPE_ENDINGS) or any(name in known.types for known in entries())


def _sight_text(text: str) -> Sighting:
    """Read `Type: text`, `Type <- Wrapped: text`, the end of a pasted traceback, or any words."""
    text = text.strip()
    typed = text
    if "Traceback (most recent call last)" in text:
        lines = text[-MAX_TEXT:].splitlines()
        typed = next((line for line in reversed(lines) if (m := _TYPED.match(line)) and _is_type(m["types"])), text)
    match = _TYPED.fullmatch(typed[:MAX_TEXT])
    types = match["types"].split(" <- ") if match else []
    if match is None or not all(map(_is_type, types)):
        return Sighting("a text without a type", (text[:MAX_TEXT],))
    return Sighting(_short(types)[:WIDTH], (match["text"] or "", text[:MAX_TEXT]), frozenset(types))


def sight(subject: object) -> Sighting:
    """Reduce whatever `explain` was given to a sighting."""
    if _is_error(subject):
        return _sight_error(cast(BaseException, subject))
    if issubclass(type(subject), type) and issubclass(cast(type, subject), BaseException):
        types = _type_names(cast(type, subject))
        return Sighting(_type_name(cast(type, subject)).rpartition(".")[2], ("",), types)
    return _sight_text(_text(subject))


def _match(seen: Sighting) -> Entry | None:
    """Return the first entry whose pattern is in a text, outermost first; types break a tie, sqlstate is last."""
    for text in seen.texts:
        fitting = [one for one in entries() if one.pattern and re.search(one.pattern, text)]
        typed = [one for one in fitting if one.types & seen.types]
        if typed or (fitting and text):  # an empty text fits only together with its type
            return (typed or fitting)[0]
    # a server that speaks another language has other texts and the same codes
    return next((one for one in entries() if seen.codes.intersection(one.sqlstate)), None)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]{3,}", text.lower())) - _SMALL_WORDS


def _nearest(seen: Sighting) -> tuple[str, ...]:
    """Return the slugs of at most two entries that share most words and types with a sighting."""
    words = _words(" ".join(seen.texts))

    def score(one: Entry) -> int:
        own = _words(" ".join([one.slug.replace("-", " "), *one.examples, one.symptom]))
        return len(words & own) + 2 * len(one.types & seen.types)

    scored = sorted(((score(one), -place, one.slug) for place, one in enumerate(entries())), reverse=True)
    return tuple(slug for points, _, slug in scored[:2] if points)


def _explained(raised: str, found: Entry) -> Explanation:
    also = f"; also {', '.join(found.also)}" if found.also else ""
    return Explanation(
        raised=raised, slug=found.slug, variant_of=found.variant_of,
        cause=found.cause, fix=found.fix, lesson=found.where + also,
    )  # fmt: skip


def _explain_one(subject: object) -> Explanation:
    named = names().get(_text(subject).strip()) if issubclass(type(subject), str) else None
    if named:
        return _explained(_short(named.raised[0].split(" <- ") if named.raised else ()), named)
    seen = sight(subject)
    found = _match(seen)
    if found:
        return _explained(seen.raised, found)
    return Explanation(
        raised=seen.raised, nearest=_nearest(seen), lesson=_HOW_TO_READ,
        cause="We have not met this error, so we do not guess.",
        fix="Read the last line of the traceback first, then the newest line in it that is your own code.",
    )  # fmt: skip


def _explain(subject: object) -> Explanation:
    if not issubclass(type(subject), BaseExceptionGroup):
        return _explain_one(subject)
    group = cast(BaseException, subject)
    parts = tuple({str(part): part for part in map(_explain_one, leaves(group))}.values())
    raised = _type_name(type(group)).rpartition(".")[2]
    if len(parts) == 1:
        only = parts[0]
        return Explanation(**{**vars(only), "raised": f"{raised} <- {only.raised}"})
    first = parts[0]
    return Explanation(**{**vars(first), "raised": raised, "parts": parts})


def explain(error: object) -> Explanation:
    """Return the field guide's entry for an error, for the text of one, or for an entry's name; never raise."""
    try:
        return _explain(error)
    except Exception as problem:  # a learner in trouble must not meet ours; the text says what to report
        return Explanation(
            raised=_type_name(type(error)).rpartition(".")[2], lesson=_HOW_TO_READ, cause=_text(problem)[:200],
            fix='This is a bug in the course: please report it with the output of "course doctor".',
        )  # fmt: skip


def explain_last(shell: object) -> Explanation:
    """Return the explanation of the last error a shell has shown (`shell`: IPython's, or None)."""
    result = _attribute(shell, "last_execution_result")
    places = [(result, "error_in_exec"), (result, "error_before_exec"), (sys, "last_exc"), (sys, "last_value")]
    for error in (_attribute(owner, name) for owner, name in places):
        if _is_error(error):
            return explain(error)
    return Explanation(
        raised="nothing", cause="No cell has raised an error yet.", lesson=_HOW_TO_READ,
        fix="Break something, then ask again. A caught error is explained by `explain(error)`.",
    )  # fmt: skip
