"""`course app`: the app of a lesson behind a real server on this machine, gone without a trace at the end."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from small_course import LIMIT_S, Traces

from course_lib.cli import main


@contextlib.contextmanager
def serving(traces: Traces, *arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the real program; yield it and the address it printed, once the app answers there."""
    with subprocess.Popen(
        [sys.executable, "-m", "course_lib.cli", "app", "0", *arguments],
        env=traces.environment(**environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = re.match(
            r"serving the app after lesson 00 on (http://127\.0\.0\.1:\d+)/docs \(Ctrl-C ends it\)\n",
            process.stdout.readline(),
        )
        assert said is not None
        try:
            wait_for_answer(f"{said[1]}/live")
            yield process, said[1]
        finally:
            if process.poll() is None:
                process.kill()


def wait_for_answer(url: str) -> None:
    """Wait until a server answers there."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            httpx.get(url)
        except httpx.TransportError:
            assert time.monotonic() < deadline, f"nobody answers at {url}"
            time.sleep(0.02)
        else:
            return


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_app_is_served_until_it_is_ended(number: int, code: int, small: Path, traces: Traces, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with serving(traces, TMPDIR=str(temporary)) as (process, address):
        assert httpx.get(f"{address}/live").json() == "small"
        assert "Small" in httpx.get(f"{address}/docs").text
        assert len(traces.running()) == 2
        process.send_signal(number)
        _, err = process.communicate()
    assert (process.returncode, err) == (code, "")
    assert traces.gone()
    assert [*temporary.iterdir()] == []


def test_named_port_is_used(small: Path, traces: Traces) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with serving(traces, "--port", str(port)) as (process, address):
        assert address.endswith(f":{port}")
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert traces.gone()


def test_taken_port_is_one_sentence(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["app", "0", "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"course app: port {port} cannot be used (address already in use); leave --port out and a free one is taken\n"
    )


@pytest.mark.parametrize("port", ["-1", "65536", "99999999"])
def test_number_that_is_no_port_is_one_sentence(port: str, small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["app", "0", "--port", port]) == 2
    assert capsys.readouterr().err == (
        f"course app: port {port} cannot be used (not a port number); leave --port out and a free one is taken\n"
    )


def test_unknown_lesson_is_one_sentence(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["app", "9"]) == 2
    assert capsys.readouterr().err == "course app: lesson 09 is not in notebooks/; there are: 00\n"
