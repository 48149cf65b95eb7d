"""Every committed notebook: it runs, it shows what is stored, and it is stored in the one form.

A lesson whose output is not what a learner sees teaches distrust.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sheets import COMMITTED, EXERCISES, LESSONS, ROOT, SOLUTIONS, name_of, of_type, prose

from course_lib import notebook_file
from course_lib.authoring import derive
from course_lib.authoring.normalise import normalise
from course_lib.databases import needs
from course_lib.notebook_file import code_cells, read_notebook, source, tags

# The syllabus: a link may point to a lesson that is named there and not written yet.
SYLLABUS = [
    "00_doors_open",
    "01_event_loop",
    "02_landscape",
    "03_engine_and_session",
    "04_session_lifetime",
    "05_async_orm",
    "06_sync_code",
    "07_pools",
    "08_transactions",
    "09_cancellation",
    "10_testing",
    "11_schema_and_data",
    "12_proxies_and_serverless",
    "13_security",
    "14_migration",
    "15_opening_night",
]
SKIPS = {"nbval-skip", "nbval-ignore-output", "nbval-raises-exception", "raises-exception"}
MARKERS = re.compile(r"NBVAL_|PYTEST_VALIDATE_IGNORE_OUTPUT")
MACHINE = re.compile(
    r"(?<![\w.:/])/(?:home|root|tmp|work|usr|opt|var|Users|private|builds)/"  # a folder of somebody's machine
    r"|[A-Za-z]:\\\\|\b0x[0-9a-f]{6,}|\bTask-\d+|ipykernel_\d+"  # a drive, an address, a task's number
    r"|\b\d{4}-\d\d-\d\dT\d\d:|\b\d\d:\d\d:\d\d\b|127\.0\.0\.1:\d{4,5}"  # a time, a port
)
BANNED = re.compile(r"\b(?:simply|just|obviously|easy)\b", re.IGNORECASE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SHEETS = pytest.mark.parametrize("path", COMMITTED, ids=name_of)
RUN = pytest.mark.parametrize("path", [*LESSONS, *SOLUTIONS], ids=name_of)


def test_every_lesson_has_its_exercise_and_solution() -> None:
    stems = [path.stem for path in LESSONS]
    assert stems == [path.stem for path in EXERCISES] == [path.stem for path in SOLUTIONS]
    assert set(stems) <= set(SYLLABUS)


def test_folders_hold_notebooks_only() -> None:
    folders = ("notebooks", "exercises", "solutions")
    strays = [path for folder in folders for path in (ROOT / folder).iterdir() if path not in COMMITTED]
    assert [path.name for path in strays if path.name not in (".ipynb_checkpoints", "__pycache__")] == []


@RUN
def test_runs_and_shows_what_is_stored(path: Path, tmp_path: Path) -> None:
    options = ["--nbval", "--nbval-cell-timeout", "60", "--nbval-sanitize-with", "tests/sanitize.cfg"]
    options += ["-q", "-p", "no:cacheprovider", "--nbval-kernel-name", "course-warm"]
    command = [sys.executable, "-m", "pytest", *options, str(path.relative_to(ROOT))]
    env = {**os.environ, "TMPDIR": str(tmp_path)}  # nbval kills its kernels, which then remove nothing
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    without_server = [cell for cell in code_cells(read_notebook(path)) if needs.missing(source(cell))]
    assert re.findall(r"(\d+) skipped", done.stdout) == ([str(len(without_server))] if without_server else [])


def test_no_output_is_sanitised_without_a_reason() -> None:
    text = (ROOT / "tests" / "sanitize.cfg").read_text()
    sections = re.findall(r"(.*)\n\[", text)
    assert all(line.startswith("#") for line in sections), "write the reason of a pattern in a comment above it"


@RUN
def test_was_run_from_top_to_bottom(path: Path) -> None:
    counts = [cell["execution_count"] for cell in code_cells(read_notebook(path))]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("path", EXERCISES, ids=name_of)
def test_answers_of_an_exercise_have_not_run(path: Path) -> None:
    answers = [cell for cell in code_cells(read_notebook(path)) if notebook_file.question_of(cell)]
    assert answers
    assert [(cell["execution_count"], cell["outputs"]) for cell in answers] == [(None, [])] * len(answers)


@SHEETS
def test_nothing_is_skipped(path: Path) -> None:
    for cell in code_cells(read_notebook(path)):
        skipped = SKIPS & set(tags(cell))
        if notebook_file.question_of(cell):
            skipped -= {"nbval-ignore-output"}  # a learner may print in an answer
        reason = cell["metadata"].get("course", {}).get("reason", "")
        assert not skipped or reason, f"{cell['id']} has the tag {skipped} and no reason in its metadata"
        assert not MARKERS.search(source(cell)), f"{cell['id']}: use a tag and a reason, the text is for learners"


@SHEETS
def test_is_in_normal_form(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == normalise(path, run=False)


@pytest.mark.parametrize("path", SOLUTIONS, ids=name_of)
def test_exercise_is_what_its_solution_gives(path: Path) -> None:
    text = derive.dump(derive.derive(read_notebook(path)))
    assert (ROOT / "exercises" / path.name).read_bytes() == text.encode(), "run: course derive"


@SHEETS
def test_holds_nothing_of_a_machine(path: Path) -> None:
    for cell in read_notebook(path)["cells"]:
        found = MACHINE.search(json.dumps(cell.get("outputs", []), ensure_ascii=False))
        assert found is None, f"{cell['id']} shows {found[0]!r}, which differs on another machine"
        assert not re.search(r"/(?:home|root|Users)/\w", source(cell)), cell["id"]


@SHEETS
def test_shows_no_error_output(path: Path) -> None:
    kinds = {output["output_type"] for cell in code_cells(read_notebook(path)) for output in cell["outputs"]}
    assert kinds <= {"stream", "execute_result", "display_data"}
    streams = {o.get("name") for cell in code_cells(read_notebook(path)) for o in cell["outputs"]}
    assert "stderr" not in streams


@SHEETS
def test_has_no_empty_cell_and_one_title(path: Path) -> None:
    notebook = read_notebook(path)
    assert [cell["id"] for cell in notebook["cells"] if not source(cell).strip()] == []
    titles = [line for cell in of_type(notebook, "markdown") for line in prose(cell).splitlines() if line[:2] == "# "]
    assert len(titles) == 1
    assert titles[0].startswith(f"# {path.stem[:2]} ")


@SHEETS
def test_cell_ids_are_unique(path: Path) -> None:
    ids = Counter(cell["id"] for cell in read_notebook(path)["cells"])
    assert [name for name, times in ids.items() if times > 1] == []


def test_questions_are_unique_over_the_course() -> None:
    names = Counter(name for path in SOLUTIONS for name in notebook_file.questions(read_notebook(path)))
    assert [name for name, times in names.items() if times > 1] == []


@SHEETS
def test_headings_have_no_gap(path: Path) -> None:
    text = "\n".join(prose(cell) for cell in of_type(read_notebook(path), "markdown"))
    depths = [len(found[1]) for found in re.finditer(r"^(#+) \S", text, re.MULTILINE)]
    assert depths[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(depths)), depths


@SHEETS
def test_links_lead_somewhere(path: Path) -> None:
    for cell in of_type(read_notebook(path), "markdown"):
        for target in LINK.findall(source(cell)):
            if re.match(r"https?://|mailto:", target):
                continue
            file, _, anchor = target.partition("#")
            planned = Path(file).suffix == ".ipynb" and Path(file).stem in SYLLABUS
            assert not file or (path.parent / file).is_file() or planned, f"{cell['id']}: no file {file}"
            if anchor and (not file or (path.parent / file).suffix == ".ipynb"):
                home = path if not file else path.parent / file
                assert not home.exists() or anchor in anchors(home), f"{cell['id']}: no heading #{anchor}"


def anchors(path: Path) -> set[str]:
    """Return the anchors JupyterLab gives the headings of a notebook: the words, joined by hyphens."""
    text = "\n".join(prose(cell) for cell in of_type(read_notebook(path), "markdown"))
    return {found[1].strip().replace(" ", "-") for found in re.finditer(r"^#+ (.+)$", text, re.MULTILINE)}


@SHEETS
def test_no_banned_word(path: Path) -> None:
    for cell in read_notebook(path)["cells"]:
        found = BANNED.search(source(cell))
        assert found is None, f"{cell['id']}: {found[0]!r} tells a learner who does not see it that it is their fault"


@SHEETS
def test_a_diagram_has_a_title_and_a_text_beside_it(path: Path) -> None:
    cells = read_notebook(path)["cells"]
    for place, cell in enumerate(cells):
        if "```mermaid" not in source(cell):
            continue
        has_title = re.search(r"^\s*accTitle:\s*\S", source(cell), re.MULTILINE) is not None
        is_mindmap = re.search(r"^mindmap$", source(cell), re.MULTILINE) is not None  # its grammar knows no accTitle
        assert has_title is not is_mindmap, f"{cell['id']}: expected an accTitle, and none in a mind map"
        around = [source(near) for near in cells[max(place - 1, 0) : place + 2] if near["cell_type"] == "markdown"]
        outline = any(re.search(r"^\s*(?:[-*]|\d+\.) ", text, re.MULTILINE) for text in around)
        figure = any("```\n" in re.sub(r"```mermaid.*?```\n?", "", text, flags=re.DOTALL) for text in around)
        assert outline or figure, f"{cell['id']}: write the same as a list or a text figure beside it"
