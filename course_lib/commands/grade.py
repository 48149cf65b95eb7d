"""Judge a class: folders, zips of learning platforms or nbgrader's tree go in, reports for everybody come out.

A run that is stopped or killed is continued by the same command: what was judged is in a journal beside the reports.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib import notebook_file
from course_lib.errors import CourseError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from course_lib.grading.graded import Graded, Submission
    from course_lib.grading.journal import Journal
    from course_lib.grading.report.results import Results

FORMATS = ("json", "csv", "junit", "html")
STREAMS = 2  # submissions judged at once for each job: while one waits for its last question, another has some
EXIT_CODES = """exit codes: 0 everything is graded; 1 something could not be read, the rest is graded; 2 nothing was
graded, a sentence says why; 130 stopped by Ctrl-C, the same command goes on where it stopped"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course grade`."""
    parser.epilog = EXIT_CODES
    add = parser.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="notebooks, folders, zips, or nbgrader's submitted/")
    add("--exercise", type=int, metavar="NN", help="judge this exercise only (default: whatever was handed in)")
    add("--out", type=Path, default=Path("grades"), metavar="DIR", help="the folder of the reports (default: grades)")
    add(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="answers judged at once (default: the cores)"
    )
    add("--timeout", type=float, metavar="S", help="seconds for each question (default: each question's own)")
    add("--format", type=formats, default=FORMATS, metavar="F,F", help="of the reports (default: json,csv,junit,html)")
    add("--require-sandbox", action="store_true", help="judge nothing where a layer of the sandbox is missing")
    add("--no-resume", action="store_true", help="judge everything again, whatever an earlier run has judged")
    add(
        "--sign",
        type=Path,
        metavar="KEYFILE",
        help="sign a certificate for who passes the whole course; judges all again",
    )


def formats(text: str) -> tuple[str, ...]:
    """Return the forms of report that a list with commas names."""
    named = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    unknown = [word for word in named if word not in FORMATS]
    if unknown or not named:
        raise argparse.ArgumentTypeError(f"expected some of {','.join(FORMATS)}, got {text!r}")
    return named


def run(arguments: argparse.Namespace) -> int:
    """Judge what lies in the paths and write the reports; the exit code says how far it got."""
    from course_lib.grading.fingerprint import fingerprint
    from course_lib.grading.journal import Journal
    from course_lib.grading.submissions import find

    began = time.perf_counter()
    stem = None if arguments.exercise is None else notebook_file.find("solutions", arguments.exercise).stem
    _checked(arguments)
    signer = _signer(arguments)
    found = find(arguments.paths, stem, leave_out=arguments.out)
    if not found.submissions:
        said = "; ".join(found.problems[:3]) or "expected notebooks with answers, or zips of them"
        raise CourseError(f"nothing to judge in {', '.join(map(str, arguments.paths))} ({said})")
    arguments.out.mkdir(parents=True, exist_ok=True)
    key = fingerprint(timeout=arguments.timeout, require_sandbox=arguments.require_sandbox)
    with Journal(arguments.out, key, resume=not (arguments.no_resume or signer)) as journal:
        if journal.said:
            _say(journal.said)
        try:
            graded, isolation = _judged(found.submissions, arguments, journal)
        except KeyboardInterrupt:
            done = sum(each.digest in journal.done for each in found.submissions)
            _say(
                f"stopped; {done} of {len(found.submissions)} are judged and kept, the same command goes on from there"
            )
            return 130
    from course_lib.grading.report.results import Results
    from course_lib.study.store import course_version

    results = Results(
        tuple(graded),
        tuple(found.problems),
        tuple(found.notes),
        tuple(isolation),
        course_version(),
        time.perf_counter() - began,
        tuple(found.submissions),
    )
    _show(results, _write(results, arguments.out, arguments.format))
    if signer:
        from course_lib.certificate.issue import issue

        _print("\n".join(["Certificates", *issue(results, arguments.out / "certificates", signer)]))
    return int(bool(results.unread))


def _checked(arguments: argparse.Namespace) -> None:
    if arguments.timeout is not None and not 0 < arguments.timeout < 86_400:
        raise CourseError(f"expected a --timeout of some seconds, got {arguments.timeout:g}")
    if arguments.jobs < 1:
        raise CourseError(f"expected at least 1 job, got {arguments.jobs}")
    if arguments.out.exists() and not arguments.out.is_dir():
        raise CourseError(f"{arguments.out} is not a folder; name another with --out")


def _signer(arguments: argparse.Namespace) -> Ed25519PrivateKey | None:
    """Return the key of --sign: what is wrong with it is said before anything is judged."""
    if arguments.sign is None:
        return None
    from course_lib.certificate import extra, keys

    if arguments.exercise is not None:
        raise CourseError("a certificate is for the whole course; leave --exercise out, or --sign")
    extra.require("cryptography", "fpdf")
    return keys.private(arguments.sign)


def _judged(
    submissions: list[Submission], arguments: argparse.Namespace, journal: Journal
) -> tuple[list[Graded], list[str]]:
    from course_lib.grading.judge import Judge
    from course_lib.grading.progress import progress
    from course_lib.grading.runner import grade_all

    streams = ThreadPoolExecutor(STREAMS * arguments.jobs, thread_name_prefix="submission")
    try:
        with _one_interrupt(), Judge(arguments.jobs, arguments.timeout) as judge:
            missing = [*judge.isolation]
            for sentence in missing:
                _say(sentence)
            if missing and arguments.require_sandbox:
                raise CourseError("a layer of the sandbox is missing; nothing was judged (--require-sandbox)")
            with progress(len(submissions)) as tell:
                many = STREAMS * arguments.jobs
                return grade_all(submissions, judge.grade_one, streams, journal, jobs=many, tell=tell), missing
    finally:
        streams.shutdown(cancel_futures=True)  # after the judge: who waits for a verdict is told there is none


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """Let the first Ctrl-C stop the run, and no second one stop the clearing up, which takes a moment."""

    def interrupt(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # in the background Ctrl-C is not for us
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _write(results: Results, folder: Path, wanted: tuple[str, ...]) -> list[Path]:
    from course_lib.grading.report import document, gradebook, junit, page
    from course_lib.whole_file import write_whole

    forms = {
        "json": {"report.json": document.document},
        "csv": {"gradebook.csv": gradebook.gradebook, "questions.csv": gradebook.questions},
        "junit": {"junit.xml": junit.junit},
        "html": {"report.html": page.page},
    }
    files = {folder / name: make(results) for form in wanted for name, make in forms[form].items()}
    for path, content in files.items():
        write_whole(path, content.encode())
    return [*files]


def _show(results: Results, written: list[Path]) -> None:
    from course_lib.grading.report.text import text

    _print(text(results))
    print(f"wrote {', '.join(map(str, written))}")


def _print(text: str) -> None:
    letters = sys.stdout.encoding or "utf-8"
    print(text.encode(letters, "replace").decode(letters))


def _say(sentence: str) -> None:
    print(f"course grade: {sentence}", file=sys.stderr, flush=True)
