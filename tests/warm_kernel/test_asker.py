"""Askers share one warm process, find it anew when it is gone, and trust nobody but their own user."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from kernel_clients import kernel, wait_all_gone, wait_gone, zygotes

from course_lib.errors import CourseError
from course_lib.warm_kernel import asker

# starts a kernel, says its process id, and never ends by itself
SCRIPT = """
import os, sys, time
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name="course-warm")
manager.start_kernel(stdout=-3, stderr=-3)
print(type(manager.provisioner.process).__name__, manager.provisioner.pid, flush=True)
sys.stdin.read()
"""


def client() -> subprocess.Popen[str]:
    """Start a process with a kernel."""
    return subprocess.Popen([sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def pid_of(process: subprocess.Popen[str]) -> int:
    """Return the process id of its kernel, which must be a forked one."""
    assert process.stdout is not None
    name, pid = process.stdout.readline().split()
    assert name == "KernelProcess"
    return int(pid)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a client without a word."""
    process.kill()
    process.communicate()


def test_askers_at_the_same_moment_share_one_warm_process(empty_state: Path) -> None:
    clients = [client() for _ in range(3)]
    kernels = [pid_of(one) for one in clients]
    assert len(set(kernels)) == 3
    (zygote,) = zygotes(empty_state)
    for one in clients:
        kill(one)
    wait_gone(*kernels, zygote)


def test_killed_asker_leaves_no_kernel_no_process_and_no_file(empty_state: Path) -> None:
    one = client()
    pid = pid_of(one)
    (zygote,) = zygotes(empty_state)
    kill(one)
    wait_gone(pid, zygote)
    wait_all_gone(empty_state)
    left = {path.suffix for path in (empty_state / "kernels").iterdir()}
    assert left == {".lock", ".log"}


def test_folder_and_files_are_for_us_alone(state: Path) -> None:
    with kernel():
        folder = state / "kernels"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (file,) = folder.glob("*.run.json")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"socket": "gone", "token": "x"}'])
def test_announcement_of_nobody_is_replaced(empty_state: Path, text: str) -> None:
    with kernel() as one:
        (file,) = (empty_state / "kernels").glob("*.run.json")
        os.kill(zygotes(empty_state)[0], signal.SIGKILL)
        one.process.wait()
    file.write_text(text)
    with kernel() as other:
        assert other.is_warm


def test_socket_in_a_deep_folder_is_reached(empty_state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "state" / ("x" * 100)
    monkeypatch.setenv("COURSE_STATE_DIR", str(deep))
    with kernel() as one:
        assert one.is_warm
    wait_all_gone(deep)


def test_warm_process_of_another_user_is_not_asked(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with kernel():
        (place,) = (path for path in (state / "kernels").iterdir() if path.is_socket())
        monkeypatch.setattr(asker, "peer_user", lambda connection: os.getuid() + 1)
        with pytest.raises(CourseError) as caught:
            asker.connected(place)
    assert str(caught.value) == f"the warm process belongs to user {os.getuid() + 1}, expected {os.getuid()}"


def test_prepared_process_is_the_one_that_is_asked(empty_state: Path) -> None:
    asker.prepare()
    (zygote,) = zygotes(empty_state)
    asker.prepare()
    with kernel() as one:
        assert one.is_warm
        assert zygotes(empty_state) == [zygote]


def test_what_cannot_be_prepared_is_left_to_who_asks(empty_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asker, "key_of", lambda environment: "of-yesterday")
    asker.prepare()
    assert zygotes(empty_state) == []
