"""The guide's files are complete, their names are unique, and every name the course uses is found."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from course_lib.checks.probes import SLUGS
from course_lib.errors import CourseError
from course_lib.field_guide import Entry, entries, entry, explain
from course_lib.field_guide.entry import FOLDER, read
from course_lib.field_guide.explain import fitting
from course_lib.locations import course_root

from . import recipes  # noqa: F401 - importing registers the recipes
from .recipe import RECIPES, SYMPTOMS

EVERY = pytest.mark.parametrize("one", entries(), ids=[one.slug for one in entries()])

# the syllabus's names (section H, and the wrong turns of lessons 00, 01 and 03) and the guide's own
USED = {
    "already-begun": "transaction-already-begun",
    "blocking-in-async": "blocked-loop",
    "coroutine-attribute": "missing-await",
    "engine-per-request": "engine-per-request",
    "greenlet-missing": "greenlet-missing",
    "leaked-connection": "gc-connection",
    "loop-running": "asyncio-run-in-loop",
    "lost-task": "lost-task",
    "never-awaited": "never-awaited",
    "no-lifespan": "lifespan-not-run",
    "no-query": "half-migrated",
    "not-async-driver": "driver-not-async",
    "other-loop": "different-loop",
    "two-sessions": "two-sessions-deadlock",
}

# the words of the probes, which a learner pastes as often as an error
PROBES = {
    "1 connection still checked out": "gc-connection",
    "a transaction is still open": "idle-in-transaction",
    "expected at most 2 statements, counted 11": "n-plus-one",
    "expected 1 connection opened, counted 20": "engine-per-request",
    "the event loop stood still": "blocked-loop",
    "2 tasks still running": "lost-task",
    "a coroutine was never awaited": "never-awaited",
    "1 statement still runs on the server": "zombie-query",
}


def test_slugs_and_aliases_are_unique() -> None:
    counted = Counter(name for one in entries() for name in (one.slug, *one.aliases))
    assert [name for name, times in counted.items() if times > 1] == []
    assert [name for name in counted if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", name)] == []


@pytest.mark.parametrize(("name", "slug"), USED.items())
def test_every_name_of_the_course_resolves(name: str, slug: str) -> None:
    assert entry(name).slug == entry(slug).slug == explain(name).slug == slug


def test_every_name_in_solutions_and_checks_resolves() -> None:
    named = set(SLUGS.values())
    for folder, suffix in (("solutions", "ipynb"), ("course_lib/checks", "py")):
        for path in (course_root() / folder).rglob(f"*.{suffix}"):
            named.update(re.findall(r"""["']?\bslug["']? ?[:=] ?["']([\w-]+)["']""", path.read_text(encoding="utf-8")))
    assert {"never-awaited", "coroutine-attribute", "two-sessions", "blocked-loop"} <= named, "the search finds names"
    for name in named:
        assert entry(name).slug == explain(name).slug


@pytest.mark.parametrize(("words", "slug"), PROBES.items())
def test_every_probe_has_its_entry(words: str, slug: str) -> None:
    assert explain(words).slug == slug
    assert explain(f"CheckFailed: {words}").slug == slug


def test_unknown_slug_names_the_nearest() -> None:
    with pytest.raises(CourseError) as refused:
        entry("loop-runing")
    assert str(refused.value) == 'no entry "loop-runing" in the field guide; did you mean "loop-running"?'


@EVERY
def test_entry_is_complete(one: Entry) -> None:
    assert one.cause
    assert one.fix
    assert one.reproduce
    assert set(one.backends) <= {"S", "P", "M", "B", "any", "-"}
    assert set(one.verified.values()) <= {"test", "seen", "no"}
    assert set(one.verified) <= ({"S", "P", "M", "B", "-"} if "any" in one.backends else set(one.backends))
    assert bool(one.pattern) == bool(one.examples), "a pattern without an example is a guess"
    assert one.pattern or (one.symptom and one.probe), "an error without text is found by its symptom"
    assert all(re.fullmatch(r"\d\d_[a-z_]+", lesson) for lesson in (one.lesson, *one.also))
    assert one.lesson not in one.also


@EVERY
def test_examples_belong_to_one_entry(one: Entry) -> None:
    for example in one.examples:
        assert [other.slug for other in fitting(example)] == [one.slug]
        assert explain(example).slug == one.slug


@EVERY
def test_shell_may_have_eaten_the_double_quotes(one: Entry) -> None:
    for example in one.examples:
        eaten = example.replace('"', "")
        assert [other.slug for other in fitting(eaten)] == [one.slug]
        assert explain(eaten).slug == one.slug


@EVERY
def test_example_is_known_in_what_surrounds_it(one: Entry) -> None:
    head, tail = "Traceback (most recent call last):\n  File x\n", "[SQL: SELECT 1]\n[parameters: ()]\n"
    driver = "sqlalchemy.exc.DBAPIError: (sqlalchemy.dialects.postgresql.asyncpg.Error) <class 'asyncpg.Error'>: "
    for example in filter(None, one.examples):
        wrapped = f"{head}{driver}{example}\n{tail}"
        assert {other.slug for other in fitting(wrapped)} <= {one.slug}
        raised = one.raised[0] if one.raised else "Warning"
        assert explain(f"{head}{raised}: {example}\n{tail}").slug == one.slug


@EVERY
def test_pattern_needs_text(one: Entry) -> None:
    if one.slug != "empty-timeout":  # its type is all there is
        assert not one.pattern or not re.search(one.pattern, ""), "only a type may be found without text"


@EVERY
def test_explanation_is_a_few_lines_of_a_hundred_columns(one: Entry) -> None:
    lines = str(explain(one.slug)).splitlines()
    assert 4 <= len(lines) <= (11 if one.is_silent else 7), "only a silent failure also needs its probe"
    assert max(map(len, lines)) <= 100
    assert not re.search(r"\b(simply|just|obviously|easy|easily)\b", "\n".join(lines))


def test_what_is_marked_tested_is_tested() -> None:
    provoked = {slug for slug, _ in [*RECIPES, *SYMPTOMS]}
    assert {one.slug for one in entries() if "test" in one.verified.values()} == provoked


def test_a_file_holds_the_entries_of_its_lesson() -> None:
    for path in FOLDER.glob("*.toml"):
        assert {one.lesson for one in read(path) if one.variant_of is None} == {path.stem}


def test_guide_order_is_by_lesson() -> None:
    lessons = [one.lesson for one in entries() if one.variant_of is None]
    assert lessons == sorted(lessons)


def test_variants_follow_their_entry() -> None:
    whole = ""
    for one in entries():
        whole = whole if one.variant_of else one.slug
        assert one.variant_of in (None, whole)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[[entry]\n", "the field guide's file 00_broken.toml cannot be read"),
        (
            "[[entry]]\nslug = 'a-b'\nexmaple = 'x'\n",
            "00_broken.toml: unknown or missing fields of a-b: backends, cause,",
        ),
        ("[[entry]]\nlesson = '00'\n", "00_broken.toml: unknown or missing fields of an entry without slug: "),
    ],
)
def test_broken_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    broken = tmp_path / "00_broken.toml"
    broken.write_text(content, encoding="utf-8")
    with pytest.raises(CourseError) as refused:
        list(read(broken))
    assert str(refused.value).startswith(message)
