"""Evidence: each question of the course is proved, could not be judged here, or is missing by name."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import hidden_servers
import pytest
import small_course
from small_course import STEM

from course_lib.certificate.document import Proved, Unproved
from course_lib.certificate.evidence import evidence, versions
from course_lib.checks.outcome import Outcome, OutcomeName
from course_lib.errors import ServerError
from course_lib.grading.fingerprint import LIBRARIES, fingerprint
from course_lib.grading.graded import Graded, Verdict

LAYERS = ("Landlock", "seccomp", "limits")


def verdict(question: str, outcome: OutcomeName = "pass", message: str = "well done", *layers: str) -> Verdict:
    """Return a verdict; an answer stood behind all layers where none is named."""
    return Verdict(Outcome(question, outcome, message, 1, 1, STEM), isolation=layers or LAYERS)


def sheet(*verdicts: Verdict, problem: str = "") -> dict[str, Graded]:
    """Return a judged sheet of the small course."""
    return {STEM: Graded("ada", f"{STEM}.ipynb", "ab" * 32, "" if problem else STEM, verdicts, problem)}


def needing(small: Path, question: str, server: str) -> None:
    """Let a question of the small course need a server."""
    solution = small_course.solution()
    cell = next(cell for cell in solution["cells"] if cell["id"] == f"answer-{question}")
    cell["source"] = cell["source"].replace("\n", f"\n# needs: {server}\n", 1)
    small_course.write(small / "solutions" / f"{STEM}.ipynb", solution)


def test_all_that_passes_is_proved(small: Path) -> None:
    found = evidence(sheet(verdict("small-double"), verdict("small-later", "pass", "told later")))
    assert found.complaint == ""
    assert found.proved == (Proved(STEM, "small-double", "well done"), Proved(STEM, "small-later", "told later"))
    assert (found.unproved, found.sheets, found.isolation) == ((), {STEM: "ab" * 32}, LAYERS)
    made = found.certificate("Ada", "2026-11-28", "cd")
    assert (made.name, made.date, made.signer, made.lessons) == ("Ada", "2026-11-28", "cd", {STEM: "Small"})
    assert made.versions == versions()


@pytest.mark.parametrize("outcome", ["fail", "error", "timeout", "not attempted"])
def test_what_does_not_pass_is_named(outcome: OutcomeName, small: Path) -> None:
    found = evidence(sheet(verdict("small-double"), verdict("small-later", outcome)))
    assert found.complaint == f"not everything passes: 00 small-later ({outcome})"
    with pytest.raises(ValueError, match="not everything passes"):
        found.certificate("Ada", "2026-11-28")


def test_question_without_a_verdict_is_missing(small: Path) -> None:
    found = evidence(sheet(verdict("small-later")))
    assert found.complaint == "not everything passes: 00 small-double (no verdict)"


def test_question_the_course_does_not_ask_proves_nothing(small: Path) -> None:
    found = evidence(sheet(verdict("small-double"), verdict("small-later"), verdict("invented")))
    assert [each.question for each in found.proved] == ["small-double", "small-later"]


def test_exercise_without_a_sheet_is_missing(small: Path) -> None:
    assert evidence({}).complaint == "not everything passes: 00 no sheet"
    broken = evidence(sheet(problem="00_small.ipynb is not a notebook"))
    assert broken.complaint == "not everything passes: 00 00_small.ipynb is not a notebook"


def test_every_exercise_of_the_course_is_asked_for(small: Path) -> None:
    (small / "solutions" / "01_more.ipynb").write_bytes((small / "solutions" / f"{STEM}.ipynb").read_bytes())
    found = evidence(sheet(verdict("small-double"), verdict("small-later", "fail")))
    assert found.complaint == "not everything passes: 00 small-later (fail); 01 no sheet"


def test_missing_server_is_neither_proved_nor_missing(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_REQUIRE_ALL", raising=False)
    hidden_servers.hide(monkeypatch)
    needing(small, "small-later", "mariadb")
    for message in ("skipped: no MariaDB here", "still the starter; write your answer in its cell"):
        found = evidence(sheet(verdict("small-double"), verdict("small-later", "not attempted", message)))
        assert found.complaint == ""
        assert [each.question for each in found.proved] == ["small-double"]
        assert found.unproved == (Unproved(STEM, "small-later", "no MariaDB here"),)


def test_words_of_a_missing_server_excuse_nobody_where_it_is_here(small: Path) -> None:
    skipped = verdict("small-later", "not attempted", "skipped: no MariaDB here; course doctor says how to install one")
    assert evidence(sheet(verdict("small-double"), skipped)).complaint == (
        "not everything passes: 00 small-later (not attempted)"
    )


def test_nothing_proved_is_no_certificate(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_REQUIRE_ALL", raising=False)
    hidden_servers.hide(monkeypatch)
    needing(small, "small-later", "mariadb")
    path = small / "solutions" / f"{STEM}.ipynb"
    path.write_text(
        path.read_text().replace(
            '"# question: small-double\\n"', '"# question: small-double\\n", "# needs: mariadb\\n"'
        )
    )
    found = evidence(sheet(verdict("small-double", "not attempted"), verdict("small-later", "not attempted")))
    assert found.complaint == "no question could be judged here"


def test_missing_server_is_an_error_where_nothing_may_be_missing(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_REQUIRE_ALL", "1")
    hidden_servers.hide(monkeypatch)
    needing(small, "small-later", "mariadb")
    with pytest.raises(ServerError, match="no MariaDB here"):
        evidence(sheet(verdict("small-double"), verdict("small-later", "not attempted")))


def test_layer_counts_where_every_answer_stood_behind_it(small: Path) -> None:
    behind_two = verdict("small-later", "pass", "told", "seccomp", "limits")
    found = evidence(sheet(verdict("small-double"), behind_two), ["no user namespaces here"])
    assert found.isolation == ("seccomp", "limits", "no user namespaces here")


def test_long_and_odd_words_are_made_fit_to_print(small: Path) -> None:
    found = evidence(sheet(verdict("small-double", "pass", "\x1b[31m" + "x" * 300), verdict("small-later")))
    text = found.proved[0].text
    assert text.startswith("\\x1b[31m")
    assert (len(text), text[-3:]) == (200, "...")


def test_versions_say_what_it_was_judged_with(small: Path) -> None:
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["exercises"] == fingerprint()["exercises"]
    assert {name: found[name] for name in LIBRARIES} == {name: version(name) for name in LIBRARIES}
