"""Every question of the bank is whole, and a question that is not is named."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from course_lib.errors import CourseError
from course_lib.locations import course_root
from course_lib.notebook_file import find, read_notebook, source
from course_lib.notebook_file import stems as lesson_stems
from course_lib.study.questions import (
    BANK,
    Option,
    Question,
    faults,
    find_prompt,
    lesson_faults,
    load,
    of_kind,
    stem_of,
    stems,
)

SECTIONS = {"00_doors_open": 4, "01_event_loop": 5, "03_engine_and_session": 5}
PUBLISHED = Path(__file__).parent / "published_ids.txt"

WHOLE = Question(
    "07-pool-size", "predict", "How many?", "07_pools", 1, (Option("5", "kept", right=True), Option("0", "not lazy"))
)
NUMBER = Question("07-opened", "predict", "How many open?", "07_pools", 2, number=5, because="the pool keeps five")
CARD = Question("07-card-pool", "card", "Pool?", "07_pools", answer="Connections kept for the next.")


def bank_of(tmp_path: Path, text: str) -> Path:
    (tmp_path / "07_pools.toml").write_text(text, encoding="utf-8")
    return tmp_path


def test_the_bank_has_no_faults() -> None:
    assert faults(tuple(question for stem in stems() for question in load(stem))) == []


@pytest.mark.parametrize("stem", SECTIONS)
def test_every_section_of_a_lesson_has_one_prompt(stem: str) -> None:
    sections = [question.section for question in load(stem) if question.kind == "predict"]
    assert sections == list(range(1, SECTIONS[stem] + 1))


@pytest.mark.parametrize("stem", stems())
def test_every_lesson_has_its_quiz_its_cards_and_its_questions(stem: str) -> None:
    assert lesson_faults(stem) == []


@pytest.mark.parametrize("stem", stems())
def test_the_questions_at_the_end_of_a_lesson_are_the_bank_s(stem: str) -> None:
    text = "\n\n".join(source(cell) for cell in read_notebook(find("notebooks", int(stem[:2])))["cells"])
    block = text.partition("## Questions\n")[2].partition("\n## ")[0]
    recall = of_kind("recall", [stem])
    assert re.findall(r"^\d\. (.+)$", block.partition("<details>")[0], re.MULTILINE) == [q.prompt for q in recall]
    hidden = re.search(r"<summary>Answers</summary>\s*(.+?)\s*</details>", block, re.DOTALL)
    assert hidden is not None
    assert " ".join(hidden[1].split()) == " ".join(f"{n}. {q.answer}" for n, q in enumerate(recall, start=1))


def test_an_id_that_was_published_stays() -> None:
    published = PUBLISHED.read_text(encoding="utf-8").split()
    ids = [question.id for stem in stems() for question in load(stem)]
    assert sorted(set(published) - set(ids)) == [], (
        "reviews are kept under these ids: give them back to their questions"
    )
    assert sorted(set(ids) - set(published)) == [], "write the new ids into tests/study/published_ids.txt"


def test_stems_are_the_files_of_the_bank_and_the_lessons() -> None:
    assert stems() == sorted(path.stem for path in BANK.glob("*.toml")) == lesson_stems()
    assert course_root().is_dir()


def test_a_lesson_is_found_by_its_number(tmp_path: Path) -> None:
    assert stem_of(7) == "07_pools"
    with pytest.raises(CourseError) as caught:
        stem_of(7, tmp_path)
    assert str(caught.value) == "expected a lesson that has questions (none), got 7; name one of them"


def test_a_lesson_with_too_few_questions_is_named(tmp_path: Path) -> None:
    bank_of(tmp_path, '[[question]]\nid = "07-card-pool"\nkind = "card"\nprompt = "Pool?"\nanswer = "Seats."')
    assert lesson_faults("07_pools", tmp_path) == [
        "07_pools: expected 4 to 6 questions of kind quiz, got 0",
        "07_pools: expected 6 to 8 questions of kind card, got 1",
        "07_pools: expected 5 questions of kind recall, got 0",
    ]


def test_a_question_shows_its_options_and_no_answer() -> None:
    assert str(WHOLE) == "How many?\n(a) 5\n(b) 0"
    assert str(NUMBER) == "How many open?\n(a number)"
    assert str(CARD) == "Pool?"


@pytest.mark.parametrize("question", [WHOLE, NUMBER, CARD])
def test_a_whole_question_has_no_faults(question: Question) -> None:
    assert faults((question,)) == []


TWO_RIGHT = (Option("5", "kept", right=True), Option("0", "lazy", right=True))
NONE_RIGHT = (Option("5", "kept"), Option("0", "lazy"))


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (replace(WHOLE, options=TWO_RIGHT), "07-pool-size: expected exactly 1 right option, got 2"),
        (replace(WHOLE, options=NONE_RIGHT), "07-pool-size: expected exactly 1 right option, got 0"),
        (replace(WHOLE, options=(Option("5", "kept", right=True),)), "07-pool-size: expected 2 to 8 options"),
        (
            replace(WHOLE, options=(Option("5", "kept", right=True), Option("0"))),
            "07-pool-size: every option needs its reason",
        ),
        (
            replace(WHOLE, options=(Option("5", "kept", right=True), Option("5", "lazy"))),
            "07-pool-size: two options read the same",
        ),
        (replace(WHOLE, lesson="08_transactions"), "07-pool-size: the id must begin with 08-"),
        (replace(NUMBER, because=""), "07-opened: a number needs its reason"),
        (replace(NUMBER, options=WHOLE.options), "07-opened: a number has no options"),
        (replace(NUMBER, kind="quiz"), "07-opened: only a predict prompt may be a number"),
        (replace(CARD, answer=""), "07-card-pool: a card needs an answer"),
        (replace(CARD, options=WHOLE.options), "07-card-pool: a card has no options"),
        (replace(CARD, answer=" "), "07-card-pool: a card needs an answer"),
        (replace(CARD, kind="recall", answer=""), "07-card-pool: a recall question needs an answer"),
        (replace(CARD, kind="recall", options=WHOLE.options), "07-card-pool: a recall question has no options"),
        (replace(CARD, prompt=" "), "07-card-pool: the prompt is empty"),
        (replace(CARD, id="07-Card_pool"), "07-Card_pool: the id must be lower-case words with hyphens"),
        (
            replace(WHOLE, options=(Option("5", "kept", right=True), Option("", "lazy"))),
            "07-pool-size: every option needs its text",
        ),
    ],
)
def test_each_fault_is_named(question: Question, sentence: str) -> None:
    assert faults((question,)) == [sentence]


def test_an_id_used_twice_is_a_fault() -> None:
    assert faults((WHOLE, WHOLE)) == ["07-pool-size: the id is used twice"]


def test_find_prompt_returns_the_prompt_of_that_id() -> None:
    question = find_prompt("01-thread-peak")
    assert (question.lesson, question.section) == ("01_event_loop", 2)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("00-asyncio-runs", "00-asyncio-run"),
        ("thread-peak", "01-thread-peak"),
        ("00-quiz-client-socket", "00-client-port"),
        ("99-lazy-engine", "03-lazy-engine"),
    ],
)
def test_an_unknown_prompt_names_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(CourseError) as caught:
        find_prompt(wrong)
    assert str(caught.value) == f"no prompt is named '{wrong}'; did you mean '{nearest}'?"


def test_an_empty_bank_has_no_nearest(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="did you mean 'none'"):
        find_prompt("07-pool-size", tmp_path)


def test_a_number_can_be_asked_for(tmp_path: Path) -> None:
    text = (
        '[[question]]\nid = "07-opened"\nkind = "predict"\nsection = 1\nprompt = "How many?"\nnumber = 5\nbecause = "x"'
    )
    assert find_prompt("07-opened", bank_of(tmp_path, text)).number == 5


@pytest.mark.parametrize(
    "text", ["no toml [", "", '[[question]]\nid = "07-x"', '[[question]]\nid = "07-x"\ncolour = 1']
)
def test_a_broken_bank_is_named_in_one_sentence(text: str, tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"^the question bank 07_pools.toml cannot be read \("):
        load("07_pools", bank_of(tmp_path, text))


def test_wordings_keep_their_backticks_in_pairs() -> None:
    for path in BANK.glob("*.toml"):
        for record in tomllib.loads(path.read_text(encoding="utf-8"))["question"]:
            options = record.get("options", [])
            texts = [record["prompt"], record.get("answer", ""), *(o["text"] + o["because"] for o in options)]
            assert [text for text in texts if text.count("`") % 2] == []
