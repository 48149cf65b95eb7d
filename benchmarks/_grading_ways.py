"""The ways to grade that `grading_peers.py` compares: each grades some sheets and says its CPU and who got what.

A peer is started as its users start it. Its fixed cost is told apart by grading one sheet, and then several.
"""

from __future__ import annotations

import asyncio
import csv
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Protocol

import _grading_forms as forms

from course_lib.notebook_file import Notebook

ROOT = Path(__file__).resolve().parent.parent
BIN = "Scripts" if os.name == "nt" else "bin"
NBGRADER, OTTER = (ROOT / ".cache" / name / BIN / name for name in ("nbgrader", "otter"))
OTTER_PINS = ("otter-grader==7.0.0", "ipykernel", "fastapi", "sqlalchemy[asyncio]", "aiosqlite", "httpx")
PR_SET_CHILD_SUBREAPER = 36
NBVAL = ("-q", "-p", "no:cacheprovider", "-p", "nbval.plugin", "--nbval", "--junitxml=result.xml")


@dataclass
class Cost:
    """What some sheets cost, the points they got, and what stood between them and this machine."""

    cpu: float
    wall: float
    points: list[int] = field(default_factory=list)
    isolation: list[str] = field(default_factory=list)


class Way(Protocol):
    """A way to grade: it gets an empty folder and the number of sheets."""

    __name__: str

    def __call__(self, folder: Path, count: int, /) -> Cost:
        """Grade them."""


def make_environments() -> None:
    """Make the environments of nbgrader and otter in `.cache/`, where they are not there yet."""
    sys.path.insert(0, str(ROOT))
    import bootstrap

    try:
        bootstrap.set_up_nbgrader()
        _make_otter(bootstrap)
    except bootstrap.SetupError as error:
        raise SystemExit(str(error)) from None


def _make_otter(bootstrap: ModuleType) -> None:
    place = ROOT / ".cache" / "otter"
    made = place / "made-for"
    wanted = "\n".join([*OTTER_PINS, (ROOT / "requirements.lock").read_text()])
    if made.exists() and made.read_text() == wanted:
        return
    bootstrap.make_venv(place, with_pip=False)
    python, uv = bootstrap.script_of(place, "python"), bootstrap.script_of(bootstrap.VENV, "uv")
    bootstrap.say(f"setting up otter-grader in {place}")  # on the course's own versions, so that all run the same stack
    options = ["--compile-bytecode", "--only-binary", ":all:", "-c", "requirements.lock"]
    bootstrap.run(uv, "pip", "install", "--python", python, *options, *OTTER_PINS)
    made.write_text(wanted)


def adopt_orphans() -> None:
    """Have the kernel hand us processes that lost their parent, so that their CPU is counted too (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def _cost(folder: Path, env: Mapping[str, str], *command: object, may_fail: bool = False) -> Cost:
    """Run a command to its end and return what it and all its children took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([*map(str, command)], cwd=folder, env=env, capture_output=True, text=True)
    wall = time.perf_counter() - began
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode and not may_fail:
        raise SystemExit(f"{command[0]} failed; it said: {(done.stderr or done.stdout)[-2000:]}")
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def nbgrader(folder: Path, count: int) -> Cost:
    """Let nbgrader autograde the sheets of `count` learners, in one run."""
    env = forms.kernel(folder)
    env["PATH"] = f"{NBGRADER.parent}{os.pathsep}{env['PATH']}"  # it looks there for a program of its own
    forms.put(folder / "source" / forms.STEM / f"{forms.STEM}.ipynb", forms.solution(ours=False))
    (folder / "nbgrader_config.py").touch()  # without one it looks in the home folder
    _cost(folder, env, NBGRADER, "generate_assignment", forms.STEM)
    for number in range(count):
        place = folder / "submitted" / forms.learner(number) / forms.STEM
        forms.put(place / f"{forms.STEM}.ipynb", forms.sheet(number, ours=False))
    cost = _cost(folder, env, NBGRADER, "autograde", forms.STEM)
    _cost(folder, env, NBGRADER, "export", "--to", "grades.csv")
    with (folder / "grades.csv").open(encoding="utf-8", newline="") as table:
        scores = {row["student_id"]: int(float(row["score"])) for row in csv.DictReader(table)}
    cost.points = [scores[forms.learner(number)] for number in range(count)]
    return cost


def nbval(folder: Path, count: int) -> Cost:
    """Let pytest and nbval compare the sheets of `count` learners with what our cells show, in one run."""
    env = {**forms.kernel(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for number in range(count):
        forms.put(folder / f"sheet_{number}.ipynb", forms.sheet(number, ours=False))
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = (sys.executable, "-m", "pytest", *NBVAL)
    cost = _cost(folder, env, *command, may_fail=True)
    lost = [0] * count
    for case in ElementTree.parse(folder / "result.xml").iter("testcase"):
        number = int(case.attrib["classname"].rpartition("sheet_")[2].partition(".")[0])
        lost[number] += case.find("failure") is not None
    cost.points = [len(forms.QUESTIONS) - number for number in lost]
    return cost


def otter(folder: Path, count: int) -> Cost:
    """Let `otter run` grade `count` sheets, one after the other: it takes one at a time."""
    env = {**forms.kernel(folder), "JUPYTER_PATH": ""}  # its kernels need otter itself
    tests = forms.otter_tests(folder)
    whole = Cost(0.0, 0.0)
    for number in range(count):
        path = forms.put(folder / f"sheet_{number}" / f"{forms.STEM}.ipynb", forms.otter_sheet(number))
        cost = _cost(folder, env, OTTER, "run", path, "-a", tests, "-o", path.parent)
        results = json.loads((path.parent / "results.json").read_text())["tests"]
        whole.cpu, whole.wall = whole.cpu + cost.cpu, whole.wall + cost.wall
        whole.points.append(sum(int(row.get("score", 0)) for row in results))
    return whole


def ours(folder: Path, count: int) -> Cost:
    """Let our judge grade `count` sheets with one zygote, in a process of its own."""
    return _child(folder, "judge_here", count, True)


def same_cells(folder: Path, count: int) -> Cost:
    """Run the cells that ours runs `count` times in one warm process: nothing is between them, nothing is forked."""
    return _child(folder, "run_here", count, True)


def plain_cells(folder: Path, count: int) -> Cost:
    """Run the cells that the peers run in one warm process: without our probes."""
    return _child(folder, "run_here", count, False)


def _child(folder: Path, function: str, *arguments: int) -> Cost:
    root = forms.course(folder / "course")
    code = f"import _grading_ways; _grading_ways.{function}{arguments}"
    said_in = folder / "said.json"
    named = {"COURSE_ROOT": str(root), "PYTHONPATH": str(Path(__file__).parent), "BENCH_SAID": str(said_in)}
    cost = _cost(folder, {**os.environ, **named}, sys.executable, "-c", code)
    said = json.loads(said_in.read_text())
    cost.points, cost.isolation = said["points"], said["isolation"]
    return cost


def _say(points: Sequence[int], isolation: Sequence[str] = ()) -> None:
    Path(os.environ["BENCH_SAID"]).write_text(json.dumps({"points": points, "isolation": isolation}))


def judge_here(count: int, ours: bool) -> None:
    """Grade in this process, as `course grade` does."""
    from course_lib.authoring import derive
    from course_lib.grading.graded import Submission
    from course_lib.grading.judge import Judge

    texts = [derive.dump(forms.sheet(number, ours=ours)).encode() for number in (0, 1)]
    with Judge(jobs=1) as judge:
        graded = [
            judge.grade_one(Submission(forms.learner(number), f"{forms.STEM}.ipynb", texts[number % 2]))
            for number in range(count)
        ]
    layers = {layer: None for one in graded for verdict in one.verdicts for layer in verdict.isolation}
    _say([one.points for one in graded], [*layers])


def run_here(count: int, ours: bool) -> None:
    """Run cells in this process, warmed as a zygote is."""
    from course_lib.authoring import warm
    from course_lib.authoring.cells import Run
    from course_lib.checks import verdict
    from course_lib.grading import zygote_process

    shell = zygote_process.warm_up().shell
    verdict.recorders.clear()
    verdict.compare_with_starter = False
    points = []

    async def whole(made: Notebook) -> int:
        run = Run(shell)
        raised = [await run.cell(cell["source"], "bench") for cell in made["cells"]]
        return len(forms.QUESTIONS) - sum(error is not None for error in raised)

    with warm.folder() as tempfile.tempdir:  # in memory, as for a child of ours
        for number in range(count):
            points.append(asyncio.run(whole(forms.sheet(number, ours=ours))))
    _say(points)


def graded(way: Way, count: int) -> Cost:
    """Grade `count` sheets in a new folder, and insist on the points they deserve."""
    with tempfile.TemporaryDirectory(prefix="velvet-rope-bench-", ignore_cleanup_errors=True) as name:
        cost = way(Path(name), count)
    wanted = [forms.points(number) for number in range(count)]
    if cost.points != wanted:
        raise SystemExit(f"{way.__name__} should give the points {wanted}, got {cost.points}; its figures mean nothing")
    return cost
