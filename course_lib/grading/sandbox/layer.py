"""One layer of the sandbox, on or missing, and all of them together.

No single layer is enough, and no machine has them all: what is missing is a fact for a report, not a crash.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any  # Any: JSON

from course_lib.errors import CourseError


class MissingLayer(OSError):
    """A layer this machine does not have, where no system call says so."""


@dataclass(frozen=True)
class Layer:
    """One layer; `detail` is what it does here, or why it is missing."""

    name: str
    is_on: bool
    detail: str

    def __str__(self) -> str:
        return f"{self.name}: {'on' if self.is_on else 'missing'}, {self.detail}"


def attempt(name: str, work: Callable[[], str]) -> Layer:
    """Enter one layer with `work`, which returns what it does; an `OSError` is the reason why it is missing."""
    try:
        return Layer(name, True, work())
    except MissingLayer as missing:
        return Layer(name, False, str(missing))
    except OSError as error:
        return Layer(name, False, os.strerror(error.errno) if error.errno else str(error))


@dataclass(frozen=True)
class Isolation:
    """The layers of one child; its text is one sentence for each."""

    layers: tuple[Layer, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.layers))

    @property
    def missing(self) -> tuple[Layer, ...]:
        """The layers that are not on."""
        return tuple(layer for layer in self.layers if not layer.is_on)

    def has(self, name: str) -> bool:
        """Say whether the layer `name` is on."""
        return any(layer.is_on for layer in self.layers if layer.name == name)

    def require(self) -> None:
        """Raise `CourseError` where a layer is missing."""
        if self.missing:
            lacks = ", ".join(f"{layer.name} ({layer.detail})" for layer in self.missing)
            raise CourseError(
                f"expected every layer of the sandbox, but this machine lacks {lacks}; "
                "go on without requiring it, or use another machine"
            )

    def to_json(self) -> list[dict[str, Any]]:
        """Return what `from_json` reads."""
        return [asdict(layer) for layer in self.layers]

    @classmethod
    def from_json(cls, found: list[dict[str, Any]]) -> Isolation:
        """Return the isolation that `to_json` wrote."""
        return cls(tuple(Layer(**layer) for layer in found))
