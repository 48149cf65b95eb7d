"""The data folder of a private PostgreSQL: made by initdb, kept between days, and never served twice.

It may be ruined (we do not wait for the disk) or left behind by a server that was killed; both are mended here, and a
learner need not know.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any  # Any: psutil ships no types

from course_lib.databases.binaries import Binaries
from course_lib.databases.process import Escalation, run_tool
from course_lib.databases.state import Home, check_room
from course_lib.databases.unroot import Unroot

ADMIN = "course_admin"
INITDB_S = 120.0  # 0.4 s on a quiet machine
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "40",  # small, because running out of them is a lesson
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
FAST_SHUTDOWN: Escalation = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 5.0))


class Cluster:
    """One data folder with its superuser's password beside it."""

    def __init__(self, home: Home, binaries: Binaries) -> None:
        self.home = home
        self.binaries = binaries
        facts = (str(binaries.programs["initdb"]), *SETTINGS.items(), HBA)
        key = hashlib.sha256(repr(facts).encode()).hexdigest()[:6]
        self.folder = home.data / f"pg{binaries.version[0]}-{key}"
        self._secret = home.runtime / f"{self.folder.name}.secret"

    @property
    def password(self) -> str:
        """The superuser's password; it never leaves the supervisor."""
        return self._secret.read_text().strip()

    @property
    def exists(self) -> bool:
        """Say whether there is a folder of this major version that we can log in to."""
        try:
            made_by = (self.folder / "PG_VERSION").read_text().strip()
        except OSError:
            return False
        return made_by == str(self.binaries.version[0]) and self._secret.exists()

    async def make(self) -> None:
        """Run initdb; the folder gets its name when it is complete. Raises `ServerError` (disk, initdb's own words)."""
        check_room(self.home.data)
        making = self.folder.with_name(f"{self.folder.name}.making")
        shutil.rmtree(making, ignore_errors=True)
        secret = secrets.token_urlsafe(18)
        password_file = self.home.data / f"{self.folder.name}.first"
        _write_private(password_file, secret, self.home.unroot)
        argv: list[str | Path] = [
            self.binaries.programs["initdb"],
            *("-D", making, "-U", ADMIN, "-E", "UTF8", "--no-locale", "-N", "--no-instructions", "--wal-segsize=1"),
            *("--auth-local=scram-sha-256", "--auth-host=scram-sha-256", f"--pwfile={password_file}"),
        ]
        try:
            await run_tool(
                "initdb",
                argv,
                unroot=self.home.unroot,
                environment=ENVIRONMENT,
                timeout=INITDB_S,
                log=self.home.runtime / "initdb.log",
            )
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        finally:
            password_file.unlink(missing_ok=True)
        _write_private(self._secret, secret, None)
        making.rename(self.folder)

    def configure(self, port: int, options: Mapping[str, str]) -> None:
        """Write the server's settings and its one rule of who may come in; the folder belongs to its user alone."""
        self.folder.chmod(0o700)  # PostgreSQL refuses a folder that others can read
        settings = {**SETTINGS, "port": str(port), "unix_socket_directories": str(self.home.sockets), **options}
        lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        for name, text in (("postgresql.conf", lines), ("postgresql.auto.conf", ""), ("pg_hba.conf", HBA)):
            _write_private(self.folder / name, text, self.home.unroot)

    def ready_pid(self) -> int | None:
        """Return the process id in `postmaster.pid` once the file says ready (its line 8), else None.

        After a kill -9 the old file still says ready, so the caller compares the process id with the one it started.
        """
        lines = self._pid_lines()
        return int(lines[0]) if len(lines) > 7 and lines[7].startswith("ready") and lines[0].isdigit() else None

    def orphan(self) -> Any:
        """Return the process (psutil's) of a server that still runs on this folder, or None.

        A number in a stale file may belong to anybody by now, so the process must name this folder.
        """
        import psutil  # imported here: asked for only when a file was left behind

        lines = self._pid_lines()
        if not lines or not lines[0].isdigit():
            return None
        try:
            process = psutil.Process(int(lines[0]))
            is_ours = str(self.folder) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            return None
        return process if is_ours else None

    def reap(self) -> None:
        """End a server that outlived its supervisor, and remove the file that says one runs. Blocks some seconds."""
        import psutil

        process = self.orphan()
        for number, seconds in FAST_SHUTDOWN if process is not None else ():
            try:
                process.send_signal(number)
                process.wait(seconds)
                break
            except psutil.TimeoutExpired:
                continue
            except psutil.Error:
                break
        (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def _pid_lines(self) -> list[str]:
        try:
            return (self.folder / "postmaster.pid").read_text().splitlines()
        except (OSError, UnicodeDecodeError):
            return []


def _write_private(file: Path, text: str, unroot: Unroot | None) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    if unroot is not None:
        unroot.give(file)
