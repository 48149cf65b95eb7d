"""Show the learner's progress; carry it to another machine, bring it back, or forget it.

Everything is computed from the store of this machine; nothing leaves it but the file the learner asks for.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course progress`."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--json", action="store_true", help="print the figures as JSON, for other programs")
    what.add_argument("--csv", action="store_true", help="print one line for each lesson as CSV")
    what.add_argument("--export", metavar="FILE", help="write everything to a .json or .csv file")
    what.add_argument("--load", metavar="FILE", help="add what such a file holds; twice changes nothing")
    what.add_argument("--forget", action="store_true", help="delete everything, after asking")
    parser.add_argument("--yes", action="store_true", help="with --forget: do not ask")


def run(arguments: argparse.Namespace) -> int:
    """Print the progress in the form that was asked for, or move it."""
    from course_lib.study.progress import progress

    mine = progress()
    if arguments.export:
        mine.export(arguments.export)
    elif arguments.load:
        mine.load(arguments.load)
    elif arguments.forget:
        mine.forget(confirm=arguments.yes)
    elif arguments.json:
        print(json.dumps(mine.figures().as_json(), indent=1, ensure_ascii=False))
    elif arguments.csv:
        rows = mine.figures().as_json()["lessons"]
        writer = csv.DictWriter(sys.stdout, list(rows[0]) if rows else ["lesson"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        print(mine)
    return 0
