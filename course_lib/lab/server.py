"""Run JupyterLab in this process, opened on one sheet, until Ctrl-C.

In this process, because then nothing is left behind when the terminal closes, and its log can go to a file.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from course_lib.errors import ServerError, WorkspaceError
from course_lib.locations import course_root, work_folder

SETTINGS = Path(__file__).parent / "settings"
PORT = 8888
PORT_RETRIES = 50  # what JupyterLab itself tries; a class room of one machine has fewer learners


def serve(sheet: Path, *, port: int | None = None, open_browser: bool = True, say: Callable[[str], None]) -> None:
    """Serve `sheet` until the process is told to stop; without `port` a second server takes the next free one."""
    root = served_folder(sheet)
    page = f"/lab/tree/{quote(sheet.relative_to(root).as_posix())}?reset"  # reset: no tabs of an earlier day
    token = secrets.token_hex(24)
    log = work_folder() / ".jupyterlab.log"
    turn = contextlib.ExitStack()
    with turn, _quiet_kernels(log):
        turn.enter_context(_one_at_a_time())
        from jupyterlab.labapp import LabApp

        options = {**_options(root, page, token, log), **_port_options(port), "ServerApp.open_browser": open_browser}
        try:
            server = LabApp.initialize_server(argv=[f"--{name}={value}" for name, value in options.items()])

            def ready() -> None:
                turn.close()  # the port is bound: another `course start` may look for its own
                say(f"JupyterLab is at http://127.0.0.1:{server.port}{page}&token={token}")
                say(f"Ctrl-C stops it; its messages are in {log}")

            server.io_loop.add_callback(ready)
            server.start()
        except SystemExit as end:
            if end.code:
                raise ServerError(f"JupyterLab did not start; its last messages are in {log}") from end
    say("JupyterLab has stopped, your work is saved")


def refuse_taken(port: int) -> None:
    """Raise `ServerError` when a port the learner named cannot be used."""
    try:
        if not 0 <= port < 1 << 16:
            raise OSError("not a port number")
        with socket.create_server(("127.0.0.1", port)):
            return
    except OSError as error:
        cause = os.strerror(error.errno).lower() if error.errno else str(error)
        raise ServerError(f"port {port} cannot be used ({cause}); leave --port out and a free one is taken") from error


def served_folder(sheet: Path) -> Path:
    """Return the folder JupyterLab shows: the course, or the work folder where that was moved out of it."""
    root = course_root()
    return root if sheet.is_relative_to(root) else work_folder()


def _options(root: Path, page: str, token: str, log: Path) -> dict[str, object]:
    handler = {"class": "logging.handlers.RotatingFileHandler", "filename": str(log), "formatter": "console"}
    limits = {"level": "INFO", "maxBytes": 1_000_000, "backupCount": 1}
    loggers = {name: {"level": "INFO", "handlers": ["file"]} for name in ("ServerApp", "LabApp")}
    return {
        "Application.logging_config": json.dumps({"handlers": {"file": handler | limits}, "loggers": loggers}),
        "IdentityProvider.token": token,  # ours, so that no setting of the user can switch it off
        "LabApp.app_settings_dir": SETTINGS,
        "LabApp.default_url": page,
        "LabApp.extension_manager": "readonly",  # the other one lists the packages of an index
        "LanguageServerManager.autodetect": False,  # it searches the disk for servers no lesson uses
        "ServerApp.allow_root": hasattr(os, "geteuid") and os.geteuid() == 0,  # hosted notebooks run as root
        "ServerApp.answer_yes": True,  # Ctrl-C stops it without asking
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.root_dir": root,
    }


def _port_options(port: int | None) -> dict[str, object]:
    if port is None:
        return {"ServerApp.port": PORT, "ServerApp.port_retries": PORT_RETRIES}
    return {"ServerApp.port": port, "ServerApp.port_retries": 0}


@contextlib.contextmanager
def _quiet_kernels(log: Path) -> Iterator[None]:
    """Send what kernels write to the terminal (a notice about TCP on loopback) to the log instead."""
    try:
        target = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise WorkspaceError(
            f"cannot write in {log.parent} ({error.strerror}); set COURSE_WORK to a folder you may write to"
        ) from error
    sys.stderr.flush()
    terminal = os.dup(2)
    os.dup2(target, 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(target)


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let one `course start` look for a port and bind it before the next one looks."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows: there the second start may have to be typed again
        yield
        return
    user = os.getuid()
    with open(Path(tempfile.gettempdir()) / f"velvet-rope-course-{user}.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
