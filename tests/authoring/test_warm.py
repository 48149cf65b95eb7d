"""Both roads, forked and fresh, give the same verdicts, and nothing an answer does costs another question."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import small_course
from small_course import RIGHT, WRONG, Traces

from course_lib.authoring import graft
from course_lib.authoring.warm import Warm, WarmPool
from course_lib.checks.outcome import Outcome
from course_lib.errors import CourseError

JOBS = {job.question: job for job in graft.jobs(small_course.solution(), {})}
DOUBLE = JOBS["small-double"]
BUG = 'this is a bug in the course: please report it with the output of "course doctor"'


@pytest.fixture(params=["forked", "fresh"])
def either(request: pytest.FixtureRequest, warm: Warm, small: Path) -> Warm:
    """Return a process of each road."""
    return warm if request.param == "forked" else Warm(fork=False)


def run(warm: Warm, answer: str, **changes: str) -> Outcome:
    """Judge an answer to small-double."""
    return warm.run(replace(DOUBLE, answer=answer, **changes))  # type: ignore[arg-type]  # texts only


# answer -> outcome and message, the same on both roads
ANSWERS = {
    "right": (RIGHT["small-double"], "pass", "doubled twice"),
    "wrong": ("async def double(n):\n    return 6", "fail", "expected 8, got 6"),
    "raises": ("1 / 0", "error", "ZeroDivisionError: division by zero, line 1 of the cell"),
    "no syntax": ("def double(:", "error", "SyntaxError: invalid syntax, line 1 of the cell"),
    "no function": ("x = 1", "error", "NameError: name 'double' is not defined, line 1 of the cell"),
    "loops": (
        "# round and round\nwhile True: pass",
        "timeout",
        "timeout: still waiting at line 2 of the cell after 2 s",
    ),
    "loops inside": (
        "async def double(n):\n    while True: pass",
        "timeout",
        "timeout: still waiting at line 2 of the cell, which never gives the loop back after 2 s",
    ),
    "waits inside": (
        "async def double(n):\n    await asyncio.sleep(99)",
        "timeout",
        "timeout: still waiting in 'double' at line 2 of the cell after 2 s",
    ),
    "ends": ("import os\nos._exit(0)", "timeout", "the answer ended the process (exit status 0)"),
    "killed": ("import os\nos.kill(os.getpid(), 9)", "timeout", "the answer ended the process (exit status -9)"),
    "asks": (
        "input()",
        "error",
        "EOFError: input() has no keyboard here; give the value in the code, line 1 of the cell",
    ),
    "shouts": (
        f"import os\nprint('x' * 10_000_000)\nos.write(1, b'{{}}')\n{RIGHT['small-double']}",
        "pass",
        "doubled twice",
    ),
}
FRESH = (
    "right",
    "wrong",
    "no function",
    "loops",
    "loops inside",
    "ends",
    "shouts",
)  # a process each: the others differ
# in nothing that could depend on the road


@pytest.mark.parametrize("name", ANSWERS)
def test_every_kind_of_answer_has_its_verdict(name: str, warm: Warm) -> None:
    judge(name, warm)


@pytest.mark.parametrize("name", FRESH)
def test_process_without_a_fork_gives_the_same_verdict(name: str, small: Path) -> None:
    with Warm(fork=False) as fresh:
        judge(name, fresh)


def judge(name: str, warm: Warm) -> None:
    """Expect the verdict of one kind of answer."""
    answer, outcome, message = ANSWERS[name]
    judged = run(warm, answer)
    assert (judged.outcome, judged.message) == (outcome, message)
    assert (judged.lesson, judged.points) == ("00_small", int(outcome == "pass"))


def test_hanging_answer_points_to_the_lesson(warm: Warm) -> None:
    judged = run(warm, "while True: pass")
    assert judged.pointer == "notebooks/00_small.ipynb § 1"


def test_wrong_answer_points_where_its_check_says(warm: Warm) -> None:
    assert run(warm, WRONG["small-double-copied"][2]).section == 2


def test_seconds_replace_the_questions_clock(warm: Warm) -> None:
    judged = warm.run(replace(DOUBLE, answer="while True: pass"), seconds=1)
    assert judged.message == "timeout: still waiting at line 1 of the cell after 1 s"


def test_a_job_can_run_twice_in_one_process(either: Warm) -> None:
    answer = f"seen = globals().get('seen', 0) + 1\nassert seen < 3\n{RIGHT['small-double']}"
    job = replace(DOUBLE, answer=answer)
    assert either.run(job, times=2).outcome == "pass"
    assert either.run(job, times=3).message == "AssertionError, line 2 of the cell"


def test_what_one_answer_did_is_unknown_to_the_next(warm: Warm) -> None:
    assert run(warm, f"import json, os\nos.chdir('/')\njson.left = 1\n{RIGHT['small-double']}").outcome == "pass"
    assert run(warm, "import json\njson.left").message.startswith(
        "AttributeError: module 'json' has no attribute 'left'"
    )


def test_processes_an_answer_starts_end_with_it(either: Warm, traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_TEST_MARK", traces.mark)
    start = f"import os, subprocess, sys\nos.environ['COURSE_TEST_MARK'] = {traces.mark!r}\n"
    start += "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    assert run(either, start + RIGHT["small-double"]).outcome == "pass"
    assert traces.gone()


def test_folders_of_jobs_are_removed(either: Warm, tmp_path: Path) -> None:
    answer = f"import os\nopen({str(tmp_path / 'home')!r}, 'w').write(os.getcwd())\n"
    assert run(either, answer + RIGHT["small-double"]).outcome == "pass"
    assert run(either, answer + "while True: pass").outcome == "timeout"
    assert not Path((tmp_path / "home").read_text()).exists()


def test_setup_of_ours_that_fails_is_our_fault(warm: Warm) -> None:
    with pytest.raises(CourseError) as ours:
        warm.run(replace(DOUBLE, setup=["1 / 0"], answer="x = 1"))
    assert str(ours.value) == (
        f"the setup cell of small-double failed itself (ZeroDivisionError: division by zero); {BUG}"
    )


def test_sentence_of_ours_is_not_wrapped_in_another(warm: Warm) -> None:
    setup = small_course.SETUP.replace('return "doubled twice"', "return 2")
    with pytest.raises(CourseError) as ours:
        warm.run(replace(DOUBLE, setup=[setup], answer=RIGHT["small-double"]))
    assert str(ours.value) == f"the check of small-double returned int, expected a sentence; {BUG}"


def test_name_that_our_own_check_misses_is_our_fault(warm: Warm) -> None:
    setup = small_course.SETUP.replace("equal(await ask(double, 3), 6)", "missing(double)")
    with pytest.raises(CourseError) as ours:
        warm.run(replace(DOUBLE, setup=[setup], answer=RIGHT["small-double"]))
    assert str(ours.value) == (
        f"the check of small-double failed itself (NameError: name 'missing' is not defined); {BUG}"
    )


def test_unknown_question_is_our_fault(warm: Warm) -> None:
    with pytest.raises(CourseError, match=r"^no question is called 'small-treble'; did you mean 'small-double'\?$"):
        warm.run(replace(DOUBLE, question="small-treble", answer="x = 1"))


def test_target_that_does_not_fit_is_our_fault(warm: Warm) -> None:
    with pytest.raises(CourseError) as ours:
        warm.run(replace(DOUBLE, answer=RIGHT["small-double"], target="pass small-double, 2 points: other"))
    assert str(ours.value) == (
        "the check of small-double printed 'pass small-double, 1 point: doubled twice', its solution has "
        "'pass small-double, 2 points: other'; normalise it"
    )


def test_wrong_answer_is_not_compared_with_the_target(warm: Warm) -> None:
    assert run(warm, "async def double(n):\n    return 6", target="another").outcome == "fail"


def test_process_that_died_costs_one_job(small: Path) -> None:
    with Warm() as warm:
        with pytest.raises(CourseError) as gone:
            run(warm, "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nwhile True: pass")
        assert str(gone.value) == (
            "the process that runs answers ended by itself; run it again, and if it repeats: course doctor"
        )
        assert run(warm, RIGHT["small-double"]).outcome == "pass"
        assert warm._home is not None
    assert not Path(warm._home.name).exists()  # what the killed process had no time to remove is gone as well


def test_no_process_stays_when_the_block_ends(small: Path, traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_TEST_MARK", traces.mark)
    with Warm() as warm:
        assert run(warm, RIGHT["small-double"]).outcome == "pass"
        assert len(traces.running()) >= 1
    assert traces.gone()


def test_warm_process_that_ignores_the_end_is_killed(small: Path) -> None:
    with Warm() as warm:
        assert run(warm, RIGHT["small-double"]).outcome == "pass"  # from here on it has its own way to end
        assert warm._process is not None
        warm._process.send_signal(signal.SIGSTOP)
    assert warm._process.returncode == -signal.SIGKILL


def test_use_outside_of_the_block_is_refused() -> None:
    with pytest.raises(CourseError, match="use it inside its with block"):
        Warm()._in_warm({})


def test_answers_of_a_pool_run_at_once(small: Path, tmp_path: Path) -> None:
    def meets(own: str, other: str) -> str:
        waits = f"while not (folder / {other!r}).exists():\n    await asyncio.sleep(0.01)"
        begins = f"from pathlib import Path\nfolder = Path({str(tmp_path)!r})\n(folder / {own!r}).touch()"
        return f"{begins}\n{waits}\n{RIGHT['small-double']}"

    with WarmPool(2) as pool, ThreadPoolExecutor(2) as threads:
        answers = [replace(DOUBLE, answer=meets(*names), target="") for names in (("a", "b"), ("b", "a"))]
        found = [outcome.outcome for outcome in threads.map(pool.run, answers)]
    assert found == ["pass", "pass"]


def test_a_pool_needs_a_process() -> None:
    with pytest.raises(CourseError, match="expected at least 1 job, got 0"):
        WarmPool(0)
