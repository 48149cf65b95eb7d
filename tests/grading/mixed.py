"""A class of any size over the small course: right, wrong, untouched, half done, and one in twenty hostile.

The same seed gives the same files, each with the verdicts it must get, so that a thousand can be judged and compared.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

import small_course
from small_course import RIGHT, STEM, WRONG

from course_lib.checks.outcome import Outcome
from course_lib.grading.graded import Graded, Submission

DOUBLE, LATER = "small-double", "small-later"
Given = tuple[dict[str, str], dict[str, tuple[str, str]]]  # what is written, by question, and what must be said of it
SHARES = {"right": 50, "wrong": 25, "untouched": 10, "half done": 10, "hostile": 5}
PASS = {DOUBLE: ("pass", "doubled twice"), LATER: ("pass", "told later")}
UNTOUCHED = ("not attempted", "still the starter; write your answer in its cell")
WRITE = """
import os
for number in range(3, 256):
    try:
        os.write(number, {})
    except OSError:
        pass
"""
FORGED = 'b\'{"stage": "verdict", "verdict": {}}\\n\''
FAKE = """
import course_lib.checks.assertions
course_lib.checks.assertions.equal = lambda *words, **named: None
async def double(n): pass
"""
DROP = "get_ipython().input_transformers_post.append(lambda lines: lines)\nasync def double(n): pass"
THREAD = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
async def double(n): return 2 * n
"""
CHANGED, WROTE = "the answer changed the course's own code (", "the answer wrote into the judge's own channel ("
# a hostile answer to the first question -> how its verdict begins; nothing here depends on a layer of the sandbox
HOSTILE: dict[str, tuple[str, str, str]] = {
    "the end": ("import os\nos._exit(0)", "timeout", "the answer ended the process"),
    "the end in a call": ("import os\nasync def double(n): os._exit(1)", "timeout", "the answer ended the process"),
    "a polite end": ("raise SystemExit", "error", "SystemExit"),
    "an endless loop": ("while True: pass", "timeout", "timeout: still waiting"),
    "a sleep for ever": ("await asyncio.sleep(1e9)", "timeout", "timeout: still waiting"),
    "a recursion": ("def f(): f()\nf()", "error", "RecursionError"),
    "a signal": ("import os\nos.kill(os.getpid(), 9)", "timeout", "the answer ended the process"),
    "a fault": ("import faulthandler\nfaulthandler._sigsegv()", "timeout", "the answer ended the process"),
    "ten megabytes": ("print('x' * 10_000_000)\nasync def double(n): return 6", "fail", "expected 8, got 6"),
    "an error in markup": ("raise ValueError('<script>alert(1)</script>')", "error", "ValueError: <script>"),
    "a forged verdict": (WRITE.format(FORGED), "error", WROTE),
    "no record": (WRITE.format("b'hello\\n'"), "error", WROTE),
    "a flood of records": (WRITE.format("b'x' * 2_000_000"), "error", WROTE),
    "another check": (FAKE, "error", CHANGED),
    "other lines": (DROP, "error", CHANGED),
    "a thread": (THREAD, "error", CHANGED),
    "a check of their own": ("check = print\nasync def double(n): return 6", "fail", "expected 8, got 6"),
    "memory of ours": ("import gc\ngc.get_objects()", "error", "PermissionError: an answer may not use gc.get_objects"),
    "a C library": ("import ctypes\nctypes.CDLL(None)", "error", "PermissionError: an answer may not import ctypes"),
}


@dataclass(frozen=True)
class Mixed:
    """One submission, and for each question the outcome and how its message begins."""

    kind: str
    submission: Submission
    expected: dict[str, tuple[str, str]]

    def faults(self, graded: Graded) -> list[str]:
        """Return what is not as it must be, empty when every verdict is right."""
        if graded.problem or graded.digest != self.submission.digest:
            return [f"{self.submission.learner} ({self.kind}): {graded.problem or 'another digest'}"]
        came = {verdict.outcome.question: verdict.outcome for verdict in graded.verdicts}
        if list(came) != list(self.expected):
            return [f"{self.submission.learner} ({self.kind}): verdicts on {list(came)}"]
        return [
            f"{self.submission.learner} ({self.kind}): expected {self.expected[name]}, got {outcome}"
            for name, outcome in came.items()
            if not _agrees(outcome, self.expected[name])
        ]


def _agrees(outcome: Outcome, expected: tuple[str, str]) -> bool:
    points = outcome.possible if outcome.outcome == "pass" else 0
    return (outcome.outcome, outcome.points) == (expected[0], points) and outcome.message.startswith(expected[1])


def mixed(number: int, seed: int = 0) -> Iterator[Mixed]:
    """Yield `number` submissions; the same `seed` gives the same ones."""
    chance = random.Random(seed)
    for place in range(number):
        kind = chance.choices([*SHARES], [*SHARES.values()])[0]
        yield _written(place, kind, _answers(kind, chance), chance)


def hostile() -> Iterator[Mixed]:
    """Yield each of the hostile answers once."""
    for place, name in enumerate(HOSTILE):
        yield _written(place, name, _hostile(name), random.Random(place))


def _written(place: int, kind: str, given: Given, chance: random.Random) -> Mixed:
    answers, expected = given
    sheet = small_course.sheet(**{name.replace("-", "_"): text for name, text in answers.items()})
    if chance.random() < 0.2:
        chance.shuffle(sheet["cells"])
    text = json.dumps(sheet, indent=chance.choice([None, 1, 2])).encode()
    return Mixed(kind, Submission(f"learner {place:04}", f"learner-{place:04}/{STEM}.ipynb", text), expected)


def _answers(kind: str, chance: random.Random) -> Given:
    if kind == "untouched":
        return {}, {DOUBLE: UNTOUCHED, LATER: UNTOUCHED}
    if kind == "half done":
        done = chance.choice([DOUBLE, LATER])
        return {done: RIGHT[done]}, {name: PASS[name] if name == done else UNTOUCHED for name in (DOUBLE, LATER)}
    if kind == "hostile":
        return _hostile(chance.choice([*HOSTILE]))
    if kind == "right":
        return RIGHT, PASS
    turn = chance.choice([*WRONG])
    name = DOUBLE if turn.startswith(DOUBLE) else LATER
    caught, _, text = WRONG[turn]
    outcome = "error" if "Error" in caught else "fail"
    return {**RIGHT, name: f"# question: {name}\n{text}"}, {**PASS, name: (outcome, caught)}


def _hostile(name: str) -> Given:
    text, outcome, message = HOSTILE[name]
    return {**RIGHT, DOUBLE: f"# question: {DOUBLE}\n{text.strip()}"}, {**PASS, DOUBLE: (outcome, message)}
