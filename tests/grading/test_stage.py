"""The cells before an answer run once; what they leave behind each answer finds, and no answer finds another's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from small_course import RIGHT, SETUP

from course_lib.grading.zygote import Nest, Zygote

DOUBLE = RIGHT["small-double"]
CHECK = 'await check("small-double", double=double)'
COUNTING = "import os\nruns = [os.getpid()]"
FAULTS = """
from resource import RUSAGE_SELF, getrusage
from sqlalchemy import Column, Integer, MetaData, Table, select
before = getrusage(RUSAGE_SELF).ru_minflt
str(select(Table("things", MetaData(), Column("id", Integer))))
told = getrusage(RUSAGE_SELF).ru_minflt - before
"""


@pytest.fixture(scope="module")
def nest() -> Iterator[Nest]:
    """Return a warm nest: it keeps stages."""
    nest = Nest()
    yield nest
    nest.close()


@pytest.fixture(scope="module")
def zygote(nest: Nest) -> Iterator[Zygote]:
    """Return one zygote for all tests."""
    zygote = nest.zygotes(1)[0]
    yield zygote
    zygote.close()


def ran(zygote: Zygote, answer: str, *more: str) -> dict[str, Any]:
    """Run an answer behind the small course's cells and `more`; return its record."""
    setup = ["%load_ext course_lib", SETUP, *more]
    job = {"question": "small-double", "setup": setup, "answer": answer, "check": CHECK, "seconds": None}
    return zygote.run(job)


def told(zygote: Zygote, code: str, *more: str) -> str:
    """Return what an answer raises as text."""
    return str(ran(zygote, f"{code}\nraise LookupError(told)", *more)["message"]).removeprefix("LookupError: ")


def test_our_cells_run_once_for_all_answers(zygote: Zygote) -> None:
    first, second = (told(zygote, "told = runs[0] == os.getppid()", COUNTING) for _ in range(2))
    assert (first, second) == ("True", "True")


def test_an_answer_changes_nothing_for_the_next(zygote: Zygote) -> None:
    assert told(zygote, "runs.append('mine')\nimport http\nhttp.mine = 1\ntold = len(runs)", COUNTING) == "2"
    assert told(zygote, "import http\ntold = len(runs), hasattr(http, 'mine')", COUNTING) == "(1, False)"
    assert ran(zygote, DOUBLE, COUNTING)["verdict"]["outcome"] == "pass"


@pytest.mark.skipif(
    not Path("/proc/self/pagemap").exists(), reason="this system does not tell which pages a process has written"
)
def test_the_third_answer_finds_the_pages_it_will_write_already_its_own(zygote: Zygote) -> None:
    alone = int(told(zygote, FAULTS, "stages = 1"))
    for _ in range(2):
        assert ran(zygote, f"{FAULTS}\n{DOUBLE}", "stages = 1")["verdict"]["outcome"] == "pass"
    assert int(told(zygote, FAULTS, "stages = 1")) < alone / 2


@pytest.mark.parametrize(
    "cell",
    [
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
        "# needs: postgres\nx = 1",
    ],
    ids=["a thread", "a server"],
)
def test_cells_that_leave_something_running_are_run_for_each_answer(cell: str, zygote: Zygote) -> None:
    assert told(
        zygote, "told = runs[0] == os.getpid()", cell.replace("# needs: postgres\n", "# needs: sqlite\n"), COUNTING
    )


def test_a_cell_of_ours_that_fails_is_told_for_each_answer(zygote: Zygote) -> None:
    for _ in range(2):
        record = ran(zygote, DOUBLE, "1 / 0")
        assert (record["stage"], record["message"]) == ("setup", "ZeroDivisionError: division by zero")


def test_a_stage_that_was_killed_is_made_again(zygote: Zygote, nest: Nest) -> None:
    assert ran(zygote, DOUBLE, COUNTING)["verdict"]["outcome"] == "pass"
    waiting = psutil.Process(nest._processes[-1].pid).children(recursive=True)
    parents = {process.ppid() for process in waiting}
    for process in waiting:
        if process.pid not in parents:  # the stages; the zygotes forked them
            process.kill()
    assert ran(zygote, DOUBLE, COUNTING)["verdict"]["outcome"] == "pass"


def test_more_stages_than_are_kept(zygote: Zygote, nest: Nest) -> None:
    for number in range(12):
        assert told(zygote, "told = number", f"number = {number}") == str(number)
    assert len(psutil.Process(nest._processes[-1].pid).children(recursive=True)) <= 1 + 8
