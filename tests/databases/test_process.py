"""Server processes: started with nothing but what they are given, ended with patience, never outliving their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from private_postgres import ROOT

from course_lib.databases.process import ServerProcess, complaint, free_port, last_line, run_tool, tail
from course_lib.databases.unroot import Mode, Unroot, is_root
from course_lib.databases.unroot import complaint as why_not
from course_lib.errors import ServerError

SHELL = "/bin/sh"
PLAIN = Unroot()
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
GONE_S = 30.0  # only a failing test waits that long
STUBBORN = 'trap "" INT; echo up > "$0"; while :; do sleep 600; done'  # says so when the trap is set


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """Return a pipe through which a program says that it is up; reading it waits for that."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


async def start(log: Path, script: str, *arguments: str | Path) -> ServerProcess:
    """Start a shell as if it were a server."""
    argv = [SHELL, "-c", script, *arguments]
    return await ServerProcess.start("PostgreSQL", argv, log=log, unroot=PLAIN, environment=ENVIRONMENT)


async def tool(log: Path, script: str, *arguments: str | Path, timeout: float = 60.0) -> None:
    """Run a shell as if it were initdb."""
    argv = [SHELL, "-c", script, *arguments]
    await run_tool("initdb", argv, unroot=PLAIN, environment=ENVIRONMENT, timeout=timeout, log=log)


def test_a_free_port_can_be_taken() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))


def test_a_server_gets_nothing_but_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "ginger")
    log = tmp_path / "log"
    log.write_text("of yesterday\n")

    async def main() -> int:
        process = await start(log, "env; exit 3")
        return await process.wait()

    assert asyncio.run(main()) == 3
    assert "PATH=/usr/bin:/bin" in log.read_text()
    assert "ginger" not in log.read_text()
    assert "yesterday" not in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_program_that_cannot_be_started_is_one_sentence(tmp_path: Path) -> None:
    program = tmp_path / "postgres"
    with pytest.raises(ServerError) as caught:
        asyncio.run(
            ServerProcess.start("PostgreSQL", [program], log=tmp_path / "log", unroot=PLAIN, environment=ENVIRONMENT)
        )
    assert str(caught.value) == (
        f"PostgreSQL cannot be started (No such file or directory: {program}); see: course doctor"
    )


def test_a_server_that_ignores_a_signal_gets_the_next(tmp_path: Path, fifo: Path) -> None:
    async def main() -> tuple[bool, int | None, bool]:
        process = await start(tmp_path / "log", STUBBORN, fifo)
        await asyncio.to_thread(fifo.read_text)
        was_running = process.is_running
        await process.stop(((signal.SIGINT, 0.01), (signal.SIGKILL, GONE_S)))
        await process.stop(((signal.SIGINT, GONE_S),))  # it has ended: nothing is sent to whoever has its number now
        return was_running, process.returncode, process.is_running

    assert asyncio.run(main()) == (True, -signal.SIGKILL, False)


def test_a_stop_that_is_given_up_kills(tmp_path: Path, fifo: Path) -> None:
    async def main() -> int:
        process = await start(tmp_path / "log", STUBBORN, fifo)
        await asyncio.to_thread(fifo.read_text)
        stopping = asyncio.create_task(process.stop(((signal.SIGINT, 600.0),)))
        await asyncio.sleep(0)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        return await asyncio.wait_for(process.wait(), GONE_S)

    assert asyncio.run(main()) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo 'FATAL: no gin'; echo bye; exit 1", "PostgreSQL ended (exit code 1); its log says: FATAL: no gin"),
        ("echo 'ERROR: a typing error'; echo bye; kill -9 $$", "PostgreSQL ended (signal SIGKILL); its log says: bye"),
        ("kill -9 $$", "PostgreSQL ended (signal SIGKILL); its log says: nothing"),
        ("kill -40 $$", "PostgreSQL ended (signal 40); its log says: nothing"),
    ],
)
def test_how_a_server_ended_is_one_sentence(tmp_path: Path, script: str, sentence: str) -> None:
    async def main() -> str:
        process = await start(tmp_path / "log", script)
        await process.wait()
        return process.ended()

    assert asyncio.run(main()) == sentence


PARENT = """
import asyncio, sys
from pathlib import Path
from course_lib.databases.process import ServerProcess
from course_lib.databases.unroot import Unroot

async def main():
    argv, log = ["/bin/sh", "-c", "echo up; exec sleep 600"], Path(sys.argv[2])
    process = await ServerProcess.start(
        "sleep", argv, log=log, unroot=Unroot(sys.argv[1]), environment={"PATH": "/usr/bin:/bin"}
    )
    while "up" not in log.read_text():
        await asyncio.sleep(0.005)
    print(process.pid, flush=True)
    await process.wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
@pytest.mark.parametrize("mode", ["plain", "userns", "nobody"])
def test_a_server_ends_when_its_parent_is_killed(tmp_path: Path, mode: Mode) -> None:
    reason = "only root can become another user" if mode == "nobody" and not is_root() else why_not(Unroot(mode))
    if reason:
        pytest.skip(f"mode {mode} does not work here: {reason}")
    deaf = ["sh", "-c", 'trap "" INT QUIT; exec "$0" "$@"']  # what a shell does to `jupyter lab &`
    command = [*deaf, sys.executable, "-c", PARENT, mode, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
    child.wait(GONE_S)
    assert not child.is_running()


def test_a_tool_that_works_is_silent(tmp_path: Path) -> None:
    asyncio.run(tool(tmp_path / "log", "echo done"))
    assert last_line(tmp_path / "log") == "done"


def test_a_tool_that_fails_is_one_sentence(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(ServerError) as caught:
        asyncio.run(tool(log, "echo 'initdb: error: no gin'; echo 'initdb: removing data directory'; exit 1"))
    assert str(caught.value) == f"initdb failed (initdb: error: no gin); its log is {log}"


def children(parent: int) -> list[Any]:
    """Return what still runs in the process group of a tool."""
    return [one for one in psutil.process_iter() if _group(one.pid) == parent and one.status() != psutil.STATUS_ZOMBIE]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def test_a_tool_that_takes_too_long_ends_with_all_its_children(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(ServerError) as caught:
        asyncio.run(tool(log, "echo $$; sleep 600 & sleep 600", timeout=1.0))
    assert str(caught.value) == f"initdb took longer than 1 s; its log is {log}"
    psutil.wait_procs(children(int(last_line(log))), GONE_S)
    assert children(int(last_line(log))) == []


def test_a_tool_that_is_cancelled_ends_with_all_its_children(tmp_path: Path, fifo: Path) -> None:
    async def main() -> int:
        working = asyncio.create_task(tool(tmp_path / "log", 'sleep 600 & echo $$ > "$0"; sleep 600', fifo))
        group = int(await asyncio.to_thread(fifo.read_text))
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        return group

    group = asyncio.run(main())
    psutil.wait_procs(children(group), GONE_S)
    assert children(group) == []


def test_the_end_of_a_log_is_read_without_times_and_process_ids(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("x" * 100_000 + "\n2026-11-22 18:57:52.123 UTC [4711] FATAL:  no gin\n\nHINT: buy some\n")
    assert tail(log)[1:] == ["FATAL:  no gin", "HINT: buy some"]
    assert sum(map(len, tail(log))) < 5000
    assert last_line(log) == "HINT: buy some"
    assert complaint(log) == "FATAL:  no gin"


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert tail(tmp_path / "log") == []
    assert last_line(tmp_path / "log") == ""
    assert complaint(tmp_path / "log") == "it said nothing"
