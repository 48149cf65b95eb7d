"""The data folder of a private MariaDB: made by mariadb-install-db, kept between days, and never served twice.

It may be ruined, because nothing waits for the disk, or left by a server that was killed: both are mended here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
from pathlib import Path
from typing import Any  # Any: psutil ships no types

from course_lib.databases.binaries import Binaries
from course_lib.databases.place import Login
from course_lib.databases.process import KILL, Escalation, run_tool
from course_lib.databases.state import Home, check_room
from course_lib.databases.unroot import is_root

INSTALL_S = 120.0  # 0.7 s on a quiet machine, 11 s were seen on a loaded one
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
# of the files, so of the folder: 22 MB instead of 114; and no waiting for the disk
STORAGE = (
    "--innodb-log-file-size=4M",
    "--aria-log-file-size=8M",
    "--loose-innodb-flush-method=nosync",  # loose: a version that does not know it goes on without
    "--character-set-server=utf8mb4",  # the default is latin1, which most names of the world do not fit in
    "--collation-server=utf8mb4_unicode_ci",
    "--skip-name-resolve",
)
INSTALL = ("--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-buffer-pool-size=8M")
SETTINGS = (
    "--bind-address=127.0.0.1",
    "--max-connections=40",  # small, because running out of them is a lesson
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-buffer-size=2M",
    "--aria-pagecache-buffer-size=4M",
    "--key-buffer-size=1M",
    "--table-open-cache=200",
    "--table-definition-cache=400",
    "--open-files-limit=1024",
    "--innodb-flush-log-at-trx-commit=0",  # a database that is made anew in a second need not survive a power cut
    "--innodb-buffer-pool-dump-at-shutdown=OFF",
    "--innodb-buffer-pool-load-at-startup=OFF",
    "--loose-innodb-temp-data-file-path=ibtmp1:1M:autoextend",  # the default writes 12 MB at each start,
    "--innodb-autoextend-increment=4",  # and 64 more when they are full
    "--performance-schema=OFF",
    "--local-infile=OFF",
    "--default-time-zone=+00:00",
    "--log-warnings=1",  # not a line for each client that was killed
)
STOP: Escalation = ((signal.SIGTERM, 5.0), (KILL, 5.0))  # it does not listen to SIGINT


class DataFolder:
    """One data folder and the server's options for it."""

    def __init__(self, home: Home, binaries: Binaries) -> None:
        self.home = home
        self.binaries = binaries
        key = hashlib.sha256(repr((str(binaries.program), STORAGE, INSTALL)).encode()).hexdigest()[:6]
        self.folder = home.data / f"mariadb{'.'.join(map(str, binaries.version[:2]))}-{key}"
        self.socket = home.sockets / "mysql.sock"
        self._pid_file = self.folder / "course.pid"
        self._first_statements = home.runtime / "mariadb-first.sql"

    @property
    def exists(self) -> bool:
        """Say whether there is a whole folder."""
        return (self.folder / "mysql").is_dir() and (self.folder / "ibdata1").is_file()

    async def make(self) -> None:
        """Make the system tables; the folder gets its name when it is complete. Raises `ServerError` (disk, tool)."""
        check_room(self.home.data)
        making = self.folder.with_name(f"{self.folder.name}.making")
        shutil.rmtree(making, ignore_errors=True)
        # no --user for the tool, ever: as root it would change the owner of a file of the system
        tool = self.binaries.programs["mariadb-install-db"]
        try:
            await run_tool(
                "mariadb-install-db",
                [tool, *self._places(making), *STORAGE, *INSTALL],
                unroot=self.home.unroot,
                environment=ENVIRONMENT,
                timeout=INSTALL_S,
                log=self.home.runtime / "mariadb-install-db.log",
            )
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        making.rename(self.folder)

    def argv(self, port: int) -> list[str | Path]:
        """Return the command that serves this folder on `port`."""
        keys = self.home.certificates
        is_plain_root = self.home.unroot.mode == "plain" and is_root()
        return [
            self.binaries.program,
            *self._places(self.folder),
            *STORAGE,
            *SETTINGS,
            f"--port={port}",
            f"--socket={self.socket}",
            f"--pid-file={self._pid_file}",
            f"--init-file={self._first_statements}",
            f"--tmpdir={self.home.runtime}",
            f"--ssl-cert={keys.certificate}",
            f"--ssl-key={keys.key}",
            *(["--user=root"] if is_plain_root else []),
        ]

    def announce(self, admin: Login) -> None:
        """Write what the server does before it lets anybody in: nobody but `admin` may log in any more."""
        tables = ("global_priv", "db", "procs_priv", "proxies_priv")
        lines = [f"DELETE FROM mysql.{table} WHERE User <> 'mariadb.sys'" for table in tables]
        lines.append("FLUSH PRIVILEGES")
        for account in (f"'{admin.user}'@'{host}'" for host in ("localhost", "127.0.0.1")):
            lines.append(f"CREATE USER {account} IDENTIFIED BY '{admin.password}'")
            lines.append(f"GRANT ALL ON *.* TO {account} WITH GRANT OPTION")
        self.forget_announcement()
        with os.fdopen(os.open(self._first_statements, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as stream:
            stream.write("".join(f"{line};\n" for line in lines))
        self.home.unroot.give(self._first_statements)

    def forget_announcement(self) -> None:
        """Remove the file with the admin's password."""
        self._first_statements.unlink(missing_ok=True)

    def serving_pid(self) -> int | None:
        """Return the process id of the server that has its port, else None; it writes the file after that."""
        with contextlib.suppress(OSError, ValueError):
            return int(self._pid_file.read_text())
        return None

    def reap(self) -> None:
        """End a server that outlived its supervisor, and remove what says that one runs. Blocks some seconds."""
        import psutil

        process = self.orphan()
        for number, seconds in STOP if process is not None else ():
            try:
                process.send_signal(number)
                process.wait(seconds)
                break
            except psutil.TimeoutExpired:
                continue
            except psutil.Error:
                break
        self.clear()

    def orphan(self) -> Any:
        """Return the process (psutil's) of a server that still runs on this folder, or None.

        A number in a stale file may belong to anybody by now, so the process must name this folder.
        """
        import psutil  # imported here: asked for only when a file was left behind

        with contextlib.suppress(psutil.Error, OSError):
            process = psutil.Process(self.serving_pid() or 0)
            if f"--datadir={self.folder}" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def clear(self) -> None:
        """Remove what a server that was killed leaves beside its data."""
        self._pid_file.unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)

    def _places(self, folder: Path) -> list[str]:
        return ["--no-defaults", f"--basedir={self.binaries.basedir}", f"--datadir={folder}"]
