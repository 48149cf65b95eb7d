"""JSON: everything that is known, in a form with a version; docs/grading.md describes it.

What differs from run to run, the times, stands at its end and nowhere else.
"""

from __future__ import annotations

import json
from typing import Any  # Any: plain data for JSON

from course_lib.grading.graded import Graded
from course_lib.grading.report import statistics
from course_lib.grading.report.results import Results
from course_lib.grading.report.statistics import Item

VERSION = 1
TIMES = ("seconds", "cpu")


def document(results: Results) -> str:
    """Return the results as JSON text."""
    found = statistics.items(results)
    data = {
        "version": VERSION,
        "course": results.course,
        "isolation": list(results.isolation),
        "submissions": [_submission(results, graded) for graded in results.graded],
        "problems": list(results.problems),
        "notes": list(results.notes),
        "questions": [_question(item) for item in found],
        "timings": {"seconds": round(results.seconds, 3), "submissions": [_times(graded) for graded in results.graded]},
    }
    return json.dumps(data, indent=1) + "\n"  # ASCII: half a surrogate in a message is no UTF-8


def _submission(results: Results, graded: Graded) -> dict[str, Any]:
    counts = results.counted.get((graded.learner, graded.exercise)) is graded
    verdicts = [
        {key: value for key, value in verdict.as_dict().items() if key not in TIMES} for verdict in graded.verdicts
    ]
    numbers = {"points": graded.points, "possible": graded.possible, "counted": counts}
    return {**graded.as_dict(), **numbers, "verdicts": verdicts}


def _question(item: Item) -> dict[str, Any]:
    turns = [
        {
            "turn": turn.name,
            "outcome": turn.outcome,
            "message": turn.message,
            "pointer": turn.pointer,
            "slug": turn.slug,
            "learners": list(turn.learners),
            "lost": turn.lost,
        }
        for turn in item.turns
    ]
    return {
        "exercise": item.question.exercise,
        "question": item.question.name,
        "possible": item.question.possible,
        "sheets": item.sheets,
        "outcomes": item.counts,
        "points": item.points,
        "lost": item.lost,
        "easiness": item.easiness,
        "discrimination": item.discrimination,
        "remark": item.remark,
        "turns": turns,
    }


def _times(graded: Graded) -> dict[str, Any]:
    times = [{"seconds": round(each.seconds, 4), "cpu": round(each.cpu, 4)} for each in graded.verdicts]
    return {"digest": graded.digest, "verdicts": times}
