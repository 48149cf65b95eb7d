"""`course grade`: a class goes in, reports come out; a run that is killed anywhere is continued to the same bytes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pytest
import small_course
from small_course import LIMIT_S, RIGHT, STEM, Traces, full_disk

from course_lib.checks.outcome import Outcome
from course_lib.cli import main
from course_lib.commands.grade import FORMATS
from course_lib.grading import judge as judging
from course_lib.grading.graded import Graded, Submission, Verdict

COURSE = [sys.executable, "-m", "course_lib.cli", "grade"]
COPIED = "# question: small-double\nasync def double(n):\n    return 6"
HANGS = "# question: small-double\nasync def double(n):\n    await asyncio.sleep(1e9)"
REPORTS = {"report.json", "report.html", "gradebook.csv", "questions.csv", "junit.xml"}


def hand_in(folder: Path, learner: str, **answers: str) -> Path:
    """Write a learner's sheet; right where nothing is said."""
    given = {"small_double": RIGHT["small-double"], "small_later": RIGHT["small-later"], **answers}
    return small_course.write(folder / learner / f"{STEM}.ipynb", small_course.sheet(**given))


@pytest.fixture
def desk(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder where the test runs, with the small course."""
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    return tmp_path / "desk"


class StandIn:
    """A judge that lets everybody pass, for tests of what stands around the judge."""

    isolation: tuple[str, ...] = ()

    def __init__(self, jobs: int, timeout: float | None) -> None:
        self.asked: list[object] = [jobs, timeout]

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    def grade_one(self, submission: Submission) -> Graded:
        """Return a pass."""
        outcome = Outcome("small-double", "pass", "", 1, 1, STEM)
        return Graded(submission.learner, submission.file, submission.digest, STEM, (Verdict(outcome),))


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    """Put the lenient judge in the place of the real one."""
    monkeypatch.setattr(judging, "Judge", StandIn)
    return StandIn


def without_times(folder: Path) -> dict[str, str]:
    """Return every report of a run, without what docs/grading.md calls its times."""
    data = json.loads((folder / "report.json").read_text())
    page = (folder / "report.html").read_text()
    return {
        "report.json": json.dumps({**data, "timings": None}),
        "report.html": re.sub(r"Judged in [\d.]+ s", "", page),
        "junit.xml": re.sub(r' time="[^"]*"', "", (folder / "junit.xml").read_text()),
        **{name: (folder / name).read_text() for name in ("gradebook.csv", "questions.csv")},
    }


def judged_lines(folder: Path) -> list[str]:
    """Return the digests in a journal, half a line left out."""
    try:
        lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [json.loads(line)["digest"] for line in lines[1:] if line.endswith(b"\n")]


def test_class_is_graded_and_reported(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(desk / "in", "ada")
    hand_in(desk / "in", "bob", small_double=COPIED)
    before = {path: path.read_bytes() for path in (desk / "in").rglob("*.ipynb")}
    assert main(["grade", "in", "--jobs", "1"]) == 0
    shown = capsys.readouterr()
    assert {path.name for path in Path("grades").iterdir()} - {"journal.jsonl", "journal.jsonl.lock"} == REPORTS
    assert (
        "1. small-double: expected 8, got 6\n   1 learner, 1 point lost; read notebooks/00_small.ipynb § 2\n"
        in shown.out
    )
    assert "ada      ✓ ✓    2/2\nbob      ✗ ✓    1/2\n" in shown.out
    assert shown.out.endswith("grades/junit.xml, grades/report.html\n")
    assert shown.err.splitlines()[-2:] == ["judged 1 of 2", "judged 2 of 2"]
    data = json.loads(Path("grades/report.json").read_text())
    assert data["submissions"][1]["verdicts"][0]["turn"] == "copied"
    assert {path: path.read_bytes() for path in (desk / "in").rglob("*.ipynb")} == before
    assert "return 6" in Path("grades/report.html").read_text()


def test_second_run_judges_what_is_new_only(
    desk: Path, lenient: type[StandIn], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    judge: Callable[[StandIn, Submission], Graded] = StandIn.grade_one

    def counting(self: StandIn, submission: Submission) -> Graded:
        asked.append(submission.learner)
        return judge(self, submission)

    monkeypatch.setattr(StandIn, "grade_one", counting)
    hand_in(desk / "in", "ada")
    assert main(["grade", "in"]) == 0
    hand_in(desk / "in", "bob")
    capsys.readouterr()
    assert main(["grade", "in"]) == 0
    assert asked == ["ada", "bob"]
    assert "course grade: continued: 1 judged by an earlier run\n" in capsys.readouterr().err
    assert main(["grade", "in", "--timeout", "3"]) == 0
    assert "course grade: begun anew: the earlier run had other --timeout\n" in capsys.readouterr().err
    assert main(["grade", "in", "--timeout", "3", "--no-resume"]) == 0
    assert len(asked) == 6
    assert "begun anew" not in capsys.readouterr().err


def test_what_cannot_be_read_is_code_1_and_the_rest_is_graded(
    desk: Path, lenient: type[StandIn], capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(desk / "in", "ada")
    (desk / "in" / "eve.zip").write_bytes(b"no zip")
    assert main(["grade", "in", "gone.zip"]) == 1
    shown = capsys.readouterr().out
    assert (
        "Could not be read\nin/eve.zip: is no zip that can be read (File is not a zip file); ask for it again\n"
        in shown
    )
    assert "gone.zip: not found; is the path right?\n" in shown
    assert json.loads(Path("grades/report.json").read_text())["submissions"][0]["points"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone"], "nothing to judge in gone (gone: not found; is the path right?)"),
        (["empty"], "nothing to judge in empty (expected notebooks with answers, or zips of them)"),
        (["in", "--exercise", "9"], "lesson 09 is not in solutions/; there are: 00"),
        (["in", "--jobs", "0"], "expected at least 1 job, got 0"),
        (["in", "--timeout", "0"], "expected a --timeout of some seconds, got 0"),
        (["in", "--timeout", "nan"], "expected a --timeout of some seconds, got nan"),
        (["in", "--out", "file"], "file is not a folder; name another with --out"),
        (["in", "--sign", "gone"], "No such file or directory: gone; check the disk and your permissions"),
        (
            ["in", "--sign", "file"],
            "file is no private key; make one with: course certificate --new-key FILE",
        ),
        (
            ["in", "--sign", "file", "--exercise", "0"],
            "a certificate is for the whole course; leave --exercise out, or --sign",
        ),
    ],
)
def test_usage_error_is_code_2_and_one_sentence(
    arguments: list[str], said: str, desk: Path, lenient: type[StandIn], capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(desk / "in", "ada")
    (desk / "empty").mkdir()
    (desk / "file").touch(mode=0o600)
    assert main(["grade", *arguments]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"course grade: {said}\n")
    assert not Path("grades").exists()


@pytest.mark.parametrize("given", ["pdf", "", "json,pdf", ","])
def test_unknown_format_names_the_known(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["grade", "in", "--format", given])
    assert f"expected some of {','.join(FORMATS)}, got {given!r}" in capsys.readouterr().err


def test_formats_and_exercise_are_chosen(desk: Path, lenient: type[StandIn]) -> None:
    hand_in(desk / "in", "ada")
    assert main(["grade", "in", "--exercise", "0", "--format", "csv, json", "--out", "one/two"]) == 0
    there = {path.name for path in Path("one/two").iterdir() if not path.name.startswith("journal")}
    assert there == {"gradebook.csv", "questions.csv", "report.json"}


def test_missing_isolation_is_said_first_and_can_be_required(
    desk: Path, lenient: type[StandIn], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(desk / "in", "ada")
    monkeypatch.setattr(StandIn, "isolation", ("no Landlock on this kernel: files are not hidden",))
    assert main(["grade", "in"]) == 0
    assert capsys.readouterr().err.startswith("course grade: no Landlock on this kernel: files are not hidden\n")
    assert json.loads(Path("grades/report.json").read_text())["isolation"] == [*StandIn.isolation]
    assert main(["grade", "in", "--require-sandbox"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "course grade: a layer of the sandbox is missing; nothing was judged (--require-sandbox)"


def test_reports_in_the_folder_of_the_class_do_not_disturb_the_next_run(desk: Path, lenient: type[StandIn]) -> None:
    hand_in(desk / "in", "ada")
    assert main(["grade", ".", "--out", "in/grades"]) == 0
    first = without_times(Path("in/grades"))
    assert main(["grade", ".", "--out", "in/grades"]) == 0
    assert without_times(Path("in/grades")) == first


def test_signing_judges_again_whatever_an_earlier_run_wrote_down(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The journal is a file that can be edited; what is signed has passed in the run that signs it."""
    hand_in(desk / "in", "ada")
    hand_in(desk / "in", "bob", small_double=COPIED)
    assert main(["certificate", "--new-key", "teacher"]) == 0
    assert main(["grade", "in"]) == 0
    journal = Path("grades/journal.jsonl")
    journal.write_text(journal.read_text().replace('"outcome": "fail"', '"outcome": "pass"'))
    assert main(["grade", "in"]) == 0
    assert "bob      ✓ ✓" in capsys.readouterr().out
    assert main(["grade", "in", "--sign", "teacher"]) == 0
    shown = capsys.readouterr()
    assert shown.err.splitlines()[-2:] == ["judged 1 of 2", "judged 2 of 2"]
    assert shown.out.endswith(
        "Certificates\nada: grades/certificates/ada.pdf\nbob: not everything passes: 00 small-double (fail)\n"
    )
    assert [path.name for path in Path("grades/certificates").iterdir()] == ["ada.pdf"]


def test_narrow_letters_of_a_terminal_are_no_error(desk: Path, lenient: type[StandIn]) -> None:
    hand_in(desk / "in", "ada")
    code = (
        "import test_grade, sys\nfrom course_lib.grading import judge\n"
        "judge.Judge = test_grade.StandIn\nfrom course_lib.cli import main\nsys.exit(main(['grade', 'in']))"
    )
    here = f"{Path(__file__).parent}{os.pathsep}{Path(__file__).parent.parent}"
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": here}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "ada      ?    1/1" in done.stdout


def grade(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start the real program, as a terminal does: in a group of its own."""
    return subprocess.Popen(
        [*COURSE, "in", "--jobs", "2", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def a_class(desk: Path) -> int:
    """Hand in a class whose last two keep the judge waiting, so that it is still at work when it is stopped."""
    for number in range(8):
        hand_in(desk / "in", f"a{number}", **({"small_double": COPIED} if number % 3 == 0 else {}))
    for number in range(2):
        hand_in(desk / "in", f"z{number}", small_double=HANGS)
    return 10


@pytest.fixture(scope="module")
def uninterrupted(small_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the reports on that class of a run that nobody stopped."""
    desk = tmp_path_factory.mktemp("desk")
    a_class(desk)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        with grade({**os.environ, "COURSE_ROOT": str(small_root)}) as process:
            process.communicate()
    return without_times(desk / "grades")


def wait_for_lines(folder: Path, number: int) -> None:
    """Wait until a run has written so many verdicts down."""
    deadline = time.monotonic() + LIMIT_S
    while len(judged_lines(folder)) < number:
        assert time.monotonic() < deadline, f"{number} verdicts never came"
        time.sleep(0.002)


def finish(traces: Traces, out: str) -> str:
    """Run the program to its end; return what it said on standard error."""
    with grade(traces.environment(), "--out", out) as process:
        _, err = process.communicate()
    assert process.returncode == 0, err
    assert traces.gone()
    return err


@pytest.mark.parametrize("after", [1, 6])
def test_killed_run_is_continued_to_the_same_reports(
    after: int, desk: Path, traces: Traces, uninterrupted: dict[str, str]
) -> None:
    number = a_class(desk)
    with grade(traces.environment(), "--out", "killed") as process:
        wait_for_lines(Path("killed"), after)
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert traces.gone()
    kept = judged_lines(Path("killed"))
    assert after <= len(kept) < number
    with open("killed/journal.jsonl", "ab") as journal:
        journal.write(b'{"learner": "a half li')
    assert f"continued: {len(kept)} judged by an earlier run" in finish(traces, "killed")
    digests = judged_lines(Path("killed"))
    assert digests[: len(kept)] == kept
    assert len(digests) == len({*digests}) == number
    assert without_times(Path("killed")) == uninterrupted


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(
    desk: Path, traces: Traces, uninterrupted: dict[str, str]
) -> None:
    number = a_class(desk)
    with grade(traces.environment(), "--out", "stopped") as process:
        wait_for_lines(Path("stopped"), 3)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate()
    kept = judged_lines(Path("stopped"))
    assert (process.returncode, out) == (130, "")
    sentence = f"stopped; {len(kept)} of {number} are judged and kept, the same command goes on from there"
    assert err.splitlines()[-1] == f"course grade: {sentence}"
    assert traces.gone()
    assert {path.name for path in Path("stopped").iterdir()} == {"journal.jsonl", "journal.jsonl.lock"}
    assert f"continued: {len(kept)} judged" in finish(traces, "stopped")
    assert without_times(Path("stopped")) == uninterrupted


def test_impatient_ctrl_c_does_not_stop_the_clearing_up(desk: Path, traces: Traces) -> None:
    a_class(desk)
    with grade(traces.environment(), "--out", "stopped") as process:
        wait_for_lines(Path("stopped"), 1)
        for _ in range(20):
            os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert traces.gone()


def test_full_disk_is_one_sentence(desk: Path, traces: Traces) -> None:
    hand_in(desk / "in", "ada")
    done = full_disk(traces, "grade", "in")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("course grade: File too large: grades/journal.jsonl; check the disk")
    assert traces.gone()


def test_page_of_documentation_names_every_option_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["grade", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    page = (Path(__file__).resolve().parents[2] / "docs" / "grading.md").read_text(encoding="utf-8")
    options = {*re.findall(r"(--[a-z-]+)", shown)} - {"--help"}
    assert {*re.findall(r"^\| `(--[a-z-]+)", page, re.MULTILINE)} == options
    codes = re.findall(r"^\| (\d+) \| ([a-z]+ [a-z]+)", page, re.MULTILINE)
    assert [code for code, _ in codes] == ["0", "1", "2", "130"]
    said = shown.partition("exit codes: ")[2]
    for code, words in codes:
        assert f"{code} {words}" in said
