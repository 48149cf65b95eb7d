"""What fresh verdicts on a learner's sheets prove, what could not be judged here, and what is still missing.

Every question of every exercise is in one of the three; only verdicts go in, never what the progress store remembers.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from course_lib import notebook_file
from course_lib.authoring import graft
from course_lib.certificate.document import Certificate, Proved, Unproved
from course_lib.databases import needs
from course_lib.grading.exercise import exercise
from course_lib.grading.fingerprint import LIBRARIES, fingerprint
from course_lib.grading.graded import Graded, Verdict
from course_lib.grading.printable import printable
from course_lib.grading.report.results import title
from course_lib.study.store import course_version

LONGEST = 200  # characters of what a check said: the longest of the course has half


@dataclass(frozen=True)
class Evidence:
    """Every question of the course, sorted; `missing` has (exercise, question or empty, why) for what is to be done."""

    proved: tuple[Proved, ...]
    unproved: tuple[Unproved, ...]
    missing: tuple[tuple[str, str, str], ...]
    isolation: tuple[str, ...]
    sheets: dict[str, str]

    @property
    def complaint(self) -> str:
        """Return what a certificate lacks, empty when nothing does."""
        if self.missing:
            return f"not everything passes: {'; '.join(self._by_exercise())}"
        return "" if self.proved else "no question could be judged here"

    def _by_exercise(self) -> Iterable[str]:
        for stem in dict.fromkeys(stem for stem, _, _ in self.missing):
            said = [f"{name} ({why})" if name else why for home, name, why in self.missing if home == stem]
            yield f"{stem[:2]} {', '.join(said)}"

    def certificate(self, name: str, date: str, signer: str = "") -> Certificate:
        """Return the certificate of `name`; only evidence without a complaint makes one."""
        if self.complaint:
            raise ValueError(self.complaint)
        stems = [stem for stem in notebook_file.stems("solutions") if stem in self.sheets]
        return Certificate(
            name,
            date,
            {stem: title(stem) or stem for stem in stems},
            self.proved,
            self.unproved,
            self.isolation,
            self.sheets,
            versions(),
            signer,
        )


def evidence(sheets: Mapping[str, Graded], lacking: Iterable[str] = ()) -> Evidence:
    """Return what the judged `sheets` (by the stem of their exercise) prove of the whole course.

    `lacking` are the judge's sentences on layers of the sandbox that this machine does not have.
    """
    proved: list[Proved] = []
    unproved: list[Unproved] = []
    missing: list[tuple[str, str, str]] = []
    behind: list[tuple[str, ...]] = []
    for stem in notebook_file.stems("solutions"):
        graded = sheets.get(stem)
        if graded is None or graded.problem:
            missing.append((stem, "", graded.problem if graded else "no sheet"))
            continue
        verdicts = {verdict.outcome.question: verdict for verdict in graded.verdicts}
        for job in graft.jobs(exercise(stem).solution, {}):
            verdict = verdicts.get(job.question)
            if verdict is not None and verdict.outcome.outcome == "pass":
                proved.append(Proved(stem, job.question, _said(verdict)))
                behind.append(verdict.isolation)
            elif why := needs.absent(job.needs):
                unproved.append(Unproved(stem, job.question, why.removeprefix("skipped: ").partition(";")[0]))
            else:
                missing.append((stem, job.question, verdict.outcome.outcome if verdict else "no verdict"))
    digests = {stem: graded.digest for stem, graded in sheets.items() if graded.verdicts}
    isolation = (*_common(behind), *lacking)
    return Evidence(tuple(proved), tuple(unproved), tuple(missing), isolation, digests)


def _said(verdict: Verdict) -> str:
    text = printable(verdict.outcome.message, keep="")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _common(behind: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the layers that stood in front of every answer: one answer without a layer makes it no promise."""
    first, *others = behind or [()]
    return tuple(layer for layer in first if all(layer in other for other in others))


def versions() -> dict[str, str]:
    """Return what the answers were judged with: the course, its exercises, Python and the libraries."""
    found = {"course": course_version(), "exercises": fingerprint()["exercises"], "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
