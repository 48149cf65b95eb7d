"""A job runs like a notebook: in order, with top-level await, with capped streams and a clock for each part.

It changes the streams and the folder of its process, so each test gives them back.
"""

from __future__ import annotations

import builtins
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # Any: IPython ships no types; a record is JSON

import hidden_servers
import pytest
import small_course
from IPython.core.interactiveshell import InteractiveShell

from course_lib.authoring import cells
from course_lib.checks import question, seeded, verdict

JOB = {
    "question": "small-double",
    "setup": [small_course.SETUP],
    "answer": small_course.RIGHT["small-double"],
    "check": 'await check("small-double", double=double)',
    "target": "",
}


@pytest.fixture
def run(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that runs a job in this process; whatever the job changes is put back."""
    for owner, name in ((sys, "stdout"), (sys, "stderr"), (builtins, "input"), (verdict, "compare_with_starter")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(verdict, "recorders", [])
    monkeypatch.setattr(question, "_questions", question.all_questions())  # a copy, with all that will be imported
    monkeypatch.setenv("COURSE_STRICT", "1")
    monkeypatch.chdir(tmp_path)
    before, modules = signal.getsignal(signal.SIGALRM), {*sys.modules}
    shell = cells.make_shell()
    stages: list[dict[str, Any]] = []

    def runner(**changes: Any) -> dict[str, Any]:
        stages.clear()
        seeded.sow(None)  # as in a process of its own
        record = cells.run_job({**JOB, **changes}, shell, str(tmp_path), stages.append)
        return {**record, "stages": [said["stage"] for said in stages if said["stage"] != "waiting"]}

    yield runner
    seeded.sow(None)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    shell.restore_sys_module_state()
    type(shell).clear_instance()
    for name in {*sys.modules} - modules:
        if name.startswith("app"):
            del sys.modules[name]


def test_right_answer_gets_its_verdict(run: Any) -> None:
    record = run()
    assert (record["stage"], record["shown"]) == ("verdict", "pass small-double, 1 point: doubled twice")
    assert record["stages"] == ["prepared", "answered"]


def test_answer_runs_as_often_as_asked(run: Any) -> None:
    record = run(answer=f"count = globals().get('count', 0) + 1\nprint('run', count)\n{JOB['answer']}", times=3)
    assert [line for line in record["text"].splitlines() if line.startswith("run")] == ["run 1", "run 2", "run 3"]
    assert record["stages"] == ["prepared", "answered"] * 3


def test_wrong_answer_ends_the_repetition(run: Any) -> None:
    record = run(answer="async def double(n): return 6", times=3)
    assert (record["verdict"]["outcome"], record["verdict"]["message"]) == ("fail", "expected 8, got 6")
    assert record["stages"] == ["prepared", "answered"]


def test_own_error_of_an_answer_has_its_line(run: Any) -> None:
    record = run(answer="# question: small-double\nx = 1\nraise ValueError('no')")
    assert (record["stage"], record["message"], record["place"]) == ("answer", "ValueError: no", "line 3 of the cell")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("def double(:", "SyntaxError: invalid syntax"),
        ("x = 'open", "SyntaxError: unterminated string literal (detected at line 1)"),
        ("if True:\npass", "IndentationError: expected an indented block after 'if' statement on line 1"),
    ],
)
def test_answer_that_does_not_parse_is_an_error_with_its_line(run: Any, answer: str, message: str) -> None:
    record = run(answer=answer)
    assert (record["stage"], record["message"]) == ("answer", message)
    assert record["place"].startswith("line ")


def test_check_without_its_function_is_the_answers_error(run: Any) -> None:
    record = run(answer="x = 1")
    assert (record["stage"], record["error"], record["in_cell"]) == ("check", "NameError", True)


def test_setup_that_fails_is_said_as_such(run: Any) -> None:
    record = run(setup=["1 / 0"])
    assert (record["stage"], record["error"]) == ("setup", "ZeroDivisionError")


def test_unknown_question_is_said(run: Any) -> None:
    record = run(question="small-dubble")
    assert record["stage"] == "unknown"
    assert record["message"].startswith("no question is called 'small-dubble'")


def test_check_cell_that_checks_nothing_is_said(run: Any) -> None:
    record = run(check="1 + 1")
    assert (record["stage"], record["message"]) == ("check", "the check cell did not call its check")


def test_input_has_no_keyboard(run: Any) -> None:
    record = run(answer="name = input('who? ')")
    assert record["message"] == "EOFError: input() has no keyboard here; give the value in the code"


def test_ten_megabytes_of_output_are_capped(run: Any) -> None:
    record = run(answer=f"print('x' * 10_000_000)\n{JOB['answer']}")
    assert record["verdict"]["outcome"] == "pass"
    assert len(record["text"]) <= 2000


def test_a_stream_forgets_what_is_above_its_cap() -> None:
    stream = cells._Capped()
    assert stream.writable()
    assert [stream.write("x" * cells.OUTPUT_CAP), stream.write("yy"), stream.write("zz")] == [cells.OUTPUT_CAP, 2, 2]
    assert len(stream.text()) == cells.OUTPUT_CAP


@pytest.mark.filterwarnings("ignore:To exit")  # IPython's advice to a person at a prompt
@pytest.mark.parametrize("answer", ["import sys\nsys.exit(3)", "raise SystemExit(3)"])
def test_exit_is_an_error_and_not_an_end(run: Any, answer: str) -> None:
    assert run(answer=answer)["message"] == "SystemExit: 3"


def test_workspace_of_the_learner_is_not_touched(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    monkeypatch.setenv("COURSE_WORKSPACE", str(mine))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert run(setup=["%load_ext course_lib", small_course.SETUP])["stage"] == "verdict"
    assert not mine.exists()
    assert "COURSE_WORKSPACE" not in os.environ


def test_no_history_is_kept(run: Any) -> None:
    assert run()["stage"] == "verdict"
    history = InteractiveShell.instance().history_manager
    assert history is not None
    assert not history.enabled


def test_place_where_an_answer_hangs_is_told_before_its_clock_runs_out(run: Any) -> None:
    said: list[dict[str, Any]] = []
    before = signal.getsignal(signal.SIGALRM)
    cells.tell_where(said.append, 3600)
    ring = signal.getsignal(signal.SIGALRM)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    assert callable(ring)
    scope: dict[str, Any] = {"ring": ring, "sys": sys}
    exec(compile("x = 1\nring(14, sys._getframe())", "<answer small 1>", "exec"), scope)
    assert said == [{"stage": "waiting", "message": "at line 2 of the cell"}]


def test_setup_whose_server_is_missing_is_one_printed_line(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_REQUIRE_ALL", raising=False)
    hidden_servers.hide(monkeypatch)
    record = run(setup=["# needs: postgres\n1 / 0", small_course.SETUP])
    assert record["stage"] == "verdict"
    assert record["text"].startswith("skipped: no PostgreSQL here; course doctor says how to install one\n")


DRAWN = """
from course_lib.checks import seeded
from course_lib.checks.question import question


@question("small-drawn", lesson="00_small", section=1)
async def check_drawn(before):
    return f"{before} before, {seeded.number(1, 2, 999)} after"
"""


def drawn(run: Any, before: str, **seed: int) -> str:
    """Return what a check says that tells what an answer and itself have drawn."""
    answer = (
        f"# question: small-drawn\nfrom course_lib.checks import seeded\n{before}\nbefore = seeded.number(1, 2, 999)"
    )
    check = 'await check("small-drawn", before=before)'
    record = run(
        question="small-drawn", setup=["from course_lib import check", DRAWN], answer=answer, check=check, **seed
    )
    said: str = record["verdict"]["message"]
    return said


def test_values_are_the_documented_ones_without_a_seed(run: Any) -> None:
    assert drawn(run, "") == "1 before, 1 after"


def test_seed_comes_after_the_answer_and_before_the_check(run: Any) -> None:
    first, again, other = (drawn(run, "", seed=seed) for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert first.startswith("1 before, ")
    assert not first.endswith(", 1 after")


def test_seed_of_an_answer_does_not_outlast_it(run: Any) -> None:
    assert drawn(run, "seeded.sow(3)").endswith(" before, 1 after")
    assert drawn(run, "seeded.sow(3)", seed=7).partition(", ")[2] == drawn(run, "", seed=7).partition(", ")[2]
