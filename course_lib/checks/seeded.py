"""The values of a check: the documented ones for a learner, others in every run for a judge.

Checks are public. An answer that has copied their requests into a table would be right for ever; a judge sows a seed
after the answer's cell has run, and every name, number and date that a check draws from then on is another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256  # the function itself, and no generator of `random`: an answer may have replaced those
from typing import TypeVar

T = TypeVar("T")

CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"
SYLLABLES = 3  # no documented name is spelled like this


class _Seed:
    """A seed that forgets: who finds its state learns what will be drawn, and never what has been."""

    def __init__(self, seed: int) -> None:
        self._state = sha256(str(seed).encode()).digest()

    def below(self, limit: int) -> int:
        """Return a number from 0 up to `limit`, which is not among them."""
        drawn = int.from_bytes(sha256(self._state + b"drawn").digest(), "big")
        self._state = sha256(self._state + b"next").digest()
        return drawn % limit

    def name(self) -> str:
        """Return a word that can be spoken."""
        letters = (CONSONANTS, VOWELS) * SYLLABLES
        return "".join(some[self.below(len(some))] for some in letters).capitalize()


_sown: list[_Seed] = []  # one or none; changed in place, for the names of this module are under the judge's seal


def sow(seed: int | None) -> None:
    """Begin the values of `seed`, the same for the same seed; None brings the documented ones back."""
    _sown[:] = [] if seed is None else [_Seed(seed)]


def numbers(*documented: int, low: int, high: int) -> list[int]:
    """Return as many different numbers from `low` to `high`, in any order and none of them documented.

    Draw before the answer is called: what is drawn while it runs, it could draw as well.
    """
    if not _sown:
        return [*documented]
    left = [number for number in range(low, high + 1) if number not in documented]
    return [left.pop(_sown[0].below(len(left))) for _ in documented]


def number(documented: int, low: int, high: int) -> int:
    """Return one number from `low` to `high` that is not the documented one."""
    return numbers(documented, low=low, high=high)[0]


def choice(documented: T, others: Sequence[T]) -> T:
    """Return one of `others`, none of which is the documented one."""
    return documented if not _sown else others[_sown[0].below(len(others))]


def names(*documented: str) -> list[str]:
    """Return as many different names; those of one call only are known to differ."""
    if not _sown:
        return [*documented]
    made: list[str] = []
    while len(made) < len(documented):
        if (name := _sown[0].name()) not in made:
            made.append(name)
    return made


def drinks(most: int) -> list[tuple[str, int]]:
    """Return drinks that the menu does not have, with their prices in cents: none documented, else 1 to `most`."""
    if not _sown:
        return []
    served = names(*[""] * (1 + _sown[0].below(most)))
    return [(name, 100 + _sown[0].below(2900)) for name in served]
