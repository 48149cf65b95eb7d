"""Reduce an error, or a text about one, to what an entry of the guide is compared with.

An error hides in what wraps it, an odd object may raise when it is looked at, and a text is only words: each has its
own way to be read, and one result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar, cast

from course_lib.field_guide.entry import entries
from course_lib.field_guide.pasted import Pasted, chains, last_part, looks_like_a_type, named_type

WIDTH = 100  # what an output cell shows beside an open file browser
MAX_TEXT = 20_000  # a longer text ends in parameters or begins with frames: no pattern needs them
MAX_LINKS = 40  # a longer chain or a larger group is an accident, and its first links tell the story
T = TypeVar("T")

_FRAME = re.compile(r"\s|Traceback \(most|File |-+> ")  # a line of a traceback that is no message
_SQLSTATE = re.compile(r"\bsqlstate\W{0,3}(?=\w*\d)([0-9A-Z]{5})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Sighting:
    """An error, or a text about one, reduced to what an entry can be compared with."""

    raised: str
    texts: tuple[str, ...]
    types: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    said: str = ""
    """What the errors themselves say, without frames and what else stood around them."""


def safely(read: Callable[[], T], instead: T) -> T:
    """Return what a function returns, or `instead` when it raises."""
    try:
        return read()
    except BaseException:  # an odd object may raise anything when it is looked at, and explain() must still answer
        return instead


def attribute(subject: object, name: str) -> object:
    """Return an attribute, or None when it cannot be read."""
    return safely(lambda: cast(object, getattr(subject, name, None)), None)


def is_error(subject: object) -> bool:
    """Say whether something is an exception, whatever it claims."""
    return issubclass(type(subject), BaseException)  # isinstance() asks the object's own __class__, which may raise


def _is_group(subject: object) -> bool:
    return issubclass(type(subject), BaseExceptionGroup)


def text_of(subject: object) -> str:
    """Return an object as text; empty when it has none."""
    if issubclass(type(subject), bytes):
        return bytes.decode(cast(bytes, subject), "utf-8", "replace")
    return safely(lambda: str.__str__(str(subject)), "")


def type_name(cls: type) -> str:
    """Return `module.Name`, or `Name` of a builtin, without the odd letters a made-up class may have."""
    name = safely(lambda: str(type.__getattribute__(cls, "__name__")), "")
    module = safely(lambda: str(type.__getattribute__(cls, "__module__")), "")
    full = name if module in ("", "builtins") else f"{module}.{name}"
    return re.sub(r"[^\w.]", "", full)[-120:] or "unnamed"


def _type_names(cls: type) -> frozenset[str]:
    """Return the names of a class and of its bases, save those every error has."""
    bases = safely(lambda: tuple(type.__getattribute__(cls, "__mro__")), (cls,))
    return frozenset(map(type_name, bases)) - {"object", "BaseException", "Exception"}


def _inside(error: BaseException) -> list[BaseException]:
    if not _is_group(error):
        return []
    group = cast(BaseExceptionGroup[BaseException], error)
    nobody: list[BaseException] = []
    held = safely(lambda: list(group.exceptions), nobody)
    return [one for one in held if is_error(one)]


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
    while is_error(following) and len(links) < MAX_LINKS and not any(following is link for link in links):
        link = leaves(cast(BaseException, following))[0]
        links.append(link)
        # never `driver_exception`: on SQLAlchemy's own errors it raises instead of answering
        orig = attribute(link, "orig")
        following = orig if is_error(orig) else attribute(link, "__cause__")
    return links


def short(full_names: Iterable[str]) -> str:
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
    states = [attribute(link, "sqlstate") for link in links] + [attribute(link, "sqlite_errorname") for link in links]
    codes = [re.sub(r"\W", "", state)[:40] for state in states if type(state) is str]
    sqlstate = next((code for code in codes if len(code) == 5), "")
    raised = short(type_name(type(link)) for link in links) + (f" (sqlstate {sqlstate})" if sqlstate else "")
    texts = tuple(text_of(link)[:MAX_TEXT] for link in links)
    return Sighting(raised, texts, types, frozenset(codes), "\n".join(texts))


def _is_type(name: str) -> bool:
    return looks_like_a_type(name) or name in _known_types()


@cache
def _known_types() -> frozenset[str]:
    return frozenset[str]().union(*(known.types for known in entries()))


def _sight_pasted(links: list[Pasted], whole: str) -> Sighting:
    full_names = [name for link in links for name in link.types]
    types = frozenset(full_names) | {name.rpartition(".")[2] for name in full_names}
    texts = [link.text[:MAX_TEXT] for link in links]
    codes = frozenset(_SQLSTATE.findall(whole))
    return Sighting(short(full_names)[:WIDTH], (*texts, whole), types, codes, "\n".join(texts))


def _sight_text(text: str) -> list[Sighting]:
    """Read `Type: text`, `Type <- Wrapped: text`, a pasted traceback, or any words."""
    found = chains(text, _is_type)
    if not found:  # the words around a type in the middle may be another error's: they stay together
        name = named_type(text, _is_type)
        seen = _sight_pasted([Pasted((name,), "")] if name else [], last_part(text)[-MAX_TEXT:])
        said = "\n".join(line for line in seen.texts[-1].splitlines() if not _FRAME.match(line))
        raised = seen.raised if name else "a text without a type"
        return [replace(seen, raised=raised, texts=seen.texts[-1:], said=said)]
    if len(found) > 1:  # the leaves of a group: what stands around one belongs to another
        return [_sight_pasted(links, "") for links in found]
    return [_sight_pasted(found[0], last_part(text)[-MAX_TEXT:])]


def sightings(subject: object) -> list[Sighting]:
    """Reduce whatever `explain` was given: one sighting, or one for each error of a group."""
    if _is_group(subject):
        return [_sight_error(leaf) for leaf in leaves(cast(BaseException, subject))]
    if is_error(subject):
        return [_sight_error(cast(BaseException, subject))]
    if issubclass(type(subject), type) and issubclass(cast(type, subject), BaseException):
        types = _type_names(cast(type, subject))
        return [Sighting(type_name(cast(type, subject)).rpartition(".")[2], ("",), types)]
    return _sight_text(text_of(subject))
