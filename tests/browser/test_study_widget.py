"""Cards, quiz and speed challenge in a real browser, with the network cut: by keyboard, by mouse, through a reload, a
restart and a second notebook; and axe-core looks at every screen on the way.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any  # Any: what axe found, and what JSON holds

import pytest
from axe_playwright_python.sync_playwright import Axe
from commands.served import Home, Served, end, notebook, write_small_course
from playwright.sync_api import Locator, Page, expect

from course_lib.study.questions import of_kind

from .desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LESSON = 3
STEM = "03_engine_and_session"
QUESTIONS = of_kind("quiz", [STEM])
CELLS = {"quiz": f"study.quiz({LESSON})", "cards": f"study.cards({LESSON})", "speed": f"study.speed({LESSON})"}
FIRST = """
import os
os.environ["COURSE_PROGRESS_DB"] = {progress!r}
from course_lib import study
"""
BLOCK = """
import pathlib, time
for block in range(300):
    time.sleep(0.1)
    if pathlib.Path({clicked!r}).exists():
        break
"""
TAKES_KEYS = ".study-screen:not([data-fresh])"
BOTH_THEMES = pytest.mark.parametrize("theme", ["light", "dark"], indirect=True, scope="module")


@pytest.fixture(scope="module", params=["light"])
def theme(request: pytest.FixtureRequest) -> str:
    """Return the theme of JupyterLab."""
    theme: str = request.param
    return theme


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, theme: str) -> Home:
    """Return a learner's home with a small course and that theme, shared by the tests of this file."""
    home = Home(tmp_path_factory.mktemp(f"home-{theme}"))
    write_small_course(home.course)
    chosen = Path(home.env["JUPYTER_CONFIG_DIR"]) / "lab/user-settings/@jupyterlab/apputils-extension"
    chosen.mkdir(parents=True)
    (chosen / "themes.jupyterlab-settings").write_text(f'{{"theme": "JupyterLab {theme.title()}"}}')
    return home


@pytest.fixture(scope="module")
def lab(home: Home) -> Iterator[Served]:
    """Return the server of the course: it takes longer to start than a test to run."""
    process = home.start()
    try:
        served = Served(process)
        yield served
        served.stop()
    finally:
        end(process)


class Room:
    """A learner at one desk with sheets and a progress store of their own."""

    def __init__(self, folder: Path, home: Home, lab: Served, pictures: Path) -> None:
        self.progress = folder / "progress.db"
        self.clicked = folder / "clicked"
        self._home, self._lab, self._pictures = home, lab, pictures
        self._stem = folder.name

    def sheet(self, number: int) -> Path:
        """Return where the sheet of that number lies."""
        return self._home.course / f"work/notebooks/{self._stem}-{number}.ipynb"

    def open(self, page: Page, number: int = 1) -> Desk:
        """Write a sheet with cards, quiz and speed challenge, and open it."""
        first = ("first", FIRST.format(progress=str(self.progress)).strip())
        block = ("block", BLOCK.format(clicked=str(self.clicked)).strip())
        self.sheet(number).write_text(notebook(first, *CELLS.items(), block))
        desk = Desk(page, pictures=self._pictures, progress=self.progress)
        desk.open(self._lab.url.replace("00_doors_open", self.sheet(number).stem))
        return desk


@pytest.fixture
def room(tmp_path: Path, home: Home, lab: Served, screenshots: Path) -> Room:
    """Return the room of one test."""
    return Room(tmp_path, home, lab, screenshots)


@pytest.fixture
def desk(page: Page, room: Room) -> Desk:
    """Return the learner's page with the first sheet open."""
    return room.open(page)


def show(desk: Desk, kind: str) -> Locator:
    """Run the imports and the cell of a kind, and return its widget."""
    for source in ("import study", CELLS[kind]):
        desk.cell(source).locator(".cm-content").click()
        desk.run_here()
    found = desk.cell(CELLS[kind]).locator(".study")
    found.locator(TAKES_KEYS).wait_for()
    return found


def screen(widget: Locator, state: str) -> Locator:
    """Wait for a screen of that state until it takes keys, and return it."""
    found = widget.locator(f"{TAKES_KEYS}[data-state={state}]")
    found.wait_for()
    return found


def result_of(desk: Desk, verb: str) -> list[dict[str, Any]]:
    """Return the results of all events of a verb in the progress store."""
    with closing(sqlite3.connect(desk.progress)) as store:
        rows = store.execute("SELECT result_json FROM event WHERE verb = ? ORDER BY at_utc, rowid", (verb,))
        return [json.loads(row[0]) for row in rows]


def right_option(widget: Locator, *, right: bool = True) -> Locator:
    """Return a right or a wrong option of the question that is asked."""
    asked = widget.locator(".study-text").inner_text()
    question = next(q for q in QUESTIONS if q.prompt.replace("`", "") == asked)
    texts = [option.text.replace("`", "") for option in question.options if option.right is right]
    return widget.get_by_role("radio", name=texts[0], exact=True)


def faults(page: Page) -> list[str]:
    """Return what axe-core finds wrong with the widgets on the page, and where."""
    found = Axe().run(page, context=".study").response["violations"]
    return [f"{one['id']} ({one['impact']}): {one['nodes'][0]['html']}" for one in found]


def has_focus(widget: Locator) -> bool:
    """Say whether the focus is inside a widget."""
    return bool(widget.evaluate("root => root.contains(document.activeElement)"))


@BOTH_THEMES
def test_cards_by_keyboard_only(desk: Desk, theme: str) -> None:
    cards, keys = show(desk, "cards"), desk.page.keyboard
    assert faults(desk.page) == []
    desk.picture(f"cards-front-{theme}")
    markup = cards.evaluate("root => root.outerHTML")
    texts = [q.answer for kind in ("card", "recall") for q in of_kind(kind, [STEM])]
    assert [text for text in texts if text.replace("`", "") in markup.replace("`", "")] == []

    keys.press("Escape")  # whatever had the focus: the sheet is in command mode now
    for _ in range(20):
        if has_focus(cards):
            break
        keys.press("Tab")
    expect(cards.get_by_role("button", name="Turn the card")).to_be_focused()
    keys.press("Enter")
    back = screen(cards, "back")
    expect(cards.get_by_role("status")).to_contain_text("Back: One per process; owns the pool; connects on first use.")
    again, hard, good = (back.get_by_role("button", name=name) for name in ("Again", "Hard", "Good"))
    expect(again).to_be_focused()
    assert again.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    assert faults(desk.page) == []
    desk.picture(f"cards-back-{theme}")
    keys.press("ArrowRight")
    expect(hard).to_be_focused()
    keys.press("ArrowRight")
    expect(good).to_be_focused()
    keys.press("Enter")
    screen(cards, "front")
    expect(cards.get_by_role("status")).to_contain_text(re.compile('Good: ".+" comes back in 10 minutes. Front: '))
    expect(cards.get_by_role("button", name="Turn the card")).to_be_focused()

    keys.press("Space")
    screen(cards, "back")
    keys.press("4")
    screen(cards, "front")
    expect(cards.get_by_role("status")).to_contain_text(re.compile('Easy: ".+" comes back in '))
    keys.press("Tab")
    expect(cards.get_by_role("button", name="Undo the review of: ")).to_be_focused()
    keys.press("Space")
    expect(cards.get_by_role("status")).to_contain_text("The last review is taken back; here is its card again.")
    assert [one.get("grade", "undo") for one in result_of(desk, "reviewed")] == ["good", "easy", "undo"]

    keys.press("Escape")
    assert not has_focus(cards)
    selected = desk.sheet().locator(".jp-Cell.jp-mod-active")
    keys.press("ArrowDown")  # the sheet's own key again
    expect(selected.locator(".cm-content")).to_contain_text(CELLS["speed"])


def test_all_cards_are_reviewed_until_nothing_is_due(desk: Desk) -> None:
    cards = show(desk, "cards")
    cards.get_by_role("button", name="Turn the card").focus()
    count = len(of_kind("card", [STEM])) + len(of_kind("recall", [STEM]))
    for _ in range(count):
        screen(cards, "front")
        desk.page.keyboard.press("Enter")
        screen(cards, "back")
        desk.page.keyboard.press("4")
        expect(cards.locator("[data-state=back]")).to_have_count(0)
    done = screen(cards, "done")
    expect(done).to_contain_text("Nothing is due now; the next card is due in ")
    expect(done.get_by_role("button", name="Check again")).to_be_focused()
    assert faults(desk.page) == []
    desk.picture("cards-done")
    desk.page.keyboard.press("Enter")
    expect(screen(cards, "done").get_by_role("button", name="Check again")).to_be_focused()
    assert len(result_of(desk, "reviewed")) == count


def test_cards_by_mouse_beside_a_quiz(desk: Desk) -> None:
    cards = show(desk, "cards")
    cards.locator(".study-front").click()  # a card is turned by touching it
    screen(cards, "back")
    cards.get_by_role("button", name="Good").dblclick()  # counts once, and turns nothing
    expect(screen(cards, "front").locator(".study-head")).to_contain_text("0 due, 12 new")
    cards.get_by_role("button", name="Undo the review of: ").click()
    expect(screen(cards, "front").locator(".study-head")).to_contain_text("0 due, 13 new")
    cards.get_by_role("button", name="Turn the card").click()
    again = screen(cards, "back").get_by_role("button", name="Again")
    expect(cards.get_by_role("group", name="How well did you know it?").get_by_role("button")).to_have_count(4)
    again.click()
    expect(screen(cards, "front").locator(".study-head")).to_contain_text("0 due, 12 new, 1 to repeat")
    quiz = show(desk, "quiz")
    right_option(quiz, right=False).click()
    expect(screen(quiz, "answered")).to_contain_text("The question is in your cards now.")
    expect(cards.locator(".study-head")).to_contain_text("0 due, 13 new, 1 to repeat")  # at once, untouched
    desk.picture("cards-beside-quiz")
    assert [one.get("grade", "undo") for one in result_of(desk, "reviewed")] == ["good", "undo", "again"]


ALMOST_DUE = """
from datetime import UTC, datetime, timedelta
from course_lib.study.deck import Deck
from course_lib.study.journal import Journal
now = datetime.now(UTC)
for number in range(13):
    early = timedelta(seconds=310) if number == 0 else timedelta()  # graded "hard" it comes back after 330
    pile = Deck(3, Journal(lambda: now - early))
    pile.act({"turn": pile.view()["turn"], "do": "flip"})
    grade = "easy" if number else "hard"
    pile.act({"turn": pile.view()["turn"], "do": "grade", "grade": grade})
"""


def test_an_empty_pile_wakes_by_itself(desk: Desk) -> None:
    first = desk.cell("import study")
    first.locator(".cm-content").click()
    desk.page.keyboard.press("Control+End")
    desk.page.keyboard.insert_text(ALMOST_DUE)
    cards = show(desk, "cards")
    expect(screen(cards, "done")).to_contain_text("Nothing is due now")
    expect(screen(cards, "front").locator(".study-head")).to_contain_text("1 due, 0 new")  # nobody pressed anything


def test_what_is_asked_is_in_sight_at_200_percent(desk: Desk) -> None:
    quiz, keys = show(desk, "quiz"), desk.page.keyboard
    desk.page.set_viewport_size({"width": 640, "height": 400})
    quiz.get_by_role("radio").first.focus()
    for _ in range(2):
        keys.press("Enter")
        screen(quiz, "answered")
        keys.press("Enter")
        screen(quiz, "asked")
        expect(quiz.locator(".study-text")).to_be_in_viewport()
    cards = show(desk, "cards")
    cards.get_by_role("button", name="Turn the card").focus()
    keys.press("Enter")
    screen(cards, "back")
    expect(cards.get_by_role("button", name="Easy")).to_be_in_viewport()


@BOTH_THEMES
def test_a_quiz_by_mouse(desk: Desk, theme: str) -> None:
    quiz = show(desk, "quiz")
    group = quiz.get_by_role("radiogroup")
    assert faults(desk.page) == []
    desk.picture(f"quiz-asked-{theme}")
    for number in range(len(QUESTIONS)):
        screen(quiz, "asked")
        assert [q for q in QUESTIONS for option in q.options if option.because in quiz.inner_text()] == []
        chosen = right_option(quiz, right=number > 0)
        chosen.dblclick()  # counts once, and its second half presses nothing
        answered = screen(quiz, "answered")
        expect(group.locator("[aria-checked=true]")).to_contain_text("right" if number else "wrong, your answer")
        expect(answered.locator(".study-because")).to_have_count(group.get_by_role("radio").count())
        expect(quiz.get_by_role("status")).to_contain_text("Right." if number else "Not this time")
        if number == 0:
            assert faults(desk.page) == []
            desk.picture(f"quiz-answered-{theme}")
        quiz.get_by_role("button", name="Next question" if number < len(QUESTIONS) - 1 else "See the result").click()
    done = screen(quiz, "done")
    expect(done).to_contain_text(f"{len(QUESTIONS) - 1} of {len(QUESTIONS)} right; the other one is in your cards.")
    assert has_focus(quiz)
    assert faults(desk.page) == []
    desk.picture(f"quiz-done-{theme}")
    assert [one["right"] for one in result_of(desk, "answered")] == [False, *[True] * (len(QUESTIONS) - 1)]


def test_a_quiz_by_keyboard_only(desk: Desk) -> None:
    quiz, keys = show(desk, "quiz"), desk.page.keyboard
    radios = quiz.get_by_role("radio")
    radios.first.focus()
    keys.press("ArrowUp")  # moves and answers nothing
    expect(radios.last).to_be_focused()
    keys.press("ArrowDown")
    expect(radios.first).to_be_focused()
    keys.press("ArrowRight")
    expect(radios.nth(1)).to_be_focused()
    keys.press("End")
    expect(radios.last).to_be_focused()
    keys.press("Home")
    expect(radios.first).to_be_focused()
    assert quiz.locator("[aria-checked=true]").count() == 0
    expect(quiz.get_by_text("Arrows move, Enter or a letter answers")).to_be_visible()
    keys.press("1")  # a number is no key here: it could be one of the answers
    keys.press("ArrowRight")
    keys.press("Enter")
    screen(quiz, "answered")
    following = quiz.get_by_role("button", name="Next question")
    expect(following).to_be_focused()
    keys.press("Shift+Tab")  # back to what was chosen, and its reason
    expect(quiz.locator("[aria-checked=true]")).to_be_focused()
    keys.press("Enter")
    keys.press("a")  # neither answers again
    keys.press("Tab")
    keys.press("Enter")
    screen(quiz, "asked")
    expect(quiz.get_by_role("radio").first).to_be_focused()
    assert len(result_of(desk, "answered")) == 1
    keys.press("b")
    screen(quiz, "answered")
    expect(quiz.get_by_role("radio").nth(1)).to_be_checked()


PRESS_AT_ONCE = """
(root) => new MutationObserver((_changes, watching) => {
  const radio = root.querySelector("[data-state=asked] [role=radio]");
  if (!radio) return;
  watching.disconnect();
  setTimeout(() => {
    radio.click();
    root.dataset.hasty = "";
  }, 150);
}).observe(root, { childList: true })
"""


def test_a_key_pressed_twice_answers_no_question_unread(desk: Desk) -> None:
    quiz, keys = show(desk, "quiz"), desk.page.keyboard
    quiz.get_by_role("radio").first.focus()
    keys.press("Enter")
    screen(quiz, "answered")
    quiz.evaluate(PRESS_AT_ONCE)  # 150 ms after the next question has come: what a second Enter does
    keys.press("Enter")
    expect(quiz).to_have_attribute("data-hasty", "")
    expect(screen(quiz, "asked")).to_contain_text(f"Question 2 of {len(QUESTIONS)}")
    assert len(result_of(desk, "answered")) == 1
    keys.press("Enter")  # read by now
    screen(quiz, "answered")
    assert len(result_of(desk, "answered")) == 2


def test_a_key_held_down_acts_once(desk: Desk) -> None:
    quiz, keys = show(desk, "quiz"), desk.page.keyboard
    quiz.get_by_role("radio").first.focus()
    keys.down("Enter")
    screen(quiz, "answered")
    for _ in range(5):
        keys.down("Enter")  # a repeat, as playwright sends it for a key that is down
    keys.up("Enter")
    expect(quiz.get_by_role("button", name="Next question")).to_be_focused()
    assert len(result_of(desk, "answered")) == 1


@BOTH_THEMES
def test_a_speed_run_to_its_end(desk: Desk, theme: str) -> None:
    speed, keys = show(desk, "speed"), desk.page.keyboard
    assert faults(desk.page) == []
    desk.picture(f"speed-ready-{theme}")
    speed.get_by_role("button", name="Start with a clock").press("Enter")
    for number in range(len(QUESTIONS)):
        asked = screen(speed, "asked")
        expect(speed.get_by_role("radio").first).to_be_focused()
        if number == 1:
            expect(asked.locator(".study-clock")).to_have_text(re.compile(r"^[1-9]\d* s$"))  # it runs
            assert faults(desk.page) == []
            desk.picture(f"speed-asked-{theme}")
        keys.press("a" if number else "b")
        screen(speed, "answered")
        keys.press("Enter")
    screen(speed, "done")
    expect(speed.get_by_role("status")).to_contain_text(f"of {len(QUESTIONS)} right in ")
    expect(speed.get_by_role("button", name="Start with a clock")).to_be_focused()
    assert faults(desk.page) == []
    desk.picture(f"speed-done-{theme}")

    speed.get_by_role("button", name="Start without a clock").click()
    screen(speed, "asked")
    expect(speed.locator(".study-clock")).to_be_empty()
    speed.get_by_role("button", name="Drop this round").click()
    expect(screen(speed, "ready")).to_contain_text("Round dropped; your answers so far are kept.")
    assert has_focus(speed)
    timed, untimed, left = result_of(desk, "opened")[-3:]
    assert (timed["timed"], untimed["timed"], left["questions"]) == (True, False, [])
    assert [type(one["seconds"]) for one in result_of(desk, "answered")] == [float] * len(QUESTIONS)


def test_a_reload_in_the_middle_changes_nothing(desk: Desk) -> None:
    quiz = show(desk, "quiz")
    right_option(quiz).click()
    before = screen(quiz, "answered").locator(".study-choices").inner_text()
    desk.save()
    desk.page.reload()
    quiz = desk.cell(CELLS["quiz"]).locator(".study")
    assert screen(quiz, "answered").locator(".study-choices").inner_text() == before
    quiz.get_by_role("button", name="Next question").click()
    expect(screen(quiz, "asked")).to_contain_text(f"Question 2 of {len(QUESTIONS)}, 1 right")
    assert len(result_of(desk, "answered")) == 1


def test_a_clock_counts_on_over_a_reload_and_stands_after_a_restart(desk: Desk) -> None:
    speed = show(desk, "speed")
    speed.get_by_role("button", name="Start with a clock").click()
    screen(speed, "asked")
    expect(speed.locator(".study-clock")).to_have_text(re.compile(r"^([5-9]|\d\d+) s$"))
    desk.save()
    desk.page.reload()
    speed = desk.cell(CELLS["speed"]).locator(".study")
    screen(speed, "asked")
    assert int(speed.locator(".study-clock").inner_text().split()[0]) >= 5  # at once: it would come to that in any case
    desk.page.get_by_text("| Idle").first.wait_for()
    desk.menu("Kernel", "Restart Kernel…")
    desk.page.get_by_role("button", name="Confirm Kernel Restart").click()
    expect(desk.page.get_by_text("| Idle").first).to_be_visible()
    speed = show(desk, "speed")
    expect(screen(speed, "paused")).to_contain_text("Its clock stands until you go on.")
    assert faults(desk.page) == []
    desk.picture("speed-paused")
    speed.get_by_role("button", name="Go on").click()
    expect(screen(speed, "asked")).to_contain_text(f"Question 1 of {len(QUESTIONS)}")
    assert [len(one["questions"]) for one in result_of(desk, "opened")] == [len(QUESTIONS)]


def test_a_second_cell_says_where_the_first_one_is_shown(desk: Desk) -> None:
    show(desk, "quiz")
    again = desk.cell("import study")
    again.locator(".cm-content").click()
    desk.page.keyboard.press("Control+End")
    desk.page.keyboard.type(f"\n{CELLS['quiz']}")
    desk.run_here()
    expect(again.locator(".study")).to_contain_text("Question 1 of")
    expect(desk.sheet().locator(".study-line", has_text="It is shown in the cell that you ran last.")).to_be_visible()
    desk.picture("quiz-moved")


def test_a_kernel_restart_in_the_middle_changes_nothing(desk: Desk) -> None:
    quiz = show(desk, "quiz")
    right_option(quiz).click()
    screen(quiz, "answered")
    desk.menu("Kernel", "Restart Kernel…")
    desk.page.get_by_role("button", name="Confirm Kernel Restart").click()
    expect(desk.page.get_by_text("| Idle").first).to_be_visible()
    desk.cell(CELLS["quiz"])
    quiz.get_by_role("button", name="Next question").click()
    expect(quiz.get_by_role("status")).to_contain_text(
        "Not kept: the kernel was restarted. Run the first cell and this one again, it goes on where you were."
    )
    desk.picture("quiz-kernel-lost")
    quiz = show(desk, "quiz")
    expect(screen(quiz, "asked")).to_contain_text(f"Question 2 of {len(QUESTIONS)}, 1 right")
    right_option(quiz).click()
    expect(screen(quiz, "answered")).to_contain_text(f"Question 2 of {len(QUESTIONS)}, 2 right")
    assert len(result_of(desk, "answered")) == 2


def test_two_open_notebooks_share_one_round(desk: Desk, room: Room) -> None:
    first = show(desk, "quiz")
    other = room.open(desk.page.context.new_page(), 2)
    second = show(other, "quiz")
    right_option(first).click()
    screen(first, "answered")
    right_option(second, right=False).click()
    expect(screen(second, "answered").locator(".study-verdict")).to_have_text(
        "Answered in another notebook meanwhile. Right."
    )
    assert [one["right"] for one in result_of(desk, "answered")] == [True]


def test_a_busy_kernel_loses_no_answer_and_doubles_none(desk: Desk, room: Room) -> None:
    quiz = show(desk, "quiz")
    block = desk.cell("for block in")
    block.locator(".cm-content").click()
    desk.run_here()
    expect(block.locator(".jp-InputPrompt")).to_contain_text("[*]")
    desk.cell(CELLS["quiz"])
    right, wrong = right_option(quiz), right_option(quiz, right=False)
    right.click()
    expect(right).to_be_checked()
    expect(quiz.get_by_role("status")).to_contain_text("The kernel is busy: what you did is kept, and counts once.")
    wrong.click()  # a change of mind comes too late: the first answer is under way
    desk.picture("quiz-kernel-busy")
    room.clicked.write_text("")
    expect(screen(quiz, "answered").locator(".study-verdict")).to_have_text("Right.")
    expect(quiz.locator(".study-note")).to_be_empty()
    assert [one["right"] for one in result_of(desk, "answered")] == [True]


def test_a_busy_kernel_is_not_the_learners_time(desk: Desk, room: Room) -> None:
    speed = show(desk, "speed")
    speed.get_by_role("button", name="Start with a clock").click()
    screen(speed, "asked")
    block = desk.cell("for block in")
    block.locator(".cm-content").click()
    desk.run_here()
    expect(block.locator(".jp-InputPrompt")).to_contain_text("[*]")
    desk.cell(CELLS["speed"])
    shown = speed.locator(".study-clock")
    speed.get_by_role("radio").first.click()
    before = int(shown.inner_text().split()[0])
    expect(shown).to_have_text(re.compile(rf"^({before + 4}|{before + 5}|{before + 6}) s$"))  # the kernel is still busy
    meanwhile = int(shown.inner_text().split()[0])
    room.clicked.write_text("")
    screen(speed, "answered")
    (answered,) = result_of(desk, "answered")
    assert answered["seconds"] < meanwhile


@BOTH_THEMES
def test_a_widget_needs_no_width_and_no_motion(desk: Desk, theme: str) -> None:
    desk.page.emulate_media(reduced_motion="reduce")
    speed = show(desk, "speed")
    speed.get_by_role("button", name="Start with a clock").click()
    screen(speed, "asked")
    moving = speed.evaluate(
        "root => [...root.querySelectorAll('*')].filter(part => getComputedStyle(part).transitionDuration !== '0s'"
        " || getComputedStyle(part).animationName !== 'none').length"
    )
    assert moving == 0
    desk.page.wait_for_function(
        "began => performance.now() > began + 2500", arg=desk.page.evaluate("performance.now()")
    )
    expect(speed.locator(".study-clock")).to_have_text("0 s")  # it runs in Python; nothing moves on the page
    speed.get_by_role("radio").first.click()
    screen(speed, "answered")
    desk.page.set_viewport_size({"width": 640, "height": 900})  # what 1280 points are at 200%
    desk.picture(f"speed-zoomed-{theme}")
    speed.evaluate("root => root.style.width = '320px'")
    wide = "root => [root, ...root.querySelectorAll('*')].filter(one => one.scrollWidth > one.clientWidth + 1)"
    kinds = f"{wide}.filter(one => getComputedStyle(one).display !== 'inline').map(one => one.className)"
    assert [kind for kind in speed.evaluate(kinds) if kind != "study-spoken"] == []
    speed.scroll_into_view_if_needed()
    desk.picture(f"speed-narrow-{theme}")


def test_a_stored_sheet_is_the_models_text(desk: Desk, room: Room) -> None:
    for kind in CELLS:
        show(desk, kind)
    desk.save()
    stored = json.loads(room.sheet(1).read_text())
    texts = {cell["id"]: "".join(out["data"]["text/plain"]) for cell in stored["cells"] for out in cell["outputs"]}
    assert texts["quiz"].startswith(f"Quiz of lesson 03: {len(QUESTIONS)} questions\n1. ")
    assert texts["cards"].startswith("Cards of lesson 03: 13\n- ")
    speed = f"Speed challenge of lesson 03: {len(QUESTIONS)} questions, with a clock or without"
    assert texts["speed"] == f"{speed}\nRun this cell: it begins here, or goes on where you were."
