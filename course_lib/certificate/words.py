"""The sentences of a certificate: what it says, what kind of statement it is, and what that kind does not prove.

The page and the command line say the same, so they take it from here.
"""

from __future__ import annotations

from course_lib.certificate.document import Certificate
from course_lib.grading.report.text import counted

UNDAMAGED = (
    "undamaged, self-certified: proves nothing about who, because the learner made it on a machine of their own, where "
    "the checks and the solutions lie as well"
)
SELF_CERTIFIED = (
    "Self-certified. The learner made this page on a machine of their own, where the checks and the solutions lie as "
    "well. Its checksum shows damage, and proves nothing about who answered or whether anybody did. A teacher can sign "
    "one from the answers themselves: course grade --sign KEYFILE."
)
SIGNED = (
    "Signed. The holder of the key {key} states that the answers handed in under this name passed on a machine of "
    "theirs. The signature shows that the statement is theirs, and that not a byte has changed since; it does not show "
    "who wrote the answers. Check it offline: course certificate --verify FILE --public-key FILE."
)
ALONE = "a process of its own, without a sandbox"


def claim(certificate: Certificate) -> str:
    """Return what was done, without the name."""
    exercises = len({each.exercise for each in certificate.proved})
    questions = counted(len(certificate.proved), "question")
    left = len(certificate.unproved)
    uncounted = f" {counted(left, 'question')} more could not be judged there." if left else ""
    return (
        f"has answered {questions} in {counted(exercises, 'exercise')} of the course on asynchronous databases in "
        "FastAPI. "
        f"Each answer passed its check, in a fresh run of the judge on {certificate.date} (UTC).{uncounted}"
    )


def kind(certificate: Certificate) -> str:
    """Return what kind of statement it is, and what that does not prove."""
    return SIGNED.format(key=short(certificate.signer)) if certificate.signer else SELF_CERTIFIED


def isolation(certificate: Certificate) -> str:
    """Return what stood between every answer and the machine."""
    return f"Each answer ran behind: {', '.join(certificate.isolation) or ALONE}."


def versions(certificate: Certificate) -> str:
    """Return what the answers were judged with."""
    return f"Judged with {', '.join(f'{name} {number}' for name, number in certificate.versions.items())}."


def short(fingerprint: str) -> str:
    """Return the beginning of a fingerprint in groups, as people read it out."""
    return " ".join(fingerprint[at : at + 4] for at in range(0, 32, 4))
