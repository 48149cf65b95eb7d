"""`course check`: a table or JSON, an exit code, one sentence for what is broken, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import small_course
from small_course import RIGHT, STEM, Traces, full_disk, verdicts, wait_until

from course_lib.cli import main
from course_lib.grading.judge import JOBS
from course_lib.study.progress import events, passed

COURSE = [sys.executable, "-m", "course_lib.cli"]
WRONG = "async def double(n):\n    return 6"


def hand_in(small: Path, **answers: str) -> Path:
    """Write the learner's sheet; right where nothing is said."""
    given = {"small_double": RIGHT["small-double"], "small_later": RIGHT["small-later"], **answers}
    return small_course.write(small / "work" / "exercises" / f"{STEM}.ipynb", small_course.sheet(**given))


def test_right_answers_are_a_table_and_code_0(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(small)
    assert main(["check", "0"]) == 0
    shown = capsys.readouterr()
    rows = [line.strip().split(maxsplit=4) for line in shown.out.splitlines() if line.startswith("  small-")]
    assert rows == [
        ["small-double", "✓", "pass", "1/1", "doubled twice"],
        ["small-later", "✓", "pass", "1/1", "told later"],
    ]
    assert shown.out.splitlines()[0].strip() == STEM
    assert shown.err == ""


def test_wrong_answer_says_what_where_and_how(
    small: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    hand_in(small, small_double=WRONG)
    assert main(["check"]) == 1
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    row = next(index for index, line in enumerate(lines) if line.startswith("small-double"))
    assert lines[row].split(maxsplit=4)[1:] == ["✗", "fail", "0/1", "expected 8, got 6"]
    assert lines[row + 1] == f"read: notebooks/{STEM}.ipynb § 2"
    assert lines[row + 2].startswith("hint: word word")
    assert lines[row + 3] == ("note: the line '# question: small-double' is missing or changed; found by its metadata")


def test_untouched_sheet_is_no_mistake(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_course.write(small / "work" / "exercises" / f"{STEM}.ipynb", small_course.sheet())
    assert main(["check", "--json"]) == 0
    assert verdicts(capsys.readouterr().out) == {"small-double": "not attempted", "small-later": "not attempted"}


def test_json_has_everything_of_a_verdict(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(small, small_double=f"# question: small-double\n{WRONG}")
    assert main(["check", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["version"], data["problems"]) == (1, {})
    assert data["sheets"][STEM][0] == {
        "question": "small-double",
        "outcome": "fail",
        "message": "expected 8, got 6",
        "points": 0,
        "possible": 1,
        "lesson": STEM,
        "section": 2,
        "slug": "",
        "pointer": f"notebooks/{STEM}.ipynb § 2",
        "note": "",
        "hint": ("word " * 24).strip(),
    }


def test_verdicts_are_remembered(small: Path) -> None:
    hand_in(small, small_double=WRONG)
    main(["check"])
    assert [(event.verb, event.object) for event in events()] == [
        ("checked", "small-double"),
        ("checked", "small-later"),
        ("passed", "small-later"),
    ]
    assert passed() == {"small-later"}


def test_broken_sheet_costs_a_sentence_and_the_others_their_verdict(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = hand_in(small)
    bad, old = good.with_name("00_bad.ipynb"), good.with_name("00_old.ipynb")
    bad.write_text("{")
    old.write_text('{"nbformat": 3}')
    assert main(["check", "--json", str(bad), str(good), str(old)]) == 2
    data = json.loads(capsys.readouterr().out)
    assert [row["outcome"] for row in data["sheets"][STEM]] == ["pass", "pass"]
    assert data["problems"] == {
        "00_bad": "00_bad.ipynb is not a notebook (no JSON inside); restore it with: course reset 00",
        "00_old": "00_old.ipynb has notebook format 3, expected 4; open it in JupyterLab and save it again",
    }


def test_broken_sheet_is_said_below_the_table(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(small).write_text("[]")
    assert main(["check"]) == 2
    shown = " ".join(capsys.readouterr().out.split())
    assert shown == (
        f"{STEM}: {STEM}.ipynb is not a notebook (expected an object, got list); restore it with: course reset 00"
    )


def test_two_sheets_of_one_name_are_told_apart(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = hand_in(small)
    second = small_course.write(small / "other" / f"{STEM}.ipynb", small_course.sheet(small_double=WRONG))
    assert main(["check", "--json", str(first), str(second)]) == 1
    assert set(json.loads(capsys.readouterr().out)["sheets"]) == {STEM, str(second)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no answers in work/ yet; begin with: course start"),
        (["0"], f"no answers for {STEM} in work/ yet; begin with: course start 00"),
        (["7"], "lesson 07 is not in exercises/; there are: 00"),
        (["gone.ipynb"], "no file gone.ipynb; name a lesson number (course check 03) or a notebook"),
        (["work"], "no file work; name a lesson number (course check 03) or a notebook"),
    ],
)
def test_sheet_that_is_not_there_is_one_sentence(
    arguments: list[str], said: str, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"course check: {said}\n")


def test_work_of_an_unknown_exercise_is_one_sentence(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small_course.write(small / "mine.ipynb", small_course.notebook(small_course.code("1", "a")))
    assert main(["check", str(path)]) == 2
    assert "mine.ipynb belongs to no exercise of the course" in capsys.readouterr().out


def check(traces: Traces, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the real program, as a terminal does: in a group of its own."""
    return subprocess.Popen(
        [*COURSE, "check", *arguments],
        env=traces.environment(**environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("where", ["answer", "check"])
def test_ctrl_c_leaves_nothing(where: str, small: Path, traces: Traces, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    hang = "while True: pass"
    answer = {"answer": f"if True:\n    {hang}", "check": f"async def double(n):\n    {hang}"}[where]
    sheet = hand_in(small, small_double=f"# question: small-double\n{answer}")
    before = sheet.read_bytes()

    def jobs() -> list[Path]:
        return [home for home in traces.homes if home.parent.name.startswith("velvet-rope-jobs-")]

    with check(traces, TMPDIR=str(temporary)) as process:
        wait_until(lambda: len(traces.running()) > 2 + JOBS and bool(jobs()))  # an answer, and its folder is known
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (130, "", "course check: stopped\n")
    assert traces.gone()
    assert {(home.exists(), home.parent.exists()) for home in jobs()} == {(False, False)}
    assert [*temporary.iterdir()] == []
    assert sheet.read_bytes() == before
    assert events() == []


def test_full_disk_costs_the_memory_and_not_the_verdicts(small: Path, traces: Traces) -> None:
    hand_in(small)
    done = full_disk(traces, "check", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(verdicts(done.stdout).values()) == {"pass"}
    assert len(done.stderr.splitlines()) == 1
    assert "progress" in done.stderr
    assert traces.gone()


def test_setup_that_fails_is_said_for_each_question(small: Path, traces: Traces) -> None:
    path = small / "solutions" / f"{STEM}.ipynb"
    whole = path.read_text()
    path.write_text(whole.replace('"import asyncio\\n"', "\"import asyncio, os\\nos.truncate('x', 9)\\n\"", 1))
    hand_in(small)
    with check(traces, "--json") as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (1, "")
    messages = [row["message"] for row in json.loads(out)["sheets"][STEM]]
    assert [message.partition("; ")[0] for message in messages] == [
        f"the setup cell of {name} failed itself (FileNotFoundError: [Errno 2] No such file or directory: 'x')"
        for name in ("small-double", "small-later")
    ]


def test_read_only_workspace_does_not_matter(small: Path, tmp_path: Path, traces: Traces) -> None:
    hand_in(small)
    file = tmp_path / "file"
    file.write_text("a file where a folder should be: root may write everywhere, but not below a file")
    with check(traces, "--json", COURSE_WORKSPACE=str(file / "workspace")) as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert set(verdicts(out).values()) == {"pass"}


def test_read_only_progress_costs_one_line(small: Path, tmp_path: Path, traces: Traces) -> None:
    hand_in(small)
    file = tmp_path / "file"
    file.touch()
    with check(traces, "--json", COURSE_PROGRESS_DB=str(file / "progress.db")) as process:
        out, err = process.communicate()
    assert process.returncode == 0
    assert set(verdicts(out).values()) == {"pass"}
    assert len(err.splitlines()) == 1


def test_progress_is_shown_on_a_terminal(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(small)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main(["check"]) == 0
    assert "judging your answers" in capsys.readouterr().err
