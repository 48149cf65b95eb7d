"""What may stand in a lock, and what must: the only files that decide which code a learner's machine runs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))
LINE = re.compile(r"^(?:[a-z0-9][a-z0-9._-]*(?:\[[a-z,]+\])?==\S+(?: ; .+)?| {4}--hash=sha256:[0-9a-f]{64})(?: \\)?$")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

EXTRAS = PROJECT["project"]["optional-dependencies"]


def pins(lock: str) -> list[Requirement]:
    """Return the pinned packages of a lock."""
    lines = (ROOT / lock).read_text().splitlines()
    return [Requirement(line.removesuffix("\\")) for line in lines if not line.startswith(" ")]


def test_there_are_four_locks() -> None:
    assert LOCKS == [
        "requirements-bootstrap.lock",
        "requirements-dev.lock",
        "requirements-nbgrader.lock",
        "requirements.lock",
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_names_versions_and_hashes_only(lock: str) -> None:
    odd = [line for line in (ROOT / lock).read_text().splitlines() if not LINE.match(line)]
    assert odd == []  # an address or an index line in here would name a machine of the one who made it


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    text = (ROOT / lock).read_text()
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements.lock", [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]),
        (
            "requirements-dev.lock",
            [line for lines in EXTRAS.values() for line in lines],
        ),
        ("requirements-nbgrader.lock", PROJECT["dependency-groups"]["nbgrader"]),
        ("requirements-bootstrap.lock", PROJECT["dependency-groups"]["bootstrap"]),
    ],
)
def test_lock_gives_what_the_project_asks_for(lock: str, wanted: list[str]) -> None:
    pinned = {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version
        for pin in pins(lock)  # where a package has two pins (by Python version), either must do
    }
    late = [
        line
        for line in wanted
        if (one := Requirement(line)).name not in pinned
        or not one.specifier.contains(pinned[canonicalize_name(one.name)])
    ]
    assert late == [], "type: make lock"


def test_developers_have_what_learners_have() -> None:
    core, dev = ({str(pin) for pin in pins(lock)} for lock in ("requirements.lock", "requirements-dev.lock"))
    assert core - dev == set()


def test_nbgrader_stays_out_of_the_course() -> None:
    names = {pin.name for lock in ("requirements.lock", "requirements-dev.lock") for pin in pins(lock)}
    assert "nbgrader" not in names


def test_build_group_repeats_the_build_system() -> None:
    assert PROJECT["dependency-groups"]["build"] == PROJECT["build-system"]["requires"]
