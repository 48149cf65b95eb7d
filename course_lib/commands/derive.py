"""Make the exercises from the solutions."""

from __future__ import annotations

import argparse

from course_lib.authoring.derive import derive_all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course derive`."""
    parser.add_argument("number", nargs="?", type=int, metavar="NN", help="one lesson; all when left out")
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 when a file is stale")


def run(arguments: argparse.Namespace) -> int:
    """Write what is stale, or name it with `--check`."""
    changed = derive_all(check=arguments.check, only=arguments.number)
    for stem in changed:
        print(f"exercises/{stem}: {'stale; run course derive' if arguments.check else 'written'}")
    return int(bool(changed) and arguments.check)
