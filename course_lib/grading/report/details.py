"""The lower half of the HTML page: the wrong turns of each question with an example, and what each learner was told."""

from __future__ import annotations

from collections.abc import Iterator

from course_lib.grading.graded import Graded, Verdict
from course_lib.grading.report.example import anonymous
from course_lib.grading.report.markup import e, mark
from course_lib.grading.report.results import RED, Results
from course_lib.grading.report.statistics import Item, Turn
from course_lib.grading.report.text import counted


def questions(results: Results, found: list[Item]) -> Iterator[str]:
    """Yield the section on questions: each with its wrong turns, the dearest first."""
    if not found:
        return
    yield '<section aria-labelledby="turns"><h2 id="turns">Wrong turns, question by question</h2>'
    for number, item in enumerate(found, 1):
        share = f"{item.counts['pass']} of {item.sheets} pass, {counted(item.lost, 'point')} lost"
        yield f"<details{' open' if number == _dearest(found) else ''}>"
        name = f"{item.question.exercise[:2]} {e(item.question.name)}"
        yield f'<summary>{name}<span class="quiet">{share}</span></summary>'
        yield f'<div id="question-{number}">'  # inside: a browser opens what a link leads into
        yield from (_turn(results, turn) for turn in item.turns)
        if not item.turns:
            yield "<p>Nobody took a wrong turn.</p>"
        yield "</div></details>"
    yield "</section>"


def _dearest(found: list[Item]) -> int:
    return max(range(len(found)), key=lambda number: found[number].lost) + 1


def _turn(results: Results, turn: Turn) -> str:
    name = f" · a known wrong turn, <code>{e(turn.name)}</code>" if turn.name else ""
    cost = f"{counted(len(turn.learners), 'learner')}, {counted(turn.lost, 'point')} lost"
    lines = [
        f'<div class="turn"><p>{mark(turn.outcome)} · <strong>{cost}</strong>{name}</p>',
        f'<p class="said">{e(turn.message)}</p>',
    ]
    if turn.pointer:
        lines.append(f'<p class="quiet">read {e(turn.pointer)}</p>')
    example = _example(results, turn)
    if example:
        lines.append(f'<pre tabindex="0" aria-label="an answer that took this turn"><code>{e(example)}</code></pre>')
    return "".join(lines) + "</div>"


def _example(results: Results, turn: Turn) -> str:
    """Return the shortest answer that took this turn: it shows the turn best, and is the same in every run."""
    answers = [anonymous(results.answer(learner, turn.question), learner) for learner in turn.learners]
    return min((answer for answer in answers if answer), key=lambda answer: (len(answer), answer), default="")


def learners(results: Results) -> Iterator[str]:
    """Yield the section on learners: the messages each one saw."""
    if not results.learners:
        return
    yield '<section aria-labelledby="learners"><h2 id="learners">Messages, learner by learner</h2>'
    for number, learner in enumerate(results.learners, 1):
        points = f"{results.points(learner)} of {counted(results.possible, 'point')}"
        yield f'<details><summary>{e(learner)}<span class="quiet">{points}</span></summary><div id="learner-{number}">'
        own = [graded for graded in results.graded if graded.learner == learner]
        for graded in own:
            yield from _sheet(graded, counts=results.counted.get((learner, graded.exercise)) is graded)
        yield "</div></details>"
    yield "</section>"


def _sheet(graded: Graded, *, counts: bool) -> Iterator[str]:
    if graded.problem:
        yield f'<p class="turn">{e(graded.file)}: {e(graded.problem)}</p>'
        return
    if not counts:
        yield f'<p class="turn">{e(graded.file)}: {graded.points} of {graded.possible}; another sheet counts</p>'
        return
    yield f'<p class="turn quiet">{e(graded.file)}</p>'
    yield from (_told(verdict) for verdict in graded.verdicts)


def _told(verdict: Verdict) -> str:
    outcome = verdict.outcome
    points = f"{outcome.points} of {outcome.possible}"
    lines = [f'<div class="turn"><p>{mark(outcome.outcome)} <strong>{e(outcome.question)}</strong> {points}</p>']
    if outcome.outcome in RED:
        lines.append(f'<p class="said">{e(outcome.message)}</p>')
    said = {"read": outcome.pointer, "hint": verdict.hint, "note": verdict.note}
    lines += [f'<p class="quiet">{word}: {e(text)}</p>' for word, text in said.items() if text]
    return "".join(lines) + "</div>"
