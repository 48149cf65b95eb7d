"""Judge all your answers afresh and write a certificate, make the key of a teacher, or verify a certificate offline.

Nothing that the progress store remembers counts: what is on the page has passed in this run.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.errors import CertificateError, CourseError, NotebookError

if TYPE_CHECKING:
    from course_lib.certificate.document import Certificate
    from course_lib.certificate.evidence import Evidence

OUT = Path("certificate.pdf")
LARGEST = 10_000_000  # bytes: a certificate has 40,000
EXIT_CODES = """exit codes: 0 written, made or verified; 1 not everything passes, or the certificate is refused; 2 not
done, a sentence says why; 130 stopped by Ctrl-C"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course certificate`."""
    parser.epilog = EXIT_CODES
    parser.add_argument("--name", help="whom it is made out to (default: the name of your account)")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"the file to write (default: {OUT})")
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--new-key", type=Path, metavar="KEYFILE", help="make a key that signs, and KEYFILE.pub (teachers)"
    )
    other.add_argument(
        "--verify", type=Path, metavar="FILE", help="say whether a certificate is whole, and whose it is"
    )
    parser.add_argument("--public-key", type=Path, metavar="FILE", help="with --verify: the key of who signed it")


def run(arguments: argparse.Namespace) -> int:
    """Do one of the three; the exit code says how it went."""
    if arguments.public_key and not arguments.verify:
        raise CourseError("--public-key belongs to --verify; name the certificate: --verify FILE")
    if (arguments.verify or arguments.new_key) and (arguments.name or arguments.out):
        raise CourseError("--name and --out are for a certificate that is made; leave them out here")
    if arguments.new_key:
        return _new_key(arguments.new_key)
    if arguments.verify:
        return _verify(arguments.verify, arguments.public_key)
    return _make(_name(arguments.name), arguments.out or OUT)


def _new_key(path: Path) -> int:
    from course_lib.certificate import keys

    public = keys.new(path)
    print(f"wrote {path}, which signs: keep it to yourself, there is no other copy")
    print(f"wrote {public}, which checks: give it to everybody (fingerprint {keys.fingerprint(keys.public(public))})")
    return 0


def _name(given: str | None) -> str:
    from course_lib.grading import printable

    try:
        name = getpass.getuser() if given is None else given
    except (OSError, KeyError, ImportError):  # an account without a name: what is raised depends on the version
        name = ""
    shown = printable.name(" ".join(name.split()))
    if not shown:
        raise CourseError('expected a name, got none; say whom it is made out to: --name "Ada Lovelace"')
    return shown


def _make(name: str, out: Path) -> int:
    from course_lib.certificate import extra, seal, words
    from course_lib.certificate.issue import today
    from course_lib.certificate.page import page
    from course_lib.whole_file import write_whole

    extra.require("fpdf")
    if out.exists():
        raise CourseError(f"{out} exists already; name another with --out, or move it away first")
    if not out.parent.is_dir():
        raise CourseError(f"no folder {out.parent}; make it first, or name another file with --out")
    found = _judged()
    if found.complaint:
        return _say(f"{found.complaint}; no certificate is written, see: course check")
    made = found.certificate(name, today())
    write_whole(out, seal.seal(page(made), made))
    print(_printable(f"wrote {out}, made out to {name}, {_proved(made)}\nit is {words.UNDAMAGED}"))
    return 0


def _judged() -> Evidence:
    from course_lib import notebook_file
    from course_lib.certificate.evidence import evidence
    from course_lib.commands.check import A_CLASS, sheets
    from course_lib.grading.graded import Graded, Submission
    from course_lib.grading.judge import Judge
    from course_lib.grading.progress import progress

    stems = notebook_file.stems("solutions")
    paths = [path for path in sheets([]) if path.stem in stems]  # a copy under another name is nobody's exercise
    judged: dict[str, Graded] = {}
    with Judge(quick=len(paths) < A_CLASS) as judge, progress(len(paths)) as tell:
        for number, path in enumerate(paths, 1):
            try:
                judged[path.stem] = judge.grade_one(Submission("", path.name, notebook_file.read_bytes(path)))
            except NotebookError as error:
                judged[path.stem] = Graded("", path.name, "", problem=str(error))
            tell(number)
        return evidence(judged, getattr(judge, "isolation", ()))  # a judge without a sandbox has no such word


def _verify(path: Path, public_key: Path | None) -> int:
    from course_lib.certificate import keys, seal, words

    key = keys.public(public_key) if public_key else None
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    try:
        if len(data) > LARGEST:
            raise CertificateError("it is larger than any certificate of this course")
        made = seal.verified(data, key)
    except CertificateError as error:
        return _say(f"{path} is refused: {error}")
    if not made.signer:
        print(_printable(f"{path}: {words.UNDAMAGED}\n{_summary(made)}"))
        return _say(f"{path} is not signed, so {public_key} says nothing about it") if key else 0
    print(_printable(f"{path}: genuine, signed with {public_key} (fingerprint {made.signer})\n{_summary(made)}"))
    return 0


def _summary(made: Certificate) -> str:
    left = [f"not proved: {each.exercise} {each.question} ({each.reason})" for each in made.unproved]
    return "\n".join([f"made out to {made.name} on {made.date}, {_proved(made)}", *left])


def _proved(made: Certificate) -> str:
    from course_lib.grading.report.text import counted

    exercises = len({each.exercise for each in made.proved})
    left = f", {len(made.unproved)} not proved" if made.unproved else ""
    return f"{counted(len(made.proved), 'question')} proved in {counted(exercises, 'exercise')}{left}"


def _printable(text: str) -> str:
    """Return `text` as this terminal can show it: a name in a certificate is a stranger's."""
    from course_lib.grading.printable import printable

    letters = sys.stdout.encoding or "utf-8"
    return printable(text).encode(letters, "replace").decode(letters)


def _say(sentence: str) -> int:
    from course_lib.grading.printable import printable

    print(f"course certificate: {printable(sentence, keep='')}", file=sys.stderr)
    return 1
