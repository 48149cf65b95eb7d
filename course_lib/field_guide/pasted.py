"""Read the errors out of a pasted text: which types, which words, what caused what.

People paste what their terminal, log or container printed, and the decisive line is seldom the first or the only one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice

MAX_PASTED = 100_000  # the end of a log tells more than its beginning
MAX_LINES = 40  # a message that goes on for longer lists parameters

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CONTAINER = re.compile(r"[\w.-]+ +\| ?(?=\S| {2})")  # `web-1  | Traceback`, as docker compose prints it
_MARGIN = re.compile(r" *\| ?|E {3}(?! )| *\+ (?=Exception Group Traceback)")  # of a group, and of pytest
_GROUP_RULE = re.compile(r" *\+[-+]*-{8,}(?: (?P<number>\d+|\.\.\.) -{8,})?$")
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"
_ENDS_MESSAGE = re.compile(r"\s*$|\s+File |Traceback |\s*[-=_]{8,}|The above exception|During handling of")
_TYPE = r"[A-Za-z_][\w.]*"
_TYPED = re.compile(rf"(?P<types>{_TYPE}(?: <- {_TYPE})*)(?::(?: (?P<text>.*)|$)|$)")
_INLINE = re.compile(rf"(?<=[\s(:])({_TYPE})(?=: )")
_TYPE_ENDINGS = ("Error", "Exception", "Warning", "Group")


@dataclass(frozen=True)
class Pasted:
    """One error of a text: its types as `outer <- wrapped` named them, and its message."""

    types: tuple[str, ...]
    text: str

    @property
    def is_group(self) -> bool:
        """Say whether it only holds other errors."""
        return self.types[-1].endswith("Group")


def looks_like_a_type(name: str) -> bool:
    """Say whether a word can only be the name of an error class."""
    module, _, last = name.rpartition(".")
    return last.endswith(_TYPE_ENDINGS) or bool(module and re.fullmatch(r"(?:[A-Z][a-z]+){2,}", last))


def last_part(text: str) -> str:
    """Return a text without what only came before: an error that was being handled is not a cause."""
    return "\n".join(_clean(text)).rpartition(_CONTEXT)[2]


def chains(text: str, is_type: Callable[[str], bool] = looks_like_a_type) -> list[list[Pasted]]:
    """Return the errors of a text, outermost first with their causes; one list for each leaf of a group."""
    lines = last_part(text).splitlines()
    pieces = [
        list(piece) for is_rule, piece in groupby(lines, lambda line: bool(_GROUP_RULE.match(line))) if not is_rule
    ]
    found = [chain for chain in (_chain(piece, is_type) for piece in pieces) if chain]
    leaves = [chain for chain in found if not chain[0].is_group]
    return leaves if leaves and len(leaves) < len(found) else found[-1:]


def named_type(text: str, is_type: Callable[[str], bool] = looks_like_a_type) -> str:
    """Return the last type that stands behind other words in its line, as a logger writes it; else nothing."""
    found = [match[1] for line in _clean(text) for match in _INLINE.finditer(line) if is_type(match[1])]
    return found[-1] if found else ""


def _clean(text: str) -> list[str]:
    """Return the lines without colours and without the margins of containers, groups and pytest."""
    text = _COLOUR.sub("", text.strip()[-MAX_PASTED:])
    lines = (text if "\n" in text else text.replace("\\n", "\n")).splitlines()  # a log of JSON lines escapes them
    return [_MARGIN.sub("", _CONTAINER.sub("", line, count=1), count=1) if _margined(line) else line for line in lines]


def _margined(line: str) -> bool:
    return bool(_CONTAINER.match(line) or _MARGIN.match(line))


def _chain(lines: list[str], is_type: Callable[[str], bool]) -> list[Pasted]:
    """Return the last error of some lines, then what caused it, as the lines say."""
    chain: list[Pasted] = []
    for part in reversed("\n".join(lines).split(_CAUSE)):
        last = next(_errors(part.splitlines(), is_type), None)
        if last:
            chain.append(last)
    return chain


def _errors(lines: list[str], is_type: Callable[[str], bool]) -> Iterator[Pasted]:
    """Yield the errors of one traceback, the last line first."""
    for place in range(len(lines) - 1, -1, -1):
        match = _TYPED.match(lines[place])
        types = tuple(match["types"].split(" <- ")) if match else ()
        if match and all(map(is_type, types)):
            more = islice(lines, place + 1, place + 1 + MAX_LINES)
            message = [match["text"] or "", *_until(more)]
            yield Pasted(types, "\n".join(message).strip())


def _until(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if _ENDS_MESSAGE.match(line):
            return
        yield line
