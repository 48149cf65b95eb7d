"""Write the field guide's page and its stored entries out of the TOML files."""

from __future__ import annotations

import argparse

from course_lib.authoring.guide_page import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course guide`."""
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 when a file is stale")


def run(arguments: argparse.Namespace) -> int:
    """Write what is stale, or name it with `--check`."""
    changed = write(check=arguments.check)
    for name in changed:
        print(f"{name}: {'stale; run course guide' if arguments.check else 'written'}")
    return int(bool(changed) and arguments.check)
