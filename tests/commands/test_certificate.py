"""`course certificate`: a page when everything passes in a fresh run, one sentence when not, and a strict check."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import hidden_servers
import pytest
import small_course
from certificate import readers
from certificate.statements import ADA, computed_again, parts
from sheets import SOLUTIONS, solved
from small_course import RIGHT, STEM, Traces, full_disk, wait_until

from course_lib import cli
from course_lib.authoring import derive
from course_lib.certificate import seal
from course_lib.certificate.issue import today
from course_lib.certificate.page import page
from course_lib.cli import main
from course_lib.study.progress import events, passed, record

COURSE = [sys.executable, "-m", "course_lib.cli"]
WRONG = "# question: small-double\nasync def double(n):\n    return 6"
WORTH = (
    "undamaged, self-certified: proves nothing about who, because the learner made it on a machine of their own, where "
    "the checks and the solutions lie as well"
)
SUMMARY = f"made out to Zażółć Ω on {today()}, 2 questions proved in 1 exercise\n"


def hand_in(folder: Path, **answers: str) -> Path:
    """Write a sheet; right where nothing is said, untouched where an answer is empty."""
    given = {"small_double": RIGHT["small-double"], "small_later": RIGHT["small-later"], **answers}
    touched = {name: answer for name, answer in given.items() if answer}
    return small_course.write(folder / f"{STEM}.ipynb", small_course.sheet(**touched))


@pytest.fixture
def desk(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder where the test runs, with the small course and a learner's empty work folder."""
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    return tmp_path / "desk"


@pytest.fixture
def work(small: Path) -> Path:
    """Return the folder of the learner's exercises."""
    return small / "work" / "exercises"


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the last line on standard error."""
    lines = capsys.readouterr().err.splitlines()
    return lines[-1] if lines else ""


def test_right_answers_are_a_page_and_code_0(desk: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(work)
    assert main(["certificate", "--name", "Zażółć  Ω"]) == 0
    assert capsys.readouterr().out == (
        f"wrote certificate.pdf, made out to Zażółć Ω, 2 questions proved in 1 exercise\nit is {WORTH}\n"
    )
    data = Path("certificate.pdf").read_bytes()
    made = seal.verified(data)
    assert (made.name, made.kind, made.date) == ("Zażółć Ω", "self-certified", today())
    assert [(each.question, each.text) for each in made.proved] == [
        ("small-double", "doubled twice"),
        ("small-later", "told later"),
    ]
    assert "Zażółć Ω" in readers.words(data)
    assert [path.name for path in desk.iterdir()] == ["certificate.pdf"]
    assert main(["certificate", "--verify", "certificate.pdf"]) == 0
    assert capsys.readouterr().out == f"certificate.pdf: {WORTH}\n{SUMMARY}"


@pytest.mark.parametrize(
    ("answers", "lacks"),
    [
        ({"small_double": WRONG}, "00 small-double (fail)"),
        ({"small_later": ""}, "00 small-later (not attempted)"),
        ({"small_double": "1 / 0", "small_later": ""}, "00 small-double (error), small-later (not attempted)"),
    ],
)
def test_what_is_missing_is_one_sentence_and_no_page(
    answers: dict[str, str], lacks: str, desk: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(work, **answers)
    assert main(["certificate"]) == 1
    assert said(capsys) == (
        f"course certificate: not everything passes: {lacks}; no certificate is written, see: course check"
    )
    assert [*desk.iterdir()] == []


def test_sheet_that_is_broken_or_not_begun_is_missing(
    desk: Path, small: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (small / "solutions" / "01_more.ipynb").write_bytes((small / "solutions" / f"{STEM}.ipynb").read_bytes())
    hand_in(work).write_text("{")
    assert main(["certificate"]) == 1
    broken = f"{STEM}.ipynb is not a notebook (no JSON inside); restore it with: course reset 00"
    assert f"not everything passes: 00 {broken}; 01 no sheet; no certificate is written" in said(capsys)


def test_empty_work_folder_says_how_to_begin(desk: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certificate"]) == 2
    assert said(capsys) == "course certificate: no answers in work/ yet; begin with: course start"


def test_edited_progress_changes_nothing(desk: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(work, small_double=WRONG)
    for question in ("small-double", "small-later"):
        record("passed", question, {"outcome": "pass", "lesson": STEM})
    assert passed() == {"small-double", "small-later"}
    before = Path(os.environ["COURSE_PROGRESS_DB"]).read_bytes()
    assert main(["certificate"]) == 1
    assert "not everything passes: 00 small-double (fail)" in said(capsys)
    assert Path(os.environ["COURSE_PROGRESS_DB"]).read_bytes() == before
    hand_in(work)
    record("reset", f"exercise:{STEM}")
    assert passed() == set()
    assert main(["certificate", "--name", "Ada"]) == 0


def test_nothing_is_written_into_the_progress(desk: Path, work: Path) -> None:
    hand_in(work)
    assert main(["certificate", "--name", "Ada"]) == 0
    assert events() == []


def test_missing_server_is_listed_and_not_counted(
    desk: Path, small: Path, work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COURSE_REQUIRE_ALL", raising=False)
    hidden_servers.hide(monkeypatch)
    path = small / "solutions" / f"{STEM}.ipynb"
    marked = '"# question: small-later\\n"', '"# question: small-later\\n",\n    "# needs: mariadb\\n"'
    path.write_text(path.read_text().replace(*marked))
    hand_in(work)
    assert main(["certificate", "--name", "Ada"]) == 0
    assert "1 question proved in 1 exercise, 1 not proved\n" in capsys.readouterr().out
    data = Path("certificate.pdf").read_bytes()
    assert [each.question for each in seal.verified(data).proved] == ["small-double"]
    shown = readers.words(data)
    assert "has answered 1 question in 1 exercise " in shown
    assert "Not proved here, and not counted 00 small-later: no MariaDB here" in shown
    assert main(["certificate", "--verify", "certificate.pdf"]) == 0
    assert f"not proved: {STEM} small-later (no MariaDB here)\n" in capsys.readouterr().out


def test_sheet_under_another_name_is_nobodys(desk: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy that JupyterLab made beside the sheet neither helps nor harms."""
    hand_in(work, small_double=WRONG).rename(work / f"{STEM}-Copy1.ipynb")
    hand_in(work)
    assert main(["certificate", "--name", "Ada"]) == 0
    assert len(seal.verified(Path("certificate.pdf").read_bytes()).sheets) == 1


def test_file_that_is_there_is_kept(desk: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(work)
    Path("mine.pdf").write_text("mine")
    assert main(["certificate", "--out", "mine.pdf"]) == 2
    assert said(capsys) == (
        "course certificate: mine.pdf exists already; name another with --out, or move it away first"
    )
    assert Path("mine.pdf").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--name", " \t"], 'expected a name, got none; say whom it is made out to: --name "Ada Lovelace"'),
        (["--out", "gone/x.pdf"], "no folder gone; make it first, or name another file with --out"),
        (["--public-key", "k"], "--public-key belongs to --verify; name the certificate: --verify FILE"),
        (["--verify", "x", "--name", "A"], "--name and --out are for a certificate that is made; leave them out here"),
        (["--new-key", "x", "--out", "y"], "--name and --out are for a certificate that is made; leave them out here"),
        (["--verify", "gone.pdf"], "No such file or directory: gone.pdf; check the disk and your permissions"),
        (
            ["--verify", "gone.pdf", "--public-key", "gone.pub"],
            "No such file or directory: gone.pub; check the disk and your permissions",
        ),
    ],
)
def test_usage_error_is_code_2_and_one_sentence(
    arguments: list[str], sentence: str, desk: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(work)
    assert main(["certificate", *arguments]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"course certificate: {sentence}\n")
    assert [*desk.iterdir()] == []


def test_name_comes_from_the_account(desk: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in(work)
    monkeypatch.setenv("LOGNAME", "ada.l")
    assert main(["certificate"]) == 0
    assert seal.verified(Path("certificate.pdf").read_bytes()).name == "ada.l"


def test_name_of_a_stranger_is_made_fit_for_a_terminal(
    desk: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(work)
    assert main(["certificate", "--name", "A\x1b[31mda\u202e"]) == 0
    assert seal.verified(Path("certificate.pdf").read_bytes()).name == "A\\x1b[31mda\\u202e"
    evil = replace(ADA, name="\x1b[2J")
    Path("evil.pdf").write_bytes(seal.seal(page(replace(ADA)).replace(ADA.as_bytes(), evil.as_bytes()), evil))
    capsys.readouterr()
    assert main(["certificate", "--verify", "evil.pdf"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_missing_extra_is_said_before_anything_is_judged(
    desk: Path, work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "fpdf" else there(name))
    assert main(["certificate"]) == 2
    assert capsys.readouterr().err == (
        'course certificate: fpdf2 is not installed, and a certificate needs it; type: pip install -e ".[cert]"\n'
    )


def test_new_key_is_a_pair_that_is_never_overwritten(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certificate", "--new-key", "teacher"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "wrote teacher, which signs: keep it to yourself, there is no other copy\nwrote teacher.pub, "
    )
    assert re.search(r"\(fingerprint [0-9a-f]{64}\)\n$", out)
    assert stat.S_IMODE(Path("teacher").stat().st_mode) == 0o600
    before = Path("teacher").read_bytes()
    assert main(["certificate", "--new-key", "teacher"]) == 2
    assert said(capsys) == (
        "course certificate: teacher exists already, and a key is never overwritten; name another file"
    )
    assert Path("teacher").read_bytes() == before


@pytest.fixture
def signed(desk: Path, capsys: pytest.CaptureFixture[str]) -> bytes:
    """Return the certificate that a teacher signed for one of two learners who handed in."""
    assert main(["certificate", "--new-key", "teacher"]) == 0
    hand_in(desk / "in" / "Zażółć Ω")
    hand_in(desk / "in" / "bob", small_double=WRONG)
    capsys.readouterr()
    assert main(["grade", "in", "--sign", "teacher"]) == 0
    return Path("grades/certificates/Zażółć Ω.pdf").read_bytes()


def test_teacher_signs_for_who_passes_and_says_what_others_lack(
    desk: Path, signed: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [path.name for path in Path("grades/certificates").iterdir()] == ["Zażółć Ω.pdf"]
    assert main(["grade", "in", "--sign", "teacher", "--out", "again"]) == 0
    assert capsys.readouterr().out.endswith(
        "\nCertificates\n"
        "bob: not everything passes: 00 small-double (fail)\n"
        "Zażółć Ω: again/certificates/Zażółć Ω.pdf\n"
    )


def test_signed_certificate_is_genuine_under_its_key_only(signed: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.pdf").write_bytes(signed)
    capsys.readouterr()
    assert main(["certificate", "--verify", "c.pdf", "--public-key", "teacher.pub"]) == 0
    out = capsys.readouterr().out
    assert re.fullmatch(
        rf"c\.pdf: genuine, signed with teacher\.pub \(fingerprint [0-9a-f]{{64}}\)\n{re.escape(SUMMARY)}", out
    )
    assert main(["certificate", "--new-key", "other"]) == 0
    assert main(["certificate", "--verify", "c.pdf", "--public-key", "other.pub"]) == 1
    assert said(capsys) == (
        "course certificate: c.pdf is refused: its signature is not of this key: another key signed it, or it was "
        "changed after it was signed"
    )
    assert main(["certificate", "--verify", "c.pdf"]) == 2
    assert "add --public-key FILE" in said(capsys)


def test_tampered_copy_of_each_kind_is_refused(signed: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Every byte is tried in tests/certificate/test_seal.py; here each part of a file goes through the command."""
    copies: dict[str, bytes] = {}
    for name, place in parts(signed).items():
        middle = (place.start + place.stop) // 2
        copies[name] = signed[:middle] + bytes([signed[middle] ^ 1]) + signed[middle + 1 :]
    copies["cut off"] = signed[:-200]
    copies["empty"] = b""
    copies["added"] = signed + b"\n%%EOF\n"
    copies["a word on the page"] = signed.replace(b"doubled twice", b"doubled never")
    copies["with a new checksum"] = computed_again(copies["a word on the page"])
    copies["too large"] = signed + b"\0" * 10_000_000
    capsys.readouterr()
    for name, copy in copies.items():
        assert copy != signed, name
        Path("c.pdf").write_bytes(copy)
        assert main(["certificate", "--verify", "c.pdf", "--public-key", "teacher.pub"]) == 1, name
        shown = capsys.readouterr()
        assert shown.out == "", name
        assert shown.err.count("\n") == 1, name
        assert shown.err.startswith("course certificate: c.pdf is refused: "), name


def test_self_certified_one_is_no_signed_one(desk: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever wants a signature gets code 1, or a forged checksum would open the door."""
    hand_in(work)
    assert main(["certificate", "--name", "Zażółć Ω"]) == 0
    assert main(["certificate", "--new-key", "teacher"]) == 0
    capsys.readouterr()
    assert main(["certificate", "--verify", "certificate.pdf", "--public-key", "teacher.pub"]) == 1
    shown = capsys.readouterr()
    assert shown.out == f"certificate.pdf: {WORTH}\n{SUMMARY}"
    assert shown.err == ("course certificate: certificate.pdf is not signed, so teacher.pub says nothing about it\n")


def certificate(traces: Traces, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the real program, as a terminal does: in a group of its own."""
    return subprocess.Popen(
        [*COURSE, "certificate", *arguments],
        env=traces.environment(**environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_ctrl_c_leaves_nothing(desk: Path, work: Path, traces: Traces, tmp_path: Path) -> None:
    hand_in(work, small_double="# question: small-double\nwhile True: pass")
    with certificate(traces) as process:
        wait_until(lambda: len(traces.running()) > 3)  # the command, its zygotes, and the answer at least
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, err.splitlines()[-1]) == (130, "", "course certificate: stopped")
    assert traces.gone()
    assert [*desk.iterdir()] == []


def test_full_disk_is_one_sentence_and_leaves_nothing(desk: Path, work: Path, traces: Traces) -> None:
    hand_in(work)
    done = full_disk(traces, "certificate", "--name", "Ada", room=9000)  # enough for the answers, not for the page
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        "course certificate: File too large: certificate.pdf; check the disk and your permissions"
    )
    assert [*desk.iterdir()] == []
    assert traces.gone()


def test_narrow_letters_of_a_terminal_are_no_error(desk: Path, work: Path, traces: Traces) -> None:
    hand_in(work)
    with certificate(traces, "--name", "Zażółć", PYTHONIOENCODING="ascii") as process:
        out, _ = process.communicate()
    assert process.returncode == 0
    assert out.startswith("wrote certificate.pdf, made out to Za????, ")


def test_page_of_documentation_names_every_option_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["certificate", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    page_text = (Path(__file__).resolve().parents[2] / "docs" / "certificate.md").read_text(encoding="utf-8")
    options = {*re.findall(r"(--[a-z-]+)", shown)} - {"--help"}
    assert {*re.findall(r"^\| `(--[a-z-]+)", page_text, re.MULTILINE)} == options
    codes = re.findall(r"^\| (\d+) \| ([a-z]+)", page_text, re.MULTILINE)
    assert [code for code, _ in codes] == ["0", "1", "2", "130"]
    told = shown.partition("exit codes: ")[2]
    assert all(f"{code} {word}" in told for code, word in codes)


@pytest.mark.parametrize("name", ["certificate.md", "grading.md"])
def test_commands_of_the_pages_can_be_typed(name: str) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / name).read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    assert len(lines) >= 2
    for line in lines:
        program, *given = shlex.split(line)
        assert program == "course"
        assert cli._parser(given).parse_args(given).command == given[0]


@pytest.mark.slow
def test_whole_course_answered_is_a_certificate_and_a_signed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every exercise there is, really judged: once as the learner's own, once from what they hand in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))
    for path in SOLUTIONS:
        sheet = tmp_path / "work" / "exercises" / path.name
        sheet.parent.mkdir(parents=True, exist_ok=True)
        sheet.write_text(derive.dump(solved(path.stem)), encoding="utf-8")
    assert main(["certificate", "--name", "Ada Lovelace"]) == 0
    own = Path("certificate.pdf").read_bytes()
    stems = {path.stem for path in SOLUTIONS}
    made = seal.verified(own)
    judged = {each.exercise for each in made.proved} | {each.exercise for each in made.unproved}
    assert judged == stems == {*made.sheets}
    assert readers.pages(own) == 1
    assert main(["submit", "--zip", "--to", "Ada Lovelace.zip"]) == 0
    with zipfile.ZipFile("Ada Lovelace.zip") as handed_in:
        assert len(handed_in.namelist()) == len(stems)
    assert main(["certificate", "--new-key", "teacher"]) == 0
    assert main(["grade", "Ada Lovelace.zip", "--sign", "teacher"]) == 0
    capsys.readouterr()
    verify = ["certificate", "--verify", "grades/certificates/Ada Lovelace.pdf", "--public-key", "teacher.pub"]
    assert main(verify) == 0
    assert f"made out to Ada Lovelace on {today()}, {len(made.proved)} questions proved" in capsys.readouterr().out
