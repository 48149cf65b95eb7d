"""Sign certificates for a class: one file for each learner whose sheets pass everything, a sentence for the others.

Everything that exists counts: a learner needs a sheet for each exercise of the course; the better one of two is taken.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.certificate import seal
from course_lib.certificate.evidence import Evidence, evidence
from course_lib.certificate.keys import fingerprint
from course_lib.certificate.page import page
from course_lib.errors import CourseError
from course_lib.grading.report.results import Results
from course_lib.whole_file import write_whole

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

UNFIT = re.compile(r'[\\/:*?"<>|]')  # letters that some system does not take in the name of a file
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names that Windows keeps for itself
LONGEST = 180  # bytes of a name: most systems take 255, and a file that is being written has a longer one


def today() -> str:
    """Return the date of a certificate that is made now."""
    return datetime.now(UTC).date().isoformat()


def issue(results: Results, folder: Path, key: Ed25519PrivateKey) -> list[str]:
    """Write the certificates of a class into `folder`; return a line for each learner."""
    date, said, taken = today(), [], set[str]()
    for learner in results.learners:
        path = folder / file_name(learner, taken)
        found = _evidence(results, learner)
        try:
            if found.complaint:
                raise CourseError(found.complaint)
            made = found.certificate(learner, date, fingerprint(key.public_key()))
            sealed = seal.seal(page(made), made, key)
        except CourseError as error:
            old = f"; {path} is of an earlier run" if path.exists() else ""
            said.append(f"{learner}: {error}{old}")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, sealed)
        said.append(f"{learner}: {path}")
    return said


def _evidence(results: Results, learner: str) -> Evidence:
    sheets = {stem: graded for (who, stem), graded in results.counted.items() if who == learner}
    return evidence(sheets, results.isolation)


def file_name(learner: str, taken: set[str]) -> str:
    """Return a file name for a learner that every system takes and nobody else has in `taken`, which grows by it."""
    bare = UNFIT.sub("_", learner).strip(". ").encode()[:LONGEST].decode(errors="ignore")
    if bare != learner or DEVICES.fullmatch(bare) or bare.casefold() in taken:
        bare = f"{bare}-{hashlib.sha256(learner.encode()).hexdigest()[:8]}"
    taken.add(bare.casefold())
    return f"{bare}.pdf"
