"""A learner's home with a course in it, and `course start` as a process that says where it serves.

The tests of the command and of the browser start the same real JupyterLab, so they share how.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any  # Any: what JSON holds

LIMIT_S = 60  # a loaded machine of two cores starts JupyterLab in 8 s
STEMS = ("00_doors_open", "01_event_loop")


def notebook(*cells: tuple[str, str]) -> str:
    """Return the text of a notebook of code cells, each an id and a source."""
    code: list[dict[str, object]] = [
        {"cell_type": "code", "id": name, "metadata": {}, "source": text, "outputs": [], "execution_count": None}
        for name, text in cells
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": code, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def write_small_course(course: Path) -> None:
    """Write a course of two lessons, each with an exercise of one question."""
    for stem in STEMS:
        for kind, first in (("notebooks", ("hello", "1 + 1")), ("exercises", (f"answer-{stem[3:]}", "..."))):
            path = course / kind / f"{stem}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(notebook(first))


class Home:
    """A learner's empty home, with the folder of a course inside."""

    def __init__(self, folder: Path) -> None:
        self.course = folder / "course"
        outside = ("JUPYTER", "COURSE_", "IPYTHON")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(outside)} | {
            "HOME": str(folder),
            "COURSE_ROOT": str(self.course),
            "COURSE_PROGRESS_DB": str(folder / "progress.db"),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "IPYTHONDIR": str(folder / "ipython"),
        }

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Begin `course start --no-browser`."""
        return subprocess.Popen(
            [sys.executable, "-m", "course_lib.cli", "start", "--no-browser", *arguments],
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def refused(self, *arguments: str, **env: str) -> tuple[int, str]:
        """Run a start that must not serve; return its exit code and what it said."""
        process = self.start(*arguments, **env)
        said, _ = process.communicate(timeout=LIMIT_S)
        return process.returncode, said


class Served:
    """A server that said where it is."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.said = []
        for line in process.stdout:
            self.said.append(line)
            if line.startswith("Ctrl-C"):
                break
        found = re.search(r"^JupyterLab is at (http://127\.0\.0\.1:(\d+)(\S+)&token=(\w+))$", "".join(self.said), re.M)
        assert found is not None, self.said
        self.url, port, self.page, self.token = found.groups()
        self.port = int(port)

    def ask(self, path: str, *, token: bool = True, post: bool = False) -> Any:
        """Return the JSON behind `path`."""
        headers = {"Authorization": f"token {self.token}"} if token else {}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=b"{}" if post else None, headers=headers
        )
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            return json.load(answer)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Stop it; return the last it said."""
        assert self.process.stdout is not None
        self.process.send_signal(number)
        last = self.process.stdout.read()
        assert self.process.wait(LIMIT_S) == 0
        return last


def end(process: subprocess.Popen[str]) -> None:
    """Kill a server that still runs, and close its pipe."""
    if process.poll() is None:
        process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
