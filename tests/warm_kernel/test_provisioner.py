"""A forked kernel is a kernel: it runs cells, is interrupted, restarted, killed, and differs in nothing but its start.

Where it cannot be forked a normal one is started, with one warning.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any  # Any: what Popen accepts

import pytest
from kernel_clients import kernel, wait_gone, zygotes

from course_lib.errors import CourseError
from course_lib.warm_kernel import ColdKernelWarning, asker, provisioner

BLOCKED = "print('in it', flush=True)\nimport time\ntime.sleep(600)"
# what a process has that a fork might have otherwise; the start of ipykernel itself is in `argv`
SELF = """
import gc, os, signal, sys, threading, warnings, logging, tempfile, asyncio
{
    "argv": [sys.argv[0], *sys.argv[1:2]],
    "path": sys.path,
    "flags": list(sys.flags),
    "cwd": os.getcwd(),
    "environment": {k: v for k, v in os.environ.items() if k != "JPY_PARENT_PID"},
    "parent": os.environ["JPY_PARENT_PID"] == str(os.getppid()),
    "threads": sorted(t.name.partition("-")[0] for t in threading.enumerate()),
    "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE)],
    "blocked": [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    "wakeup": signal.set_wakeup_fd(-1),
    "session": [os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()],
    "streams": [os.readlink(f"/proc/self/fd/{n}").partition(":")[0] for n in (0, 1, 2)],
    "garbage": [gc.isenabled(), gc.get_threshold()],
    "warnings": [str(one) for one in warnings.filters],
    "loggers": [str(one) for one in logging.getLogger().handlers],
    "temporary": tempfile.gettempdir(),
    "course": [name for name in sys.modules if name.partition(".")[0] == "course_lib"],
    "main": sys.modules["__main__"].__name__,
    "task": asyncio.current_task().get_name().partition("-")[0],
}
""".strip()


def self_of(name: str, **options: Any) -> dict[str, Any]:
    """Return what a new kernel of this kind says about itself."""
    with kernel(name, **options) as one:
        code, _, value = SELF.partition("\n")
        one.run(code)
        found: dict[str, Any] = one.read(value)
        return found


def test_runs_a_cell_with_top_level_await_and_the_course(state: Path) -> None:
    with kernel() as one:
        assert one.is_warm
        assert one.run("import asyncio\nawait asyncio.sleep(0, 'served')") == "'served'"
        assert one.run("%load_ext course_lib\nimport course_lib\ncourse_lib.explain.__name__") == "'explain'"
        assert one.run("1 / 0") == "ZeroDivisionError"


def test_differs_in_nothing_but_its_start(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    options = {"cwd": str(tmp_path), "env": {**os.environ, "COURSE_TEST_MARK": "of this test"}}
    assert self_of("course-warm", **options) == self_of("python3", **options)


def test_environment_of_the_first_asker_does_not_reach_the_second(
    empty_state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_SERVER_LINGER", "60")
    with kernel(env={**os.environ, "COURSE_TEST_MARK": "first"}) as first:
        seen = first.read("[os.environ.get('COURSE_TEST_MARK') for os in [__import__('os')]]")
        with kernel(cwd=str(tmp_path)) as second:
            assert (seen, second.read("__import__('os').environ.get('COURSE_TEST_MARK')")) == (["first"], None)
            assert second.read("__import__('os').getcwd()") == str(tmp_path)
            (zygote,) = zygotes(empty_state)
            assert b"COURSE_" not in Path(f"/proc/{zygote}/environ").read_bytes()


def test_two_kernels_draw_different_numbers(state: Path) -> None:
    draw = "[__import__('random').random(), __import__('uuid').uuid4().hex, __import__('tempfile').mktemp()]"
    with kernel() as one, kernel() as other:
        assert not set(one.read(draw)) & set(other.read(draw))


def test_a_blocked_cell_is_interrupted(state: Path) -> None:
    with kernel() as one:
        request = one.send(BLOCKED)
        one.wait_for("in it")
        one.manager.interrupt_kernel()
        assert one.output(request).endswith("KeyboardInterrupt")
        assert one.run("'and goes on'") == "'and goes on'"


def test_restart_gives_a_new_kernel_on_the_same_connection(state: Path) -> None:
    with kernel() as one:
        one.run("x = 1")
        former = one.process.pid
        one.manager.restart_kernel(now=True)
        one.client.wait_for_ready(60)
        assert one.is_warm
        assert one.process.pid != former
        assert one.run("x") == "NameError"
        wait_gone(former)


def test_polite_end_runs_the_functions_of_atexit(state: Path, tmp_path: Path) -> None:
    with kernel() as one:
        one.run(f"import atexit, pathlib\natexit.register(pathlib.Path({str(tmp_path / 'bye')!r}).touch)")
        process = one.process
        one.manager.shutdown_kernel()
        assert process.returncode == 0
        assert (tmp_path / "bye").exists()


@pytest.mark.parametrize(("code", "status"), [("os._exit(7)", 7), ("os.kill(os.getpid(), 11)", -signal.SIGSEGV)])
def test_status_of_a_kernel_that_ends_itself(state: Path, code: str, status: int) -> None:
    with kernel() as one:
        one.send(f"import os\n{code}")
        asyncio.run(one.process.ended())
        assert one.process.poll() == status
        assert not one.manager.is_alive()


def test_kernel_is_killed_with_what_it_started(state: Path) -> None:
    with kernel() as one:
        pid, started = one.process.pid, one.read("__import__('subprocess').Popen(['sleep', '600']).pid")
    wait_gone(pid, started)


def test_streams_are_those_of_the_asker(state: Path, tmp_path: Path) -> None:
    with (tmp_path / "said").open("wb") as said, kernel(stdout=said, stderr=said) as one:
        # under PYTEST_CURRENT_TEST ipykernel does not put pipes of its own in their place
        one.run("import os\nos.write(1, b'to 1, ')\nos.write(2, b'to 2')")
        assert one.is_warm
    assert (tmp_path / "said").read_text().endswith("to 1, to 2")


def test_killed_zygote_takes_its_kernels_along_and_the_next_asker_gets_a_new_one(state: Path) -> None:
    with kernel() as one:
        (former,) = zygotes(state)
        os.kill(former, signal.SIGKILL)
        asyncio.run(one.process.ended())
        assert one.process.poll() == -signal.SIGKILL
        wait_gone(former)
        with kernel() as other:
            assert other.is_warm
            assert zygotes(state) != [former]


def run_cold(**options: Any) -> tuple[bool, str]:
    """Say whether a kernel is a warm one, and what it shows."""
    with kernel(**options) as one:
        return one.is_warm, one.run("6 * 7")


def cold(reason: str, **options: Any) -> None:
    """Start two kernels; both must be normal ones, and the reason must be told once."""
    with pytest.warns(ColdKernelWarning) as told:
        found = [run_cold(**options), run_cold(**options)]
    assert found == [(False, "42")] * 2
    lines = [str(line.message) for line in told]
    assert len(lines) == 1
    assert re.fullmatch(f"{reason}; a normal kernel was started", lines[0]), lines


def test_other_versions_are_refused_with_one_warning(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with kernel() as one:
        assert one.is_warm
        (file,) = (state / "kernels").glob("*.run.json")
        key, other = file.name.removesuffix(".run.json"), "0123abcd-4567cdef"
        (state / "kernels" / f"{other}.run.json").write_text(file.read_text())
        monkeypatch.setattr(asker, "key_of", lambda environment: other)
        cold(f"expected a warm process with packages and settings {other}, got {key}")
        (state / "kernels" / f"{other}.run.json").unlink()


def test_zygote_that_cannot_start_is_no_obstacle(empty_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asker, "key_of", lambda environment: "of-yesterday")
    reason = r"the warm process did not start \(packages were installed while it started; run it again\)"
    cold(reason)


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_get_a_normal_kernel(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provisioner.sys, "platform", platform)  # type: ignore[attr-defined]  # its own import
    with pytest.raises(CourseError, match=f"^kernels are forked on Linux only, not on {platform}$"):
        provisioner.forked(provisioner.LAUNCH, {})


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"independent": True}, "a forked kernel cannot be started with independent"),
        ({"stdout": subprocess.PIPE}, "a forked kernel cannot be read through a pipe of its asker"),
    ],
)
def test_what_a_fork_cannot_do_is_left_to_a_normal_kernel(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(CourseError, match=f"^{reason}$"):
        provisioner.forked(provisioner.LAUNCH, options)


def test_another_command_is_left_to_a_normal_kernel() -> None:
    with pytest.raises(CourseError, match=r"^expected a kernel started by .* -m ipykernel_launcher, got other -m x$"):
        provisioner.forked(["other", "-m", "x"], {})
