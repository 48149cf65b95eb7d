"""HTML: one page that stands alone, says first what to teach again, and works by keyboard and by ear.

It has no script and asks nobody for anything. Every word of a stranger is escaped by `e`, and there is no other way in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from course_lib.grading.report import details, statistics
from course_lib.grading.report.markup import CLASSES, e
from course_lib.grading.report.results import MARKS, Results, title
from course_lib.grading.report.statistics import Item, Turn
from course_lib.grading.report.text import counted

TOP = 3
STYLE = Path(__file__).with_name("page.css")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(results: Results) -> str:
    """Return the whole page."""
    found = statistics.items(results)
    parts = [
        *_head(results),
        *_teach(found),
        *_items(found),
        *_matrix(results),
        *details.questions(results, found),
        *details.learners(results),
        *_foot(results),
    ]
    return "\n".join(parts) + "\n"


def _head(results: Results) -> Iterator[str]:
    names = [f"{stem[:2]} {title(stem)}".strip() for stem in results.exercises]
    earned = sum(map(results.points, results.learners))
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>Class report: {e(', '.join(results.exercises) or 'nothing to show')}</title>"
    yield f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>"
    yield '<a class="skip" href="#matrix">To learners and questions</a>\n<main>'
    yield f"<header><h1>Class report</h1><p>{e(', '.join(names))}</p>"
    each = earned / max(1, len(results.learners))
    average = f", on average {each:.1f} of {counted(results.possible, 'point')}" if results.questions else ""
    yield f"<p>{counted(len(results.learners), 'learner')}{average}</p></header>"
    if results.unread:
        number = counted(len(results.unread), "thing")
        yield f'<p class="notice">{number} could not be read: <a href="#unread">which, and why</a>.</p>'


def _teach(found: list[Item]) -> Iterator[str]:
    turns = statistics.to_teach_again(found)
    yield '<section aria-labelledby="teach"><h2 id="teach">What to teach again</h2>'
    if turns:
        yield '<ol class="teach">'
        yield from (_card(turn, found) for turn in turns[:TOP])
        yield "</ol>"
    elif found:
        yield "<p>No answer was wrong.</p>"
    else:
        yield "<p>There is no verdict yet.</p>"
    left = [item for item in found if item.counts["not attempted"]]
    if left:
        worst = max(left, key=lambda item: item.counts["not attempted"])
        number = worst.counts["not attempted"]
        yield f'<p class="quiet">Left untouched most often: {e(worst.question.name)}, by {number} of {worst.sheets}</p>'
    yield "</section>"


def _card(turn: Turn, found: list[Item]) -> str:
    number, item = next((n, item) for n, item in enumerate(found, 1) if item.question == turn.question)
    cost = f"{counted(turn.lost, 'point')} lost by {len(turn.learners)} of {item.sheets}"
    lines = [
        f"<li><h3>{_where(turn)}</h3>",
        f'<p class="said">{e(turn.message)}</p>',
        f'<p><span class="cost">{cost}</span> in <a href="#question-{number}">{e(turn.question.name)}</a></p></li>',
    ]
    return "".join(lines)


def _where(turn: Turn) -> str:
    stem = turn.question.exercise
    if turn.section is None:
        return f"Lesson {stem[:2]} {e(title(stem))}"
    return f"Lesson {stem[:2]} § {turn.section} {e(title(stem, turn.section))}"


def _items(found: list[Item]) -> Iterator[str]:
    if not found:
        return
    yield '<section aria-labelledby="items"><h2 id="items">Questions</h2><div class="scroll"><table class="items">'
    yield '<thead><tr><th scope="col">question</th><th scope="col">verdicts</th>'
    for head in ("points lost", "easiness", "discrimination"):
        yield f'<th scope="col" class="number">{head}</th>'
    yield "</tr></thead><tbody>"
    for number, item in enumerate(found, 1):
        link = f'<a href="#question-{number}">{e(item.question.name)}</a>'
        remark = f'<br><span class="quiet">{e(item.remark)}</span>' if item.remark else ""
        split = "" if item.discrimination is None else f"{item.discrimination:.2f}"
        yield f'<tr><th scope="row">{item.question.exercise[:2]} {link}{remark}</th><td>{_bar(item)}</td>'
        yield f'<td class="number">{item.lost}</td><td class="number">{item.easiness:.2f}</td>'
        yield f'<td class="number">{split}</td></tr>'
    yield "</tbody></table></div>"
    yield '<p class="quiet">Easiness: the share of the points the class got. Discrimination: how a question goes along '
    yield f"with the rest of its exercise, from {statistics.ENOUGH} sheets on; near 0 it sorts nobody.</p></section>"


def _bar(item: Item) -> str:
    there = {name: number for name, number in item.counts.items() if number}
    told = ", ".join(f"{number} {name}" for name, number in there.items())
    pieces = "".join(f'<span class="{CLASSES[name]}" style="flex:{number}"></span>' for name, number in there.items())
    return f'<div class="bar" aria-hidden="true">{pieces}</div><span class="quiet">{told}</span>'


def _matrix(results: Results) -> Iterator[str]:
    if not results.learners:
        return
    yield '<section aria-labelledby="matrix"><h2 id="matrix">Learners and questions</h2>'
    yield '<div class="scroll" role="region" aria-label="Table of verdicts" tabindex="0"><table class="matrix">'
    yield '<thead><tr class="names"><th scope="col">learner</th><th scope="col" class="number">points</th>'
    for question in results.questions:
        yield f'<th scope="col"><span>{question.exercise[:2]} {e(question.name)}</span></th>'
    yield "</tr></thead><tbody>"
    for number, learner in enumerate(results.learners, 1):
        verdicts = [results.verdict(learner, question) for question in results.questions]
        outcomes = ["" if verdict is None else verdict.outcome.outcome for verdict in verdicts]
        points = f"{results.points(learner)}/{results.possible}"
        yield f'<tr><th scope="row"><a href="#learner-{number}">{e(learner)}</a></th><td class="number">{points}</td>'
        yield "".join(map(_cell, outcomes)) + "</tr>"
    yield '</tbody></table></div><ul class="legend" aria-hidden="true">'
    yield from (f'<li class="{CLASSES[name]}">{mark} {name}</li>' for name, mark in MARKS.items())
    yield "</ul></section>"


def _cell(outcome: str) -> str:
    if not outcome:
        return '<td><span class="only-read">not handed in</span></td>'
    seen = f'<span aria-hidden="true">{MARKS[outcome]}</span><span class="only-read">{outcome}</span>'
    return f'<td class="{CLASSES[outcome]}" title="{outcome}">{seen}</td>'


def _foot(results: Results) -> Iterator[str]:
    if results.unread:
        yield '<section aria-labelledby="unread"><h2 id="unread">Could not be read</h2><ul>'
        yield from (f"<li>{e(sentence)}</li>" for sentence in results.unread)
        yield "</ul></section>"
    layers = Counter(
        ", ".join(verdict.isolation) or "a process of its own, no sandbox"
        for graded in results.graded
        for verdict in graded.verdicts
        if verdict.outcome.outcome != "not attempted"
    )
    yield "<footer>"
    yield from (f"<p>{e(sentence)}</p>" for sentence in results.isolation)
    yield from (f"<p>{counted(number, 'verdict')} with: {e(name)}</p>" for name, number in sorted(layers.items()))
    yield from (f"<p>{e(sentence)}</p>" for sentence in results.notes)
    yield f"<p>velvet-rope-course {e(results.course)}. Judged in {results.seconds:.1f} s.</p>"
    yield "</footer>\n</main>\n</body>\n</html>"
