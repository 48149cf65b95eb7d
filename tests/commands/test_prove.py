"""`course prove`: one row per variant, and exit code 1 as soon as a check lets something through."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any  # Any: a row of JSON

import pytest
from sheets import ROOT, SOLUTIONS
from small_course import STEM

from course_lib import notebook_file
from course_lib.authoring import derive
from course_lib.checks.question import find_question
from course_lib.cli import main
from course_lib.notebook_file import read_notebook


def test_every_row_is_shown_and_counted(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ok", "small-double", "starter", "starter", "not", "attempted"]
    assert lines[1].split() == ["ok", "small-double", "solution", "solution", "pass", "doubled", "twice"]
    assert lines[-1] == "14 of 14 as they must be, 0 holes"


def test_hole_is_named_and_code_1(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small / "solutions" / f"{STEM}.ipynb"
    path.write_text(path.read_text().replace('"    equal(await ask(later), \\"later\\")\\n",', ""))
    assert main(["prove", "0"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-5:] == [
        "HOLE small-later / early: must be caught, got pass",
        "HOLE small-later / nothing: must be caught, got pass",
        "HOLE small-later / raises: must be caught, got pass",
        "HOLE small-later / starter-small-later: must be caught, got pass",
        "10 of 14 as they must be, 4 holes",
    ]


def test_a_message_that_hangs_on_a_value_is_found_by_the_judge_and_by_a_seed(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small / "solutions" / f"{STEM}.ipynb"
    drawn = "__import__('course_lib.checks.seeded', fromlist=['*']).number(3, 5, 90)"
    asked = "equal(await ask(double, 3), 6)"
    assert path.read_text().count(asked) == 1
    path.write_text(path.read_text().replace(asked, f"number = {drawn}; equal(await ask(double, number), 2 * number)"))
    assert main(["prove", "0"]) == 1
    assert "HOLE small-double / copied: by the judge: expected " in capsys.readouterr().out
    assert main(["prove", "0", "--seed", "7"]) == 1
    assert "HOLE small-double / copied: expected " in capsys.readouterr().out


def test_json_has_a_row_per_variant(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "0", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 14
    assert rows[4] == {
        "question": "small-double",
        "variant": "copied",
        "kind": "wrong",
        "caught": "expected 8, got 6",
        "outcome": "fail",
        "message": "expected 8, got 6",
        "hole": "",
    }


def test_unknown_lesson_is_one_sentence(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "9"]) == 2
    assert capsys.readouterr().err == "course prove: lesson 09 is not in solutions/; there are: 00\n"


def always(name: str, solution: Path, library: Path) -> None:
    """Let the check of a question in a copied library say what it says for a right answer, whatever it is given."""
    function = find_question(name).check
    file = library / Path(sys.modules[function.__module__].__file__ or "").relative_to(ROOT / "course_lib")
    shown = "".join(derive.checks(read_notebook(solution))[name]["outputs"][0]["data"]["text/plain"])
    tree = ast.parse(file.read_text())
    check = next(n for n in tree.body if isinstance(n, ast.AsyncFunctionDef) and n.name == function.__name__)
    check.body = ast.parse(f"async def f():\n    return {shown.partition(': ')[2]!r}").body[0].body  # type: ignore[attr-defined]  # a def
    file.write_text(ast.unparse(tree))


@pytest.mark.parametrize("solution", SOLUTIONS[:1], ids=lambda path: str(path.stem))
def test_real_check_that_is_broken_on_purpose_fails_the_proof(solution: Path, tmp_path: Path) -> None:
    library = Path(shutil.copytree(ROOT / "course_lib", tmp_path / "course_lib"))
    name = notebook_file.questions(read_notebook(solution))[0]
    always(name, solution, library)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "COURSE_ROOT": str(ROOT)}
    command = [sys.executable, "-m", "course_lib.cli", "prove", solution.stem[:2], "--json"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    wrong = {row["variant"] for row in rows if row["question"] == name and row["kind"] == "wrong"}
    holes = {row["variant"]: row["hole"] for row in rows if row["hole"]}
    assert wrong <= set(holes)
    assert {holes[variant] for variant in wrong} == {"must be caught, got pass"}
    assert {row["question"] for row in rows if row["hole"]} == {name}
