"""The data folder of a private PostgreSQL: made by initdb, kept between days, and never served twice.

It may be ruined (we do not wait for the disk) or left behind by a server that was killed; both are mended here, and a
learner need not know.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any  # Any: psutil ships no types

from course_lib.databases.binaries import Binaries
from course_lib.databases.process import KILL, QUIT, Escalation, run_tool, tail
from course_lib.databases.state import Home, check_room, move_aside
from course_lib.databases.unroot import Unroot
from course_lib.errors import ServerError

ADMIN = "course_admin"
INITDB_S = 120.0  # 0.4 s on a quiet machine
NO_SPACE = "No space left on device"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",  # the default: several kernels share it, and a lesson that runs out limits its own
    "shared_buffers": "16MB",
    "dynamic_shared_memory_type": "mmap",  # in the folder: nothing stays in /dev/shm after a kill -9
    "fsync": "off",  # a database that is made anew in a second need not survive a power cut
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "min_wal_size": "2MB",
    "max_wal_size": "64MB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d/%a ",
    "logging_collector": "off",
}
# no `trust` line at all: a superuser without a password can start programs (COPY ... TO PROGRAM)
HBA = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"
FAST_SHUTDOWN: Escalation = ((signal.SIGINT, 5.0), (QUIT, 3.0), (KILL, 5.0))


class Cluster:
    """One data folder with its superuser's password in it."""

    def __init__(self, home: Home, binaries: Binaries) -> None:
        self.home = home
        self.binaries = binaries
        facts = (str(binaries.programs["initdb"]), *SETTINGS.items(), HBA)
        key = hashlib.sha256(repr(facts).encode()).hexdigest()[:6]
        self.folder = home.data / f"pg{binaries.version[0]}-{key}"
        # inside, so that a folder that is renamed and its password stay together
        self._secret = self.folder / "course.secret"
        self._suspicion = self.folder / "course.suspicion"
        self._pid_file = self.folder / "postmaster.pid"

    @property
    def password(self) -> str:
        """The superuser's password; it never leaves the supervisor."""
        return self._secret.read_text().strip()

    def flaw(self) -> str:
        """Say why the folder must not be served, in a few words; empty when it may be, or is not there."""
        if not self.folder.exists():
            return ""
        made_by, ours = _content(self.folder / "PG_VERSION"), self.binaries.version[0]
        if made_by != str(ours):
            return f"expected one of version {ours}, got {made_by or 'none'}"
        if not _content(self._secret):
            return "its password is lost"
        if self._pid_file.exists() and self._pid_file.stat().st_mtime < _boot_time():
            return "the machine went down while it was in use"  # and we do not wait for the disk: anything may be lost
        return _content(self._suspicion)

    def suspect(self, reason: str) -> None:
        """Note that the folder is damaged: the next start makes a new one."""
        _write_private(self._suspicion, reason, None)

    async def make(self) -> None:
        """Run initdb; the folder gets its name when it is complete. Raises `ServerError` (disk, initdb's own words)."""
        check_room(self.home.data)
        making = self.folder.with_name(f"{self.folder.name}.making")
        shutil.rmtree(making, ignore_errors=True)
        secret = secrets.token_urlsafe(18)
        password_file = self.home.data / f"{self.folder.name}.first"
        _write_private(password_file, secret, self.home.unroot)
        try:
            await self._initdb(making, password_file)
            _write_private(making / self._secret.name, secret, None)
            making.rename(self.folder)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        finally:
            password_file.unlink(missing_ok=True)

    async def _initdb(self, folder: Path, password_file: Path) -> None:
        argv: list[str | Path] = [
            self.binaries.programs["initdb"],
            *("-D", folder, "-U", ADMIN, "-E", "UTF8", "--no-locale", "-N", "--no-instructions", "--wal-segsize=1"),
            *("--auth-local=scram-sha-256", "--auth-host=scram-sha-256", f"--pwfile={password_file}"),
        ]
        log = self.home.runtime / "initdb.log"
        unroot = self.home.unroot
        try:
            await run_tool("initdb", argv, unroot=unroot, environment=ENVIRONMENT, timeout=INITDB_S, log=log)
        except ServerError as error:
            if any(NO_SPACE in line for line in tail(log)):
                raise ServerError(
                    f"disk full: initdb could not make its 40 MB in {self.home.data}; "
                    "make room, or set COURSE_STATE_DIR to another disk"
                ) from error
            raise

    def set_aside(self) -> Path:
        """Rename the folder, so that a new one can be made; return its new name."""
        return move_aside(self.folder)

    def bring_back(self, aside: Path) -> None:
        """Undo `set_aside`: the new folder was no better, so the old one was not the cause."""
        shutil.rmtree(self.folder, ignore_errors=True)
        aside.rename(self.folder)

    def configure(self, port: int, options: Mapping[str, str]) -> None:
        """Write the server's settings and its one rule of who may come in; the folder belongs to its user alone."""
        self.folder.chmod(0o700)  # PostgreSQL refuses a folder that others can read
        sockets = f'"{self.home.sockets}"'  # it is a list: a comma or a blank would end the name
        settings = {**SETTINGS, "port": str(port), "unix_socket_directories": sockets, **options}
        lines = "".join(f"{name} = {_quoted(value)}\n" for name, value in settings.items())
        for name, text in (("postgresql.conf", lines), ("postgresql.auto.conf", ""), ("pg_hba.conf", HBA)):
            _write_private(self.folder / name, text, self.home.unroot)

    def is_ready(self, pid: int) -> bool:
        """Say whether server `pid` serves: `postmaster.pid` names it and says ready (line 8).

        After a kill -9 the old file still says ready, but with another process id.
        """
        lines = _content(self._pid_file).splitlines()
        return len(lines) > 7 and lines[7].startswith("ready") and lines[0] == str(pid)

    @property
    def was_left(self) -> bool:
        """Say whether a server ended without a shutdown here, or still runs."""
        return self._pid_file.exists()

    def strays(self) -> list[Any]:
        """Return the processes (psutil's) of a server that still work in this folder, the server itself first.

        A number in a stale file may belong to anybody by now, so the process must name this folder; a server's children
        can outlive it, and are known by their working folder only.
        """
        import psutil  # imported here: asked for only when a file was left behind

        named, folder = self._named_pid(), str(self.folder)
        found: list[Any] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):  # gone, or somebody else's
                if process.pid == named and folder in process.cmdline():
                    found.insert(0, process)
                elif process.name().startswith("postgres") and process.cwd() == folder:
                    found.append(process)
        return [process for process in found if _is_alive(process)]

    def reap(self) -> None:
        """End a server that outlived its supervisor; remove a file that names somebody else. Blocks some seconds."""
        import psutil

        for number, seconds in FAST_SHUTDOWN:
            strays = self.strays()
            if not strays:
                break
            leads = strays[0].pid == self._named_pid()  # a server ends its children itself
            for process in strays[:1] if leads else strays:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)
            psutil.wait_procs(strays, timeout=seconds)
        pid = self._named_pid()
        if pid is None or psutil.pid_exists(pid):  # else PostgreSQL knows better what to do with the file than we
            self._pid_file.unlink(missing_ok=True)

    def _named_pid(self) -> int | None:
        first = _content(self._pid_file).partition("\n")[0]
        return int(first) if first.isdigit() else None


def _content(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def _boot_time() -> float:
    import psutil

    return float(psutil.boot_time())


def _is_alive(process: Any) -> bool:
    """A zombie is a number that nobody fetched, not a server."""
    import psutil

    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, OSError):
        return False


def _quoted(value: str) -> str:
    """Return a value as a settings file wants it, whatever is in a learner's path."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _write_private(file: Path, text: str, unroot: Unroot | None) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    if unroot is not None:
        unroot.give(file)
