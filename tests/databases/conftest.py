"""What the tests of the servers share: who is skipped where a server is missing, and a private PostgreSQL to ask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_lib.databases import binaries, unroot
from course_lib.errors import ServerError
from tests.databases.private import Private


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose server is not on this machine, in a learner's words; fail it under COURSE_REQUIRE_ALL=1."""
    for kind in binaries.KINDS:
        if item.get_closest_marker(kind):
            try:
                binaries.find(kind)
                unroot.choose()
            except ServerError as error:
                if os.environ.get("COURSE_REQUIRE_ALL") == "1":
                    pytest.fail(f"COURSE_REQUIRE_ALL=1, but {error}", pytrace=False)
                pytest.skip(str(error))


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Private]:
    """Return an empty home for servers of this test alone; nothing may be left of it."""
    for name in ("COURSE_PG_URL", "COURSE_PG_BIN", "COURSE_PG_CA", "COURSE_UNROOT"):
        monkeypatch.delenv(name, raising=False)
    binaries.find.cache_clear()
    with Private(tmp_path / "state") as made:
        yield made
    binaries.find.cache_clear()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Private]:
    """Return a home with one running server for all tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COURSE_PG_URL", "COURSE_PG_BIN", "COURSE_PG_CA", "COURSE_UNROOT"):
            patch.delenv(name, raising=False)
        binaries.find.cache_clear()
        with Private(tmp_path_factory.mktemp("shared")) as made:
            made.start()
            yield made
    binaries.find.cache_clear()
