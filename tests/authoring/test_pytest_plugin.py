"""The early plugin: strict verdicts, a store of its own, no slow import, cells skipped where a server is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import hidden_servers
import pytest
import small_course
from server_clients import wait_all_gone
from small_course import code

TEST = """
import os, sys

def test_environment():
    assert os.environ["COURSE_STRICT"] == "1"
    assert sys.modules["rfc3987_syntax"] is None
    print("STORE", os.environ["COURSE_PROGRESS_DB"])
"""


def run(folder: Path, **environment: str) -> tuple[str, Path]:
    """Run one test in a folder of its own with the plugin; return its output and the store it saw."""
    (folder / "test_seen.py").write_text(TEST)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COURSE_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "course_lib.authoring.pytest_plugin", "test_seen.py"],
        cwd=folder,
        env={**kept, "TMPDIR": str(folder), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    store = next(line for line in done.stdout.splitlines() if line.startswith("STORE")).removeprefix("STORE ")
    return done.stdout, Path(store)


def test_a_run_has_a_store_of_its_own_and_removes_it(tmp_path: Path) -> None:
    _, store = run(tmp_path)
    assert store.parent.name.startswith("velvet-rope-progress-")
    assert not store.parent.exists()


def test_a_store_that_was_named_is_kept(tmp_path: Path) -> None:
    named = tmp_path / "mine" / "progress.db"
    named.parent.mkdir()
    assert run(tmp_path, COURSE_PROGRESS_DB=str(named))[1] == named
    assert named.parent.exists()


def test_strictness_can_be_switched_off(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="1 failed"):
        run(tmp_path, COURSE_STRICT="0")


def judge(folder: Path, *cells: str, kernel: str = "python3", **environment: str) -> tuple[int, str]:
    """Let nbval run a notebook of code cells, each of which shows nothing; return the exit code and what was said."""
    made = small_course.notebook(*(code(text, f"cell-{number}", number) for number, text in enumerate(cells, 1)))
    path = small_course.write(folder / "lesson.ipynb", made)
    options = [
        "-q",
        "-rs",
        "--nbval",
        "--color=no",
        "-p",
        "no:cacheprovider",
        "-p",
        "course_lib.authoring.pytest_plugin",
        "--nbval-kernel-name",
        kernel,
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, path.name],
        cwd=folder,
        env={**hidden_servers.environment(folder / "startup"), "TMPDIR": str(folder), **environment},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


CELLS = ("%load_ext course_lib\nx = 1", "# needs: postgres\nx = 2", "assert x == 1", "# needs: mariadb\nx = 3")


def test_cells_whose_server_is_missing_are_skipped_and_the_others_run(tmp_path: Path) -> None:
    returncode, said = judge(tmp_path, *CELLS, COURSE_REQUIRE_ALL="0")
    assert returncode == 0, said
    assert "2 passed, 2 skipped" in said
    for name in ("PostgreSQL", "MariaDB"):
        assert said.count(f": skipped: no {name} here; course doctor says how to install one\n") == 1


def test_cells_whose_server_is_missing_fail_where_none_may_be_missing(tmp_path: Path) -> None:
    returncode, said = judge(tmp_path, *CELLS, COURSE_REQUIRE_ALL="1")
    assert returncode == 1, said
    assert "2 failed, 2 passed" in said
    assert said.count("no PostgreSQL here; course doctor says how to install one (no PostgreSQL server found; ") >= 1
    assert "skipped" not in said


def test_a_cell_that_needs_what_no_course_has_fails(tmp_path: Path) -> None:
    returncode, said = judge(tmp_path, "# needs: oracle\n1")
    assert returncode == 1, said
    assert "got 'oracle'; mend the first line of the cell" in said


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")
def test_warm_kernels_are_there_for_the_asking(tmp_path: Path) -> None:
    forked = "import os, pathlib\nassert 'warm_kernel' in pathlib.Path('/proc/self/cmdline').read_text()"
    environment = {"COURSE_STATE_DIR": str(tmp_path / "state"), "COURSE_SERVER_LINGER": "0"}
    returncode, said = judge(tmp_path, forked, "%load_ext course_lib", kernel="course-warm", **environment)
    assert returncode == 0, said
    assert "2 passed" in said
    wait_all_gone(tmp_path / "state")


def test_other_runs_do_not_list_it(tmp_path: Path) -> None:
    returncode, said = judge(tmp_path, "import os\nassert 'warm_kernel' not in os.environ.get('JUPYTER_PATH', '')")
    assert returncode == 0, said


def test_this_run_is_strict() -> None:
    assert os.environ["COURSE_STRICT"] == "1"
    assert sys.modules["rfc3987_syntax"] is None
