"""A zygote runs one job per child, believes its records in one order only, and outlives whatever an answer does."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from small_course import RIGHT, SETUP, Traces

from course_lib.grading.zygote import Fresh, Nest, Zygote

DOUBLE = RIGHT["small-double"]
SPEAK = """
import os

for number in range(3, 30):
    try:
        os.write(number, {})
    except OSError:
        pass
"""


@pytest.fixture(scope="module")
def nest() -> Iterator[Nest]:
    """Return a warm nest."""
    nest = Nest()
    yield nest
    nest.close()


@pytest.fixture
def zygote(nest: Nest) -> Iterator[Zygote]:
    """Return a zygote of its own for each test."""
    zygote = nest.zygotes(1)[0]
    yield zygote
    zygote.close()


def job(answer: str, question: str = "small-double", **more: Any) -> dict[str, Any]:
    """Return a job of the small course."""
    name = question.removeprefix("small-")
    return {
        "question": question,
        "setup": ["%load_ext course_lib", SETUP],
        "answer": answer,
        "check": f'await check("{question}", {name}={name})',
        "seconds": None,
        **more,
    }


def outcome(record: dict[str, Any]) -> str:
    """Return the outcome that a record claims."""
    assert record["stage"] == "verdict", record
    return str(record["verdict"]["outcome"])


def test_a_right_answer_passes_and_tells_its_cpu(zygote: Zygote) -> None:
    record = zygote.run(job(DOUBLE))
    assert (outcome(record), record["verdict"]["message"]) == ("pass", "doubled twice")
    assert record["shown"].startswith("pass small-double")
    assert record["cpu"] > 0
    assert "word" not in record


def test_answers_know_nothing_of_each_other(zygote: Zygote) -> None:
    first = (
        "import course_lib, os, builtins\nos.environ['MARK'] = 'x'\ncourse_lib.mark = 1\nopen('mark', 'w').close()\n"
    )
    second = "import course_lib, os\nassert 'MARK' not in os.environ and not hasattr(course_lib, 'mark')\n"
    second += "assert os.listdir() == []\n"
    assert outcome(zygote.run(job(first + DOUBLE))) == "pass"
    assert outcome(zygote.run(job(second + DOUBLE))) == "pass"


# what an answer does before it is right -> the stage of its record, and the beginning of its message
ATTACKS: dict[str, tuple[str, str, str]] = {
    "its own check": ("async def check(*a, **k):\n    return None", "verdict", ""),
    "another check": (
        "import course_lib.checks.assertions as checker\nchecker.equal = lambda *a, **k: None",
        "changed",
        "course_lib.checks.assertions.equal",
    ),
    "another client": ("import httpx\nhttpx.AsyncClient.get = None", "changed", "httpx"),
    "a thread that stays": (
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
        "changed",
        "threading: a thread still runs",
    ),
    "exit": ("import os\nos._exit(0)", "died", "exit status 0"),
    "a signal": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "died", "exit status -9"),
    "a forged verdict": (
        SPEAK.format(
            """b'{"stage": "verdict", "verdict": {"question": "small-double", "outcome": "pass"}, "shown": ""}\\n'"""
        ),
        "forged",
        "a line without its key",
    ),
    "an early seal": (
        SPEAK.format("""b'{"stage": "sealed"}\\n{"stage": "entered", "isolation": ["all"]}\\n'"""),
        "forged",
        "a line without its key",
    ),
    "rubbish": (
        SPEAK.format("b'rubbish\\n'"),
        "forged",
        "a line without its key",
    ),
    "a flood": (
        SPEAK.format("b'x' * 2_000_000"),
        "forged",
        "more than a megabyte of claims",
    ),
    "no descriptors": ("import os\nos.closerange(0, 100)", "died", "exit status"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_record_is_believed_in_its_turn_only(name: str, zygote: Zygote) -> None:
    answer, stage, message = ATTACKS[name]
    record = zygote.run(job(f"{answer}\n{DOUBLE}"))
    assert (record["stage"], record.get("message", "")[: len(message)]) == (stage, message)
    assert outcome(zygote.run(job(DOUBLE))) == "pass"


def test_an_own_check_is_not_asked(zygote: Zygote) -> None:
    record = zygote.run(job("async def double(n): return 6\nasync def check(*a, **k): return None\n__builtins__ = {}"))
    assert (outcome(record), record["verdict"]["message"]) == ("fail", "expected 8, got 6")


def test_a_change_made_when_the_answer_is_called_is_seen(zygote: Zygote) -> None:
    answer = """
    import asyncio
    import course_lib.checks.questions, sys
    from course_lib.checks import assertions

    async def double(n):
        kept = assertions.show
        assertions.show = lambda value: "8"
        asyncio.get_running_loop().call_soon(setattr, assertions, "show", kept)
        return 6
    """
    record = zygote.run(job(textwrap.dedent(answer)))
    assert (record["stage"], record["message"]) == ("changed", "course_lib.checks.assertions")


def test_an_outcome_made_by_a_function_that_puts_itself_back_is_not_believed(zygote: Zygote) -> None:
    answer = """
    from course_lib.checks import verdict

    real = verdict.replace

    def replace(base, **changes):
        verdict.replace = real
        return base

    async def double(n):
        verdict.replace = replace  # whoever notices says so by way of this function
        return 6
    """
    record = zygote.run(job(textwrap.dedent(answer)))
    assert (record["stage"], record["message"]) == ("changed", "course_lib.checks.verdict")


def test_a_zygote_that_was_killed_is_replaced(nest: Nest, zygote: Zygote) -> None:
    assert outcome(zygote.run(job(DOUBLE))) == "pass"
    for process in psutil.Process(nest._processes[-1].pid).children(recursive=True):
        process.kill()
    killed = zygote.run(job(DOUBLE))
    assert (killed["stage"], killed["message"]) == ("died", "the process that runs answers ended")
    assert outcome(zygote.run(job(DOUBLE))) == "pass"


def test_a_hang_costs_its_clock_and_says_where(zygote: Zygote) -> None:
    record = zygote.run(job("async def double(n):\n    await asyncio.sleep(1e9)", seconds=0.5))
    assert record["verdict"]["message"].startswith("timeout: still waiting in 'double' at line 2 of the cell")
    record = zygote.run(job("while True: pass", seconds=0.5))
    assert (record["stage"], record["message"]) == ("late", "at line 1 of the cell")


def test_two_zygotes_share_one_start_and_nothing_is_left(traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_TEST_MARK", traces.mark)
    nest = Nest(quick=True)
    both = nest.zygotes(2)
    assert [outcome(zygote.run(job(DOUBLE))) for zygote in both] == ["pass", "pass"]
    assert len(traces.running()) == 3  # the first, and two that it forked
    home = Path(nest._home.name)
    assert [*home.iterdir()] == []
    for zygote in both:
        zygote.close()
    nest.close()
    assert traces.gone()
    assert not home.exists()


def test_zygotes_end_with_a_judge_that_was_killed(traces: Traces) -> None:
    program = "import os, signal\nfrom course_lib.grading.zygote import Nest\nzygote = Nest(quick=True).zygotes(1)[0]\n"
    program += "zygote.run({'question': 'x', 'setup': [], 'answer': '', 'check': '', 'seconds': None})\n"
    program += "os.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run([sys.executable, "-c", program], env=traces.environment(TMPDIR="/tmp"))
    assert done.returncode == -9
    assert traces.gone()


def test_without_fork_every_job_has_a_process_of_its_own() -> None:
    record = Fresh().run(job(DOUBLE))
    assert (outcome(record), record["isolation"]) == ("pass", [])


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="this system has no /dev/shm")
def test_children_work_on_a_disk_in_memory(nest: Nest) -> None:
    assert nest._home.name.startswith("/dev/shm/")


ON_POSTGRES = '''
import asyncio

from course_lib import fresh
from course_lib.checks.assertions import ask, equal
from course_lib.checks.question import question
from course_lib.databases import needs


@question("small-server", lesson="00_small", section=1)
async def check_server(server):
    """Ask on PostgreSQL where it is, else on SQLite."""
    kind = "sqlite" if needs.absent(["postgres"]) else "postgres"
    async with fresh(kind) as engine, fresh(kind) as other:
        equal(await ask(server, engine), 3)
        equal(await ask(server, other), 3)
    return f"three drinks on {kind}"
'''
SERVER = """
from sqlalchemy import text


async def server(engine):
    async with engine.begin() as connection:
        drinks = await connection.scalar(text("SELECT count(*) FROM items"))
        await connection.execute(text("DELETE FROM items"))
        return drinks
"""


@pytest.mark.postgres
def test_a_job_that_needs_a_server_gets_databases_of_its_own(zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = ["%load_ext course_lib", ON_POSTGRES]
    for _ in range(3):  # what an answer has deleted is there again for the next
        record = zygote.run(job(SERVER, "small-server", setup=setup, needs=["postgres"]))
        assert record["verdict"]["message"] == "three drinks on postgres"


def test_a_job_that_names_no_server_finds_none(zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    record = zygote.run(
        job(SERVER, "small-server", setup=["import os\nos.environ.pop('COURSE_REQUIRE_ALL', 0)", ON_POSTGRES])
    )
    assert record["verdict"]["message"] == "three drinks on sqlite"
    insisting = SERVER.replace("text\n", "text\nfrom course_lib import fresh\n").replace(
        "engine):", 'engine):\n    async with fresh("postgres"): pass'
    )
    record = zygote.run(
        job(insisting, "small-server", setup=["import os\nos.environ.pop('COURSE_REQUIRE_ALL', 0)", ON_POSTGRES])
    )
    assert "this answer was handed none" in record["verdict"]["message"]
