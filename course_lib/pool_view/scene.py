"""One moment of a pool: who sits where, how many wait at the rope, how many were served and refused.

Model and engine both become this, so one picture and one sentence serve both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Scene:
    """`seats` holds the guest of each seat ("" when free); those from `size` on are overflow."""

    seats: tuple[str, ...]
    size: int
    waiting: int = 0
    served: int = 0
    refused: int = 0

    @property
    def taken(self) -> int:
        """How many seats are taken."""
        return sum(bool(guest) for guest in self.seats)

    def __str__(self) -> str:
        overflow = len(self.seats) - self.size
        extra = f" (of them {overflow} overflow)" if overflow > 0 else ""
        seats = f"{self.taken} of {len(self.seats)} seats taken{extra}"
        return f"{seats}, {self.waiting} at the rope, {self.served} served, {self.refused} refused"


class Source(Protocol):
    """Where scenes come from."""

    def scene(self) -> Scene:
        """Return the present moment."""
