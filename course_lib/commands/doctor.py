"""Look at this machine: what the course needs, what is there, what to type.

It exists so that a learner can tell a fault of the machine from a fault of their own in one command.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys

from course_lib.doctor import Diagnosis, doctor, locations

MARKS = {"ok": "green", "not here": "yellow", "not ok": "bold red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("--json", action="store_true", help="print what a program can read")


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; return 1 when lesson 00 cannot run here."""
    places = locations()
    if not arguments.json:
        sys.stdout.write(f"looking in {places['course (COURSE_ROOT)']} with {places['python']}\n")
        sys.stdout.flush()  # said before anything is imported that a broken machine may not have
    found = doctor()
    if arguments.json:
        findings = [dataclasses.asdict(finding) for finding in found.findings]
        report = {"ok": found.is_healthy, "findings": findings, "locations": places}
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
    else:
        _print_table(found, places)
    return 0 if found.is_healthy else 1


def _print_table(found: Diagnosis, places: dict[str, str]) -> None:
    try:
        from rich import box
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table
    except ImportError:  # the table's own package may be what is missing
        sys.stdout.write(f"{found!r}\n" + "".join(f"{name}: {place}\n" for name, place in places.items()))
        return
    table = Table("what", "state", title="course doctor", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("found", overflow="fold")  # a path that is cut off cannot be copied
    for finding in found.findings:
        mark = f"[{MARKS[finding.state]}]{finding.state}[/]"
        table.add_row(finding.name, mark, escape("\n".join(filter(None, (finding.detail, finding.remedy)))))
    table.add_section()
    for name, place in places.items():
        table.add_row(name, "", escape(place))
    console = Console()
    console.print(table)
    if not found.is_healthy:
        for finding in (f for f in found.findings if f.is_needed and f.state == "not ok"):
            console.print(f"lesson 00 cannot run: {finding}", markup=False, soft_wrap=True)
