"""An instructor's nbgrader makes our exercises out of our solutions, and gives them the points they deserve.

It runs in an environment of its own (`bootstrap.py nbgrader`), and its kernels in the course's.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sheets import EXERCISES, ROOT, solved

from course_lib.authoring import derive
from course_lib.notebook_file import Notebook, code_cells, points, question_of, read_notebook, source, tags

NBGRADER = ROOT / ".cache" / "nbgrader" / ("Scripts" if os.name == "nt" else "bin")
STEMS = [path.stem for path in EXERCISES]

pytestmark = pytest.mark.slow


class ClassRoom:
    """A folder as nbgrader wants it, with our solutions as its source."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(ROOT / "nbgrader_config.py", folder)
        for stem in STEMS:
            self.put(folder / "source" / stem, stem, read_notebook(ROOT / "solutions" / f"{stem}.ipynb"))
        kernel = folder / "jupyter" / "kernels" / "python3"
        kernel.mkdir(parents=True)
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": command, "display_name": "course", "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(spec))
        self.env = os.environ | {
            "PATH": f"{NBGRADER}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "JUPYTER_PATH": str(folder / "jupyter"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "COURSE_ROOT": str(ROOT),
        }

    def put(self, folder: Path, stem: str, notebook: Notebook) -> None:
        """Write a notebook where nbgrader looks for it."""
        folder.mkdir(parents=True)
        (folder / f"{stem}.ipynb").write_text(derive.dump(notebook), encoding="utf-8")

    def run(self, *arguments: str) -> None:
        """Run nbgrader here."""
        command = [str(NBGRADER / "nbgrader"), *arguments]
        done = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]

    def released(self, stem: str) -> Notebook:
        """Return what nbgrader would hand to students."""
        return read_notebook(self.folder / "release" / stem / f"{stem}.ipynb")

    def scores(self) -> dict[tuple[str, str], tuple[float, float]]:
        """Return (score, highest score) of each student and assignment."""
        self.run("export", "--to", "grades.csv")
        with (self.folder / "grades.csv").open(encoding="utf-8", newline="") as table:
            return {
                (row["student_id"], row["assignment"]): (float(row["score"]), float(row["max_score"]))
                for row in csv.DictReader(table)
            }


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> ClassRoom:
    """Return a class room whose assignments are made."""
    assert (NBGRADER / "nbgrader").exists(), "nbgrader's environment is missing; type: python3 bootstrap.py nbgrader"
    room = ClassRoom(tmp_path_factory.mktemp("class"))
    room.run("generate_assignment", "*")
    return room


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_students_get_the_cells_of_our_exercise(room: ClassRoom, path: Path) -> None:
    ours, theirs = read_notebook(path), room.released(path.stem)
    assert [source(cell) for cell in theirs["cells"]] == [source(cell) for cell in ours["cells"]]
    assert [cell["cell_type"] for cell in theirs["cells"]] == [cell["cell_type"] for cell in ours["cells"]]


@pytest.mark.parametrize("stem", STEMS)
def test_no_solution_is_handed_out(room: ClassRoom, stem: str) -> None:
    text = (room.folder / "release" / stem / f"{stem}.ipynb").read_text(encoding="utf-8")
    hidden = [cell for cell in read_notebook(ROOT / "solutions" / f"{stem}.ipynb")["cells"] if _is_hidden(cell)]
    assert hidden
    assert [source(cell) for cell in hidden if json.dumps(source(cell))[1:-1] in text] == []
    assert derive.BEGIN not in text
    assert derive.CAUGHT not in text


def _is_hidden(cell: dict[str, object]) -> bool:
    return cell["cell_type"] == "raw" or "because" in tags(cell)


def wrong(stem: str) -> Notebook:
    """Return the exercise with a known wrong turn as every answer."""
    exercise, solution = (read_notebook(ROOT / kind / f"{stem}.ipynb") for kind in ("exercises", "solutions"))
    turns = {
        derive.raw_question(cell): derive.body(source(cell))
        for cell in reversed(solution["cells"])  # so that the first turn of each question stays
        if "wrong" in tags(cell)
    }
    for cell in code_cells(exercise):
        name = question_of(cell)
        if name:
            cell["source"] = f"# question: {name}\n{turns[name]}"
    return exercise


def test_points_are_what_the_answers_deserve(room: ClassRoom) -> None:
    handed_in = {"untouched": room.released, "solved": solved, "wrong": wrong}
    for student, made in handed_in.items():
        for stem in STEMS:
            room.put(room.folder / "submitted" / student / stem, stem, made(stem))
    for stem in STEMS:
        room.run("autograde", stem)
    highest = {stem: sum(map(points, code_cells(solved(stem)))) for stem in STEMS}
    deserved = {(student, stem): (0.0, highest[stem]) for student in ("untouched", "wrong") for stem in STEMS}
    deserved |= {("solved", stem): (float(highest[stem]), highest[stem]) for stem in STEMS}
    assert room.scores() == deserved
