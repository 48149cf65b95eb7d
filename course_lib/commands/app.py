"""Serve the app as it stands after a lesson, on this machine only.

A learner clicks through `/docs` of what the notebooks built, without copying a line.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from course_lib.lab import refuse_taken
from course_lib.workspace.replay import write_tree


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course app`."""
    parser.add_argument("number", type=int, metavar="NN", help="the lesson's number")
    parser.add_argument("--port", type=int, help="the port; a free one when left out")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C; the folder is removed afterwards."""
    port = arguments.port if arguments.port is not None else _free_port()
    refuse_taken(port)
    with tempfile.TemporaryDirectory(prefix="velvet-rope-app-") as folder:
        write_tree(arguments.number, Path(folder))
        environment = {**os.environ}
        environment.setdefault("VELVET_DATABASE_URL", f"sqlite+aiosqlite:///{folder}/velvet.db")
        print(f"serving the app after lesson {arguments.number:02} on http://127.0.0.1:{port}/docs (Ctrl-C ends it)")
        sys.stdout.flush()
        command = [sys.executable, "-m", "uvicorn", "app.main:app", "--host", "127.0.0.1", "--port", str(port)]
        server = subprocess.Popen([*command, "--log-level", "warning"], cwd=folder, env=environment)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or a kill would leave the server behind
        try:
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            if server.poll() is None:
                server.terminate()
            server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number
