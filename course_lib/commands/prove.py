"""Judge every known right and wrong answer of the exercises, and print the matrix."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys

from course_lib import notebook_file
from course_lib.authoring.prove import Row, prove
from course_lib.authoring.warm import WarmPool
from course_lib.grading.judge import JOBS, Judge


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course prove`."""
    parser.add_argument("numbers", nargs="*", type=int, metavar="NN", help="lessons; all when left out")
    parser.add_argument("--seed", type=int, metavar="N", help="have the checks draw these values, without the judge")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="answers at once (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print one row per variant; exit code 1 when there is a hole."""
    numbers = arguments.numbers or [int(stem[:2]) for stem in notebook_file.stems("solutions")]
    shown = (lambda row: None) if arguments.json else _print
    with contextlib.ExitStack() as stack:
        jobs = arguments.jobs
        judge = stack.enter_context(Judge(jobs)) if arguments.seed is None else None  # it draws a seed for each answer
        warm = stack.enter_context(WarmPool(jobs))
        seed = arguments.seed
        rows = [row for n in numbers for row in prove(n, warm, shown, seed=seed, judge=judge, jobs=jobs)]
    holes = [row for row in rows if row.hole]
    if arguments.json:
        print(json.dumps([_as_data(row) for row in rows], indent=1, ensure_ascii=False))
    else:
        for row in holes:
            print(f"HOLE {row.variant.question} / {row.variant.name}: {row.hole}")
        print(f"{len(rows) - len(holes)} of {len(rows)} as they must be, {len(holes)} holes")
    return int(bool(holes))


def _print(row: Row) -> None:
    mark = "HOLE" if row.hole else "ok"
    variant, outcome = row.variant, row.outcome
    first = outcome.message.partition("\n")[0][:90]
    print(f"{mark:<4} {variant.question:<18} {variant.kind:<9} {variant.name:<24} {outcome.outcome:<13} {first}")
    sys.stdout.flush()


def _as_data(row: Row) -> dict[str, object]:
    variant = row.variant
    names = {"question": variant.question, "variant": variant.name, "kind": variant.kind, "caught": variant.caught}
    return {**names, "outcome": row.outcome.outcome, "message": row.outcome.message, "hole": row.hole}
