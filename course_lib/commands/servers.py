"""The private database servers: which run, start them for an afternoon, stop them, a URL for psql.

Lessons start what they need by themselves; this command is for whoever wants to look with a tool of their own.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from urllib.parse import quote

from course_lib.databases import lease
from course_lib.databases.needs import KINDS
from course_lib.databases.table import HEAD, Row, Servers, row_of, servers
from course_lib.errors import CourseError

COLOURS = {"running": "green", "not here": "yellow"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    as_json = {"action": "store_true", "help": "print what a program can read"}
    parser.add_argument("--json", **as_json)  # type: ignore[arg-type]  # a dict of two types
    actions = parser.add_subparsers(dest="action", metavar="status|start|stop|url")
    status = actions.add_parser("status", help="say which server runs (this is the default)")
    # without a default of its own, which would undo `course servers --json status`
    status.add_argument("--json", default=argparse.SUPPRESS, **as_json)  # type: ignore[arg-type]  # as above
    start = actions.add_parser("start", help="start servers (PostgreSQL unless named) and leave them up")
    start.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)} (default: postgres)")
    actions.add_parser("stop", help="stop every server")
    url = actions.add_parser(
        "url", help="print an address for psql and other tools: a database for you to play with (no lesson uses it)"
    )
    url.add_argument("kind", nargs="?", metavar="KIND", default="postgres", help="postgres (the default)")
    url.add_argument("--role", choices=("app", "readonly"), default="app", help="who logs in (default: app)")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; the exit code is 0, also when there was nothing to stop."""
    if arguments.action == "start":
        _start(arguments.kinds or ["postgres"])
    elif arguments.action == "stop":
        _stop()
    elif arguments.action == "url":
        print(_url(arguments.kind, arguments.role))
    elif arguments.json:
        print(json.dumps([dataclasses.asdict(row) for row in servers()], indent=1))
    else:
        _print_table(servers())
    return 0


def _start(kinds: list[str]) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise CourseError(f"expected {', '.join(KINDS)}, got {kind!r}; the list of servers: course servers")
    for kind in kinds:
        begin = time.perf_counter()
        held = lease.acquire()
        row = row_of(held.start(kind))
        held.hold()  # at once: the next kind may be missing
        seconds = time.perf_counter() - begin
        _say_notices(held)
        print(f"{_name(row)} is up after {seconds:.2f} s ({row.source}, TLS: {row.tls})")
        sys.stdout.flush()
    print("an address for psql: course servers url; to stop: course servers stop")


def _stop() -> None:
    stopped = lease.stop()
    for row in map(row_of, stopped or ()):
        print(f"{_name(row)} stopped")
    if not stopped:
        print("no server was running")


def _url(kind: str, role: str) -> str:
    if kind != "postgres":
        raise CourseError(f"expected postgres, got {kind!r}: only PostgreSQL keeps a database for your own tools")
    was_running = lease.attach() is not None
    held = lease.acquire()
    place = held.playground()
    held.hold()
    if not was_running:  # on the other stream: the address alone goes into a pipe
        print("PostgreSQL was started for you; to stop: course servers stop", file=sys.stderr)
    _say_notices(held)
    login = place.logins[role]
    return f"postgresql://{quote(login.user)}:{quote(login.password)}@{place.host}:{place.port}/{place.name}"


def _name(row: Row) -> str:
    return f"{row.title} {row.version}".strip()  # the course's own pooler has no version


def _say_notices(held: lease.Lease) -> None:
    while held.notices:
        print(held.notices.pop(0), file=sys.stderr)


def _print_table(found: Servers) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title="course servers", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    for name in (*HEAD, "port", "pid"):
        table.add_column(name, overflow="fold", no_wrap=name != "source")  # a folder may be long, the rest is not
    for row in found:
        name, state, *rest = row.cells()
        numbers = (row.port or "-", row.pid or "-")
        table.add_row(name, Text(state, COLOURS.get(state, "")), *map(Text, rest), *numbers)
    Console().print(table)
