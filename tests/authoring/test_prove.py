"""The proof finds what it must: a check that cannot fail, a wrong turn with the wrong message, a right way refused."""

from __future__ import annotations

import ast
from pathlib import Path

import hidden_servers
import pytest
import small_course
from small_course import DOUBLE, RIGHT, STEM, WRONG, raw

from course_lib.authoring import prove
from course_lib.authoring.graft import Job
from course_lib.authoring.prove import Row
from course_lib.authoring.warm import Warm
from course_lib.checks.outcome import Outcome
from course_lib.notebook_file import Notebook

BOTH = ["small-double", "small-later"]


def proved(small: Path, warm: Warm, solution: Notebook) -> dict[tuple[str, str], Row]:
    """Prove a changed solution; return the rows by question and variant."""
    small_course.write(small / "solutions" / f"{STEM}.ipynb", solution)
    return {(row.variant.question, row.variant.name): row for row in prove.prove(0, warm)}


def holes(rows: dict[tuple[str, str], Row]) -> dict[tuple[str, str], str]:
    """Return what is not as it must be."""
    return {name: row.hole for name, row in rows.items() if row.hole}


def with_setup(old: str, new: str) -> Notebook:
    """Return the solution with another text in its checks."""
    solution = small_course.solution()
    assert old in solution["cells"][1]["source"]
    solution["cells"][1]["source"] = solution["cells"][1]["source"].replace(old, new)
    return solution


def with_cell(name: str, **changes: object) -> Notebook:
    """Return the solution with another content of one cell."""
    solution = small_course.solution()
    next(cell for cell in solution["cells"] if cell["id"] == name).update(changes)
    return solution


def without(name: str) -> Notebook:
    """Return the solution without one cell."""
    solution = small_course.solution()
    solution["cells"] = [cell for cell in solution["cells"] if cell["id"] != name]
    return solution


def test_every_variant_is_judged_and_there_is_no_hole(small: Path, warm: Warm) -> None:
    told: list[Row] = []
    rows = prove.prove(0, warm, told.append)
    assert rows == told
    assert [row.hole for row in rows if row.hole] == []
    kinds = [row.variant.kind for row in rows]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "starter": 2,
        "solution": 2,
        "no-await": 1,
        "right": 2,
        "wrong": 7,  # three each, and the broken starter
    }


def test_outcomes_are_those_of_the_judge(small: Path, warm: Warm) -> None:
    rows = {(row.variant.question, row.variant.kind): row.outcome.outcome for row in prove.prove(0, warm)}
    assert rows[("small-double", "starter")] == "not attempted"
    assert rows[("small-double", "solution")] == "pass"
    assert rows[("small-double", "right")] == "pass"
    assert rows[("small-double", "no-await")] == "fail"
    assert rows[("small-later", "wrong")] == "error"


class Hears:
    """Says of each answer what the warm process says; of the solution of one question something else."""

    def __init__(self, warm: Warm, other: Outcome | None = None) -> None:
        self._warm = warm
        self._other = other
        self.heard: list[str] = []

    def run(self, job: Job) -> Outcome:
        """Return the outcome of `job`."""
        self.heard.append(job.answer)
        if self._other is not None and job.target and job.question == self._other.question:
            return self._other
        return self._warm.run(job)


def test_each_answer_is_handed_to_the_judge_as_well(small: Path, warm: Warm) -> None:
    judge = Hears(warm)
    rows = prove.prove(0, warm, judge=judge)
    assert [row.hole for row in rows if row.hole] == []
    assert judge.heard == [row.variant.text for row in rows if row.variant.kind != "starter"]


def test_what_the_judge_says_otherwise_is_a_hole(small: Path, warm: Warm) -> None:
    fails = Outcome("small-double", "fail", "expected nothing")
    rows = prove.prove(0, warm, judge=Hears(warm, fails))
    found = {(row.variant.question, row.variant.name): row.hole for row in rows if row.hole}
    assert found == {("small-double", "solution"): "by the judge: must pass, got fail: expected nothing"}


def test_check_that_always_passes_is_a_hole_for_every_wrong_turn(small: Path, warm: Warm) -> None:
    broken = with_setup("    equal(await ask(double, 3), 6)\n    equal(await ask(double, 4), 8, section=2)\n", "")
    found = holes(proved(small, warm, broken))
    assert {name for _, name in found} == {"copied", "tripled", "handed-on", "no await 1"}
    assert set(found.values()) == {"must be caught, got pass"}


def test_message_that_is_not_the_promised_one_is_a_hole(small: Path, warm: Warm) -> None:
    found = holes(proved(small, warm, with_setup("equal(await ask(double, 3), 6)", "equal(await ask(double, 5), 10)")))
    assert found[("small-double", "tripled")] == "expected 'expected 6, got 9', got 'expected 10, got 15'"


def test_promise_that_is_empty_is_a_hole(small: Path, warm: Warm) -> None:
    found = holes(proved(small, warm, with_cell("wrong-small-later-early", source="async def later():\n    return 1")))
    assert found == {("small-later", "early"): "expected '', got \"expected 'later', got 1\""}


def test_wrong_section_is_a_hole(small: Path, warm: Warm) -> None:
    changed = with_cell("wrong-small-double-copied", metadata={"course": {"question": "small-double", "section": 1}})
    changed["cells"][6]["metadata"]["tags"] = ["wrong"]
    assert changed["cells"][6]["id"] == "wrong-small-double-copied"
    assert holes(proved(small, warm, changed)) == {("small-double", "copied"): "must point to § 1, points to § 2"}


def test_another_entry_of_the_field_guide_is_a_hole(small: Path, warm: Warm) -> None:
    turn = raw(
        "wrong-small-double-handed-on",
        f"# caught: {WRONG['small-double-handed-on'][0]}\n{WRONG['small-double-handed-on'][2]}",
        "wrong",
        question="small-double",
        section=1,
        slug="different-loop",
    )
    changed = with_cell("wrong-small-double-handed-on", **turn)
    found = holes(proved(small, warm, changed))
    assert found == {("small-double", "handed-on"): "must name different-loop, names never-awaited"}


def test_right_way_that_is_refused_is_a_hole(small: Path, warm: Warm) -> None:
    changed = with_cell("right-small-double-other", source="async def double(n):\n    return 6")
    assert holes(proved(small, warm, changed)) == {("small-double", "other"): "must pass, got fail: expected 8, got 6"}


def test_solution_that_fails_the_second_time_is_a_hole(small: Path, warm: Warm) -> None:
    once = DOUBLE.replace(
        "    await", "    globals().setdefault('seen', []).append(1)\n    assert len(seen) < 4\n    await"
    )
    found = holes(proved(small, warm, with_cell("answer-small-double", source=once)))
    assert found[("small-double", "solution")].startswith("must pass, got error: AssertionError")


def test_check_that_is_broken_itself_is_an_author_error(small: Path, warm: Warm) -> None:
    found = holes(proved(small, warm, with_setup('    return "told later"', "    return None")))
    assert found[("small-later", "solution")].startswith("author error: the check of small-later returned NoneType")
    assert ("small-double", "solution") not in found


def test_printed_target_that_is_old_is_an_author_error(small: Path, warm: Warm) -> None:
    found = holes(proved(small, warm, with_setup('return "told later"', 'return "told"')))
    assert found[("small-later", "solution")].startswith("author error: the check of small-later printed")


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("hints-small-double", "no cell with the id hints-small-double"),
        ("right-small-double-other", "no second right way (a raw cell tagged also-right)"),
        ("wrong-small-double-copied", "2 wrong turns, at least 3 are needed"),
    ],
)
def test_what_a_question_lacks_is_named(gone: str, said: str) -> None:
    assert prove.gaps(without(gone)) == [("small-double", said)]


def test_question_without_a_check_is_named() -> None:
    assert prove.gaps(without("check-small-later")) == [("small-later", "no cell with the id check-small-later")]


def test_question_without_points_is_named() -> None:
    assert prove.gaps(with_cell("check-small-later", metadata={})) == [("small-later", "the check cell has no points")]


def test_raw_cell_of_a_question_nobody_asks_is_named(small: Path, warm: Warm) -> None:
    solution = small_course.solution()
    solution["cells"].append(raw("right-small-treble-x", "x = 1", "also-right", question="small-treble"))
    assert holes(proved(small, warm, solution)) == {
        ("small-treble", "gate"): "the raw cell x names a question that is not asked here"
    }


def test_gaps_are_rows_with_a_hole(small: Path, warm: Warm) -> None:
    rows = proved(small, warm, without("hints-small-later"))
    assert rows[("small-later", "gate")].hole == "no cell with the id hints-small-later"


def test_question_without_a_check_does_not_stop_the_proof(small: Path, warm: Warm) -> None:
    rows = proved(small, warm, without("check-small-later"))
    assert rows[("small-later", "gate")].hole == "no cell with the id check-small-later"
    assert not rows[("small-double", "solution")].hole


def test_a_variant_gets_its_question_line() -> None:
    made = {variant.name: variant.text for variant in prove.variants(small_course.solution())}
    assert made["copied"].splitlines()[0] == "# question: small-double"
    assert made["other"] == RIGHT["small-later"]


def test_each_await_is_dropped_once() -> None:
    answer = (
        "# question: q\nasync def f(a):\n    x = await a()\n    async with b() as c:\n        return await c(await x)"
    )
    dropped = [text for _, text in prove._without_await("q", answer)]
    assert [sum(isinstance(node, ast.Await) for node in ast.walk(ast.parse(text))) for text in dropped] == [2, 2, 2]
    assert len(set(dropped)) == 3
    assert all(text.startswith("# question: q\n") for text in dropped)


def test_raw_cells_without_a_tag_are_no_variants() -> None:
    solution = with_cell("wrong-small-later-early", metadata={"course": {"question": "small-later"}, "tags": []})
    assert "early" not in [variant.name for variant in prove.variants(solution)]
    assert {variant.question for variant in prove.variants(solution)} == set(BOTH)


def on_a_server() -> Notebook:
    """Return the solution with its first question answered on a PostgreSQL."""
    text = DOUBLE.replace("small-double\n", "small-double\n# needs: postgres\n")
    return with_cell("answer-small-double", source=text)


def test_question_whose_server_is_missing_is_no_hole_and_says_so(
    small: Path, warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COURSE_REQUIRE_ALL", raising=False)
    hidden_servers.hide(monkeypatch)
    rows = proved(small, warm, on_a_server())
    assert holes(rows) == {}
    solution = rows["small-double", "solution"].outcome
    assert (solution.outcome, solution.message) == (
        "not attempted",
        "skipped: no PostgreSQL here; course doctor says how to install one",
    )
    assert rows["small-later", "solution"].outcome.outcome == "pass"


def test_question_whose_server_is_missing_is_a_hole_where_none_may_be_missing(
    small: Path, warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_REQUIRE_ALL", "1")
    hidden_servers.hide(monkeypatch)
    said = holes(proved(small, warm, on_a_server()))["small-double", "solution"]
    assert said.startswith("author error: no PostgreSQL here; course doctor says how to install one (")


@pytest.mark.postgres
def test_question_whose_server_is_here_is_proved(small: Path, warm: Warm) -> None:
    rows = proved(small, warm, on_a_server())
    assert holes(rows) == {}
    assert rows["small-double", "solution"].outcome.outcome == "pass"


def test_seed_reaches_the_check_of_every_variant(small: Path, warm: Warm) -> None:
    drawn = "    number = __import__('course_lib.checks.seeded', fromlist=['*']).number(3, 5, 90)\n"
    solution = with_setup(
        "    equal(await ask(double, 3), 6)\n", f"{drawn}    equal(await ask(double, number), 2 * number)\n"
    )
    assert holes(proved(small, warm, solution)) == {}
    rows = prove.prove(0, warm, seed=7)
    found = {row.variant.name: row.outcome.message for row in rows if row.hole}
    assert found
    assert all(message.startswith("expected ") for message in found.values())
    assert not any("expected 6" in message for message in found.values())
    assert [row.hole for row in rows if row.variant.kind in ("solution", "right") and row.hole] == []
