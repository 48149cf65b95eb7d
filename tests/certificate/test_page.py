"""The page: one sheet with everything of the document on it, nothing outside the frame, nothing over another thing."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from sheets import SOLUTIONS

from certificate import readers
from certificate.statements import ADA, sealed, signed
from course_lib.authoring import graft
from course_lib.certificate.document import Certificate, Proved, Unproved
from course_lib.certificate.page import ATTACHED, page
from course_lib.errors import CourseError
from course_lib.notebook_file import read_notebook

FRAME = (10.6 / 25.4 * 72, 584.6 / 72 * 72)  # points: the inner line at the left; at the right
MISSING = [Unproved("13_security", f"question-{number}", "no PostgreSQL here") for number in range(5)]
LONG_NAMES = [
    "Ada " * 50,
    "Wolfeschlegelsteinhausenbergerdorff" * 5,
    "Öÿß Żółć " * 20,
    "Ω",
]


def of_the_course(times: int = 1, **changed: object) -> Certificate:
    """Return the certificate of somebody who has passed the whole course, or a longer one."""
    found, lessons = [], {}
    for number in range(times):
        for path in SOLUTIONS:
            stem = f"{int(path.stem[:2]) + 20 * number:02}{path.stem[2:]}"
            lessons[stem] = f"The lesson that is called {path.stem[3:]}"
            for job in graft.jobs(read_notebook(path), {}):
                found.append(Proved(stem, job.question, job.target.partition(": ")[2]))
    whole = replace(ADA, lessons=lessons, proved=tuple(found), unproved=(), sheets=dict.fromkeys(lessons, "ab" * 32))
    return replace(whole, **changed)  # type: ignore[arg-type]


def test_everything_of_the_document_can_be_read() -> None:
    shown = readers.words(sealed())
    for text in (
        "Zażółć Ω Lovelace",
        "has answered 3 questions in 2 exercises of the course on asynchronous databases in FastAPI.",
        "in a fresh run of the judge on 2026-11-28 (UTC). 1 question more could not be judged there.",
        "07 The rope",
        "pool-size: four rooms and six budgets",
        "let-go: inside 0 while 20 wait, Δ and ½",
        "12 Two pools",
        "Not proved here, and not counted 12 two-pools: no PgBouncer here",
        "Each answer ran behind: Landlock, seccomp.",
        "Judged with course 0.1.0, python 3.12.1, fastapi 0.165.0.",
        f"SHA-256 of the attached certificate.json: {ADA.digest}",
    ):
        assert text in shown


def test_self_certified_says_what_it_is_worth() -> None:
    shown = readers.words(sealed())
    assert "Self-certified. The learner made this page on a machine of their own, where the checks and the " in shown
    assert "Its checksum shows damage, and proves nothing about who answered or whether anybody did." in shown
    assert "Signed." not in shown


def test_signed_one_names_the_key_and_how_to_check() -> None:
    shown = readers.words(signed())
    assert "Signed. The holder of the key " in shown
    assert "course certificate --verify FILE --public-key FILE" in shown
    assert "Self-certified" not in shown


def test_document_is_attached_for_programs() -> None:
    assert readers.attached(sealed()) == {ATTACHED: ADA.as_bytes()}


def test_same_document_is_the_same_page() -> None:
    assert page(ADA) == page(ADA)
    assert page(ADA) != page(replace(ADA, name="Eve"))


def inside_and_apart(data: bytes) -> None:
    """Assert that all words stand inside the frame, and none over others."""
    assert readers.pages(data) == 1
    found = [(text, box) for text, box in readers.boxes(data) if text.strip()]
    for text, (left, bottom, right, top) in found:
        assert FRAME[0] < left < right < FRAME[1] - 18, text
        assert FRAME[0] < bottom < top < 842 - FRAME[0], text
    for (one, a), (other, b) in combinations(found, 2):
        wide = min(a[2], b[2]) - max(a[0], b[0])
        high = min(a[3], b[3]) - max(a[1], b[1])
        assert wide <= 0.5 or high <= 0.5, (one, other)


@pytest.mark.parametrize(
    "made",
    [
        of_the_course(),
        of_the_course(unproved=tuple(MISSING), isolation=("a layer with quite a long name",) * 9),
        of_the_course(signer="ab" * 32, versions={f"library-{number}": "1.2.3" for number in range(30)}),
        of_the_course(2),
        of_the_course(4),
        *[of_the_course(name=" ".join(name[:200].split())) for name in LONG_NAMES],
    ],
    ids=["the course", "servers missing", "many versions", "twice as long", "four times", *"abcd"],
)
def test_page_holds_what_there_is(made: Certificate) -> None:
    data = page(made)
    inside_and_apart(data)
    shown = readers.words(data)
    assert all(each.question in shown for each in made.proved)
    assert "".join(made.name.split()) in shown.replace(" ", "")


def test_ten_lessons_keep_their_words_in_a_size_to_read() -> None:
    data = page(of_the_course())
    assert "two-at-once: both were inside at the same time" in readers.words(data)
    [line] = [box for text, box in readers.boxes(data) if text.startswith("two-at-once")]
    assert line[3] - line[1] > 5  # points, from the lowest letter to the highest: letters of 7 or more


def test_long_course_keeps_its_questions_and_leaves_the_words_to_the_attachment() -> None:
    made = of_the_course(4)
    assert "both were inside" not in readers.words(page(made))
    assert readers.attached(page(made))[ATTACHED].count(b"both were inside") == 4


def test_what_never_fits_is_one_sentence() -> None:
    with pytest.raises(CourseError, match=r"^\d+ questions do not fit on one page; shorten the name, or report it$"):
        page(of_the_course(isolation=("a layer of many words",) * 900))


def test_letters_that_the_font_lacks_are_one_sentence() -> None:
    with pytest.raises(CourseError) as raised:
        page(replace(ADA, name="Ada 山田 山"))
    assert str(raised.value) == "the font of the page has no sign for 山田 in the name; write it in other letters"


def test_font_has_a_sign_for_every_word_of_the_course() -> None:
    made = of_the_course()
    text = "".join(each.text for each in made.proved)
    page(replace(made, name="".join(sorted({*text}))))
