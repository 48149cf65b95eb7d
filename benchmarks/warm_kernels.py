"""What warm kernels save: `pytest --nbval notebooks solutions` with them and without, in turn, with the same verdicts.

A lesson that waits half a second for a slow query does so in both; so ten small notebooks, which import what a lesson
imports and do nothing else, are run as well. Each run has servers of its own, and pays for the start of a warm process.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SMALL = 10
CELLS = (
    "import fastapi, httpx, uvicorn\nimport aiosqlite, asyncpg\nimport sqlalchemy.ext.asyncio\n",
    "%load_ext course_lib\n",
    "1 + 1",
)


@dataclass(frozen=True)
class Run:
    """One run of pytest: its wall seconds, the parts of them that pytest tells, and each cell's verdict."""

    seconds: float
    parts: dict[str, float]
    verdicts: list[tuple[str, str]]


def run(kernel: str, *notebooks: Path) -> Run:
    """Let nbval run notebooks on kernels of this name."""
    with tempfile.TemporaryDirectory(prefix="velvet-rope-bench-", ignore_cleanup_errors=True) as name:
        report = Path(name) / "report.xml"
        options = ["-q", "-vv", "--durations=0", "-p", "no:cacheprovider", f"--junitxml={report}"]
        nbval = ["--nbval", "--nbval-cell-timeout", "60", "--nbval-kernel-name", kernel]
        command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), *options, *nbval]
        environment = {**os.environ, "COURSE_STATE_DIR": f"{name}/state", "COURSE_SERVER_LINGER": "2", "TMPDIR": name}
        begin = time.perf_counter()
        done = subprocess.run(
            [*command, *map(str, notebooks)], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        seconds = time.perf_counter() - begin
        if not report.exists():
            sys.exit(done.stdout + done.stderr)
        found = re.findall(r"^([\d.]+)s (setup|call|teardown) ", done.stdout, re.MULTILINE)
        parts = {part: sum(float(s) for s, named in found if named == part) for part in ("setup", "call", "teardown")}
        return Run(seconds, parts, verdicts(report))


def verdicts(report: Path) -> list[tuple[str, str]]:
    """Return the name of each cell with what became of it."""
    cases = xml.parse(report).iter("testcase")
    return [(f"{case.get('classname')} {case.get('name')}", "+".join(child.tag for child in case)) for case in cases]


def small_notebook(path: Path) -> None:
    """Write a notebook that imports what a lesson imports."""
    cells: list[dict[str, object]] = [
        {"id": f"c{n}", "cell_type": "code", "metadata": {}, "source": text, "execution_count": None, "outputs": []}
        for n, text in enumerate(CELLS)
    ]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


def compare(title: str, runs: int, *notebooks: Path) -> None:
    """Run in pairs, see that the verdicts are the same, and print the medians."""
    pairs = [(run("python3", *notebooks), run("course-warm", *notebooks)) for _ in range(runs)]
    for cold, warm in pairs:
        different = sorted(set(cold.verdicts) ^ set(warm.verdicts))
        if different:
            sys.exit(f"the verdicts differ: {different}")
    count = len(pairs[0][0].verdicts)
    bad = sum(outcome in ("failure", "error") for _, outcome in pairs[0][0].verdicts)
    print(f"{title}: {count} cells, {bad} of them red on both sides")
    for kind, chosen in (("normal", [cold for cold, _ in pairs]), ("warm", [warm for _, warm in pairs])):
        parts = {part: statistics.median(one.parts[part] for one in chosen) for part in chosen[0].parts}
        shown = ", ".join(f"{part} {value:.1f}" for part, value in parts.items())
        print(f"  {kind:7} {statistics.median(one.seconds for one in chosen):6.1f} s   ({shown})")
    ratio = statistics.median(cold.seconds / warm.seconds for cold, warm in pairs)
    # what the cells take on a warm kernel is the lessons' own time; the rest is what a kernel costs
    beside = statistics.median(
        (cold.seconds - warm.parts["call"]) / (warm.seconds - warm.parts["call"]) for cold, warm in pairs
    )
    print(f"  {ratio:.1f} times as fast; beside the lessons' own time {beside:.1f} times", flush=True)


def main() -> None:
    """Compare on small notebooks and on the course."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="pairs of runs (default: 1)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="velvet-rope-bench-") as name:
        small = [Path(name) / f"small_{number}.ipynb" for number in range(SMALL)]
        for path in small:
            small_notebook(path)
        compare(f"{SMALL} small notebooks", arguments.runs, *small)
    compare("notebooks and solutions", arguments.runs, ROOT / "notebooks", ROOT / "solutions")


if __name__ == "__main__":
    main()
