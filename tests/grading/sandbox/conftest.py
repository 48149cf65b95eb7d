"""A warm process for each user that an answer may belong to, and what it takes to run attacks for real."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from confined_answers import Answers

from course_lib.databases import unroot
from course_lib.databases.unroot import Unroot

USERS: dict[str, int | None] = {"as we are": None}
if os.geteuid() == 0:
    USERS["as nobody"] = 65534


def lacking(reason: str) -> None:
    """Skip a test for a reason of this machine; fail it under COURSE_REQUIRE_ALL=1."""
    if os.environ.get("COURSE_REQUIRE_ALL") == "1":
        pytest.fail(f"COURSE_REQUIRE_ALL=1, but {reason}", pytrace=False)
    pytest.skip(reason)


class Processes:
    """Warm processes by their user, each started when it is first asked for."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._started: dict[int | None, Answers] = {}

    def of(self, user: int | None) -> Iterator[Answers]:
        """Yield the process of a user where its children get every layer; nothing of an answer may be left."""
        if user is not None and (reason := unroot.complaint(Unroot("nobody"))):
            lacking(f"root cannot become an ordinary user ({reason})")
        if user not in self._started:
            self._started[user] = self._stack.enter_context(Answers(user))
        answers = self._started[user]
        if answers.layers is None:  # asked with code that does nothing: an attack must not find out
            answers.layers = answers.run("pass")["isolation"]["layers"]
        missing = [f"{layer['name']} ({layer['detail']})" for layer in answers.layers if not layer["is_on"]]
        if missing:
            lacking(f"this machine lacks a layer of the sandbox: {', '.join(missing)}")
        yield answers
        assert answers.left_behind() == []

    def end(self) -> None:
        """End them all."""
        self._stack.close()


@pytest.fixture(scope="session")
def processes() -> Iterator[Processes]:
    """Return the warm processes of this run."""
    made = Processes()
    yield made
    made.end()


@pytest.fixture(params=USERS)
def answers(request: pytest.FixtureRequest, processes: Processes) -> Iterator[Answers]:
    """Return a warm process of this user, and one of an ordinary user where this one is root."""
    yield from processes.of(USERS[request.param])


@pytest.fixture
def ours(processes: Processes) -> Iterator[Answers]:
    """Return a warm process of this user."""
    yield from processes.of(None)


@pytest.fixture
def ordinary(processes: Processes) -> Iterator[Answers]:
    """Return a warm process of a user who is not root."""
    yield from processes.of([*USERS.values()][-1])
