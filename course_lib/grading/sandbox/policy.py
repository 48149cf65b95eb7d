"""What a child may use: its limits, the paths it sees beside the usual ones, and the sockets it may connect to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from course_lib.grading.sandbox.limits import Limits
from course_lib.grading.sandbox.view import View, standard_view, view_of


@dataclass(frozen=True)
class Policy:
    """Everything is optional: the default is for an answer on SQLite."""

    limits: Limits = field(default_factory=Limits)
    readable: tuple[Path, ...] = ()  # beside the interpreter, its packages, the system's libraries and the course
    hidden: tuple[Path, ...] = ()  # beside the solutions and the question bank; never seen, whatever else is readable
    sockets: tuple[Path, ...] = ()  # path sockets, or their folders; without any there are no sockets at all
    loopback: bool = False  # a 127.0.0.1 of the child's own, on which it can serve and ask itself; nobody else is there
    environment: tuple[tuple[str, str], ...] = ()  # beside the few that every child gets

    @cached_property
    def view(self) -> View:
        """The paths that this policy shows; looked up once, before a fork, or every child would do it."""
        return standard_view(self.hidden) + view_of(self.readable, self.hidden)
