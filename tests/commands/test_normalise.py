"""`course normalise`: runs, writes the one form and the exercise with it; `--check` runs nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import hidden_servers
import pytest
import small_course
from small_course import STEM, Traces, code, notebook, wait_for

from course_lib.cli import main


def odd(path: Path) -> bytes:
    """Bring a notebook out of its form; return its bytes."""
    path.write_text(json.dumps(json.loads(path.read_text())))
    return path.read_bytes()


def test_what_is_normal_is_not_named(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["normalise", "--check"]) == 0
    assert capsys.readouterr().out == ""


def test_check_names_it_and_changes_nothing(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small / "notebooks" / f"{STEM}.ipynb"
    before = odd(path)
    assert main(["normalise", "--check"]) == 1
    assert path.read_bytes() == before
    assert capsys.readouterr().out == f"notebooks/{STEM}.ipynb: not normal; run course normalise\n"
    assert main(["normalise", "--check", "--only", "solutions"]) == 0
    assert main(["normalise", "--check", "7"]) == 0


def test_solution_is_run_and_its_exercise_written(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    solution, exercise = small / "solutions" / f"{STEM}.ipynb", small / "exercises" / f"{STEM}.ipynb"
    solution.write_text(solution.read_text().replace("doubled twice", "doubled two times", 1))  # in the check only
    assert main(["normalise", "--only", "solutions"]) == 0
    assert capsys.readouterr().out == f"solutions/{STEM}.ipynb: written\n"
    shown = [cell for cell in json.loads(exercise.read_text())["cells"] if cell["id"] == "check-small-double"]
    assert shown[0]["outputs"][0]["data"]["text/plain"] == ["pass small-double, 1 point: doubled two times"]
    assert main(["derive", "--check"]) == 0
    assert main(["normalise", "--check"]) == 0


def test_failing_cell_is_one_sentence_and_the_output_stays(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small_course.write(small / "notebooks" / f"{STEM}.ipynb", notebook(code("1 / 0", "boom", 1, "0")))
    before = path.read_bytes()
    assert main(["normalise", "--only", "notebooks"]) == 2
    assert path.read_bytes() == before
    assert capsys.readouterr().err == (
        "course normalise: cell boom failed (ZeroDivisionError: division by zero); mend it and normalise again\n"
    )


def test_ctrl_c_leaves_nothing(small: Path, traces: Traces, tmp_path: Path) -> None:
    begun, temporary = tmp_path / "begun", tmp_path / "temporary"
    temporary.mkdir()
    text = f"open({str(begun)!r}, 'w').close()\nwhile True: pass"
    path = small_course.write(small / "notebooks" / f"{STEM}.ipynb", notebook(code(text, "hang")))
    before = path.read_bytes()
    with subprocess.Popen(
        [sys.executable, "-m", "course_lib.cli", "normalise", "--only", "notebooks"],
        env=traces.environment(TMPDIR=str(temporary)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for(begun)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (130, "course normalise: stopped\n")
    assert traces.gone()
    assert path.read_bytes() == before
    assert [found.name for found in temporary.iterdir() if found.name.startswith("velvet-rope")] == []


def test_solution_whose_server_is_missing_is_not_written(
    small: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COURSE_REQUIRE_ALL", raising=False)
    hidden_servers.hide(monkeypatch)
    made = notebook(code("# needs: mariadb\n42", "server", 1, "42"))
    path = small_course.write(small / "solutions" / f"{STEM}.ipynb", made)
    before = odd(path)
    assert main(["normalise", "--only", "solutions"]) == 2
    assert path.read_bytes() == before
    assert capsys.readouterr().err == (
        f"course normalise: {STEM}.ipynb keeps its outputs: no MariaDB here; "
        "course doctor says how to install one, then normalise again\n"
    )
