"""Write the app as it stands after a lesson into a folder of your own."""

from __future__ import annotations

import argparse
from pathlib import Path

from course_lib.workspace.replay import write_tree


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course checkpoint`."""
    parser.add_argument("number", type=int, metavar="NN", help="the lesson's number")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="the folder that gets app/")


def run(arguments: argparse.Namespace) -> int:
    """Write `DIR/app`; refuse a folder that holds something else."""
    names = write_tree(arguments.number, arguments.to)
    print(f"wrote app/ with {', '.join(names)}; serve it there with: uvicorn app.main:app")
    return 0
