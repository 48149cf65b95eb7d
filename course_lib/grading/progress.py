"""How far a run is, on standard error: a bar on a terminal, now and then a line elsewhere.

A log file must not grow by a line for each submission, and a report on standard output must stay clean.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINES = 10  # of a whole run, where nobody watches


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of `total` submissions are judged; yield what wants to be told it."""
    if not sys.stderr.isatty():
        yield lambda done: _line(done, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("judging", total=total)
        yield lambda done: bar.update(task, completed=done)


def _line(done: int, total: int) -> None:
    step = max(1, total // LINES)
    if done and (done % step == 0 or done == total):
        print(f"judged {done} of {total}", file=sys.stderr, flush=True)
