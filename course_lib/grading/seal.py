"""The seal on our own machinery: what an answer must not change, remembered before it runs and compared after.

An answer shares its process with the check that judges it. It may do as it likes with its own names; a checker, a
client, an event loop or a shell that it has exchanged would say what it wants to hear.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any  # Any: whatever a module holds

from course_lib.grading.guarded import CHECKER, RESTLESS, WRITTEN, hooks, is_guarded, owners
from course_lib.grading.memory import (
    HEAD,
    POINTER,
    content_of,
    differing,
    head,
    kind_of,
    space_of,
    table,
    tells_each_change,
)
from course_lib.grading.watch import Sites

Look = Callable[[], str]


class Seal:
    """Everything guarded as it was when the seal was made; `looks` gives two functions that say what is no longer so.

    Nothing of it may be within reach of an answer: it is held by frames alone, and those are shut (see `watch`).
    """

    def __init__(self, shell: Any = None, *, tells: bool = tells_each_change()) -> None:
        for _, owner in owners():
            if isinstance(owner, ModuleType):  # so that a warning on one of its lines need not write it
                vars(owner).setdefault("__warningregistry__", {})
        self._shell = shell
        self._tells = tells
        self._all = _Guarded(owners())
        self._checkers = [number for number, label in enumerate(self._all.labels) if label.startswith(CHECKER)]
        self._then = self._all.image(tells=tells)
        self._modules = {name: module for name, module in sys.modules.items() if is_guarded(name)}
        self._hooks = hooks(shell)
        functions = [value for kept in self._all.kept for value in kept.values() if isinstance(value, FunctionType)]
        named = {id(owner): label for label, owner in self._all.each()}
        self.sites = Sites.found((function.__code__ for function in functions), named)
        ours = [each for each in functions if (each.__module__ or "").startswith(("course_lib.", "contextlib"))]
        self._places = [
            (f"{function.__module__}.{function.__qualname__}", content_of(cell))
            for function in ours
            for cell in function.__closure__ or ()
        ]
        self._places += [(label, kind_of(owner)) for label, owner in self._all.each()]

    def add(self, *names: str) -> None:
        """Guard what these modules hold now as well: some are imported after the seal was made."""
        for label, owner in owners(names):
            if label.startswith(CHECKER):
                self._checkers.append(len(self._all.labels))
            self._all.add(label, owner)
            self._places.append((label, kind_of(owner)))
            self.sites.owners[id(owner)] = label

    def looks(self) -> tuple[Look, Look]:
        """Return a look at everything guarded, and one at the checker alone; each tells the first thing that differs.

        They are generators at work: their values lie in a frame, where an attribute of a function would be in reach.
        """
        # a fork gives some modules new locks: what is different already is no answer's doing
        self._all.renew(self._then, tells=self._tells)
        everything = _looking(self._all, self._tells, self._places, self._modules, self._hooks, self._shell)
        of_checker = [place for place in self._places if place[0].startswith(CHECKER)]
        checker = _looking(self._all.some(self._checkers), self._tells, of_checker, {}, {}, None)
        next(everything), next(checker)
        return everything.__next__, checker.__next__


class _Guarded:
    """Modules and classes: the name of each, its namespace, what it held, and the memory that tells a change."""

    def __init__(self, each: Iterable[tuple[str, Any]] = ()) -> None:
        found = [(label, owner, space_of(owner)) for label, owner in each]
        self.labels = [label for label, _, _ in found]
        self.owners = [owner for _, owner, _ in found]
        self.spaces = [space for _, _, space in found]
        self.kept = [dict(space) for space in self.spaces]
        # made one after the other: they lie side by side, and a look at all of them touches few pages
        self.heads = [head(space) for space in self.spaces]
        self.tables = [table(space) for space in self.spaces]
        self.sizes = array("L", [len(bytes_) for bytes_ in self.tables])  # no objects: the next look counts none
        self.is_open = [_is_open(label, owner) for label, owner, _ in found]

    def each(self) -> Iterator[tuple[str, Any]]:
        """Yield every name with its module or class."""
        yield from zip(self.labels, self.owners, strict=True)

    def add(self, label: str, owner: Any) -> None:
        """Guard one more."""
        one = _Guarded([(label, owner)])
        for name, values in vars(one).items():
            getattr(self, name).extend(values)

    def some(self, numbers: list[int]) -> _Guarded:
        """Return those with these numbers, as they are here."""
        chosen = _Guarded()
        for name, values in vars(self).items():
            getattr(chosen, name).extend([values[number] for number in numbers])
        return chosen

    def image(self, *, tells: bool) -> tuple[bytes, bytes]:
        """Return the bytes of all heads, and of all tables where the heads do not tell each change."""
        return b"".join(self.heads), b"" if tells else b"".join(self.tables)

    def renew(self, then: tuple[bytes, bytes], *, tells: bool) -> None:
        """Take what has changed since an image was made as it is now; what was added after it is new anyway."""
        count = len(then[0]) // HEAD
        changed = differing(then[0], b"".join(self.heads[:count]), [HEAD] * count)
        if not tells:
            tables, sizes = self.tables[:count], self.sizes[:count]
            for number in changed:
                tables[number] = bytes(sizes[number])  # it may have been freed
            changed += differing(then[1], b"".join(tables), sizes)
        for number in {*changed}:
            one = _Guarded([(self.labels[number], self.owners[number])])
            for name, values in vars(one).items():
                getattr(self, name)[number] = values[0]


def _is_open(label: str, owner: Any) -> bool:
    """Say whether a namespace may be written while our own code is at work.

    A package gets the name of a module that is imported from it: ours are many, the others have theirs already.
    """
    return label in WRITTEN or (label.startswith("course_lib.") and hasattr(owner, "__path__"))


def _looking(
    all_: _Guarded,
    tells: bool,
    places_: list[tuple[str, Any]],
    modules: dict[str, Any],
    hooks_: dict[str, Any],
    shell: Any,
) -> Generator[str]:
    """Yield what differs, again and again; it looks up no name outside, for that could be the answer's by then.

    What an answer's cell has changed and taken back is its own affair, so the first look forgives it; from then on our
    code is at work, and what it finds changed for a moment could have told it anything. Without `tells`, for a Python
    whose dicts do not count their changes, only what is still changed is found.
    """
    current, loaded, restless, head_size, place_size = hooks, sys.modules, RESTLESS, HEAD, POINTER
    image, differs, place_of, number_of = b"".join, _difference, _place, _numbers
    labels, spaces, kept_, is_open = all_.labels, all_.spaces, all_.kept, all_.is_open
    heads, tables = all_.heads, all_.tables
    everyone = [*range(len(labels))]  # their numbers
    names, places = [name for name, _ in places_], [place for _, place in places_]
    heads_then, places_then = image(heads), image(places)
    tables_then = b"" if tells else image(tables)
    top, rows = head(loaded), table(loaded)
    top_then, rows_then = top.raw, rows.raw
    is_first, found = True, ""
    while True:
        yield found
        found = ""
        heads_now = image(heads)
        # a table is read only while its head is the same: one that was outgrown has been freed
        tables_now = b"" if tells or heads_now != heads_then else image(tables)
        if heads_now != heads_then or tables_now != tables_then:
            for number in number_of(heads_now, heads_then, head_size) if tells else everyone:
                found = differs(labels[number], spaces[number], kept_[number], loaded, restless)
                if not found and tells and not is_first and not is_open[number]:
                    found = labels[number]
                if found:
                    break
            if not found and (tells or tables_now):  # this was looked at, the next would be another
                heads_then, tables_then = heads_now, tables_now
        is_first = is_first and bool(found)
        if not found:
            places_now = image(places)
            found = "" if places_now == places_then else place_of(names, places_now, places_then, place_size)
        if not found and (top.raw != top_then or rows.raw != rows_then):
            for name, module in modules.items():
                if loaded.get(name) is not module:
                    found = name
                    break
        if not found and hooks_:
            now = current(shell)
            for name, value in hooks_.items():
                if now[name] != value:
                    found = name
                    break


def _difference(
    label: str, space: dict[str, Any], kept: dict[str, Any], loaded: dict[str, Any], restless: frozenset[str]
) -> str:
    """Return the first name of a namespace that has another value, has gone or has come; empty when none has.

    Like `_looking` it looks up no name outside: all it uses is handed to it.
    """
    for name, value in kept.items():
        if name not in restless and (name not in space or space[name] is not value):
            return f"{label}.{name}"
    for name in space:  # a package gets the name of a module that is imported from it
        is_module = loaded.get(f"{label}.{name}") is space[name]
        if name not in kept and name not in restless and not is_module:
            return f"{label}.{name}"
    return ""


def _numbers(now: bytes, then: bytes, size: int) -> Generator[int]:
    """Yield the numbers of the pieces, of `size` bytes each, in which two images differ; it looks up nothing either."""
    number, start, end = 0, 0, size
    while start != end:
        piece = now[start:end]
        if not piece:
            return
        if piece != then[start:end]:
            yield number
        number, start, end = number + 1, end, end + size


def _place(named: list[str], now: bytes, then: bytes, size: int) -> str:
    """Return the name of the first place, of `size` bytes each, that differs; it looks up nothing either."""
    start = 0
    for name in named:
        if now[start : start + size] != then[start : start + size]:
            return name
        start += size
    return ""
