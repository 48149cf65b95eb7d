"""The folders of the private servers: what is kept between days, what lives for one supervisor, where sockets go.

A folder serves one choice of servers (the `COURSE_*` variables), so that two choices never share a data folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # Any: JSON

from course_lib.databases import certificates
from course_lib.databases.certificates import Certificates
from course_lib.databases.unroot import Unroot
from course_lib.errors import ServerError
from course_lib.locations import state_folder

PROTOCOL = 1  # of the lease; a process of an older course starts a supervisor of its own
CHOICES = (
    *("COURSE_PG_URL", "COURSE_PG_BIN", "COURSE_PG_CA"),
    *("COURSE_MYSQL_URL", "COURSE_MYSQL_BIN", "COURSE_MYSQL_CA"),
    *("COURSE_PGBOUNCER_URL", "COURSE_PGBOUNCER_BIN", "COURSE_UNROOT"),
)
ROOM_MB = 100  # a new data folder takes 40, and a lesson's tables want some as well
LONGEST_SOCKET = 107 if sys.platform == "linux" else 103  # bytes of a path socket's name (sun_path)
SOCKET_NAME = ".s.PGSQL.65535"  # the longest that PostgreSQL makes


@dataclass(frozen=True)
class Home:
    """Where one supervisor and its servers keep their files."""

    runtime: Path  # run.json, logs, settings
    data: Path  # the data folders, kept between days
    sockets: Path  # short, because the name of a path socket may not be long
    identity: str  # 6 hex digits in the name of every database we make, also on a server that is not ours
    unroot: Unroot
    certificates: Certificates


def run_folder() -> tuple[Path, str]:
    """Return the folder for the present choice of servers, made if need be, and a line to show (mostly empty)."""
    choice = json.dumps([PROTOCOL, *(os.environ.get(name, "") for name in CHOICES)])
    return private_folder(hashlib.sha256(choice.encode()).hexdigest()[:8])


def private_folder(name: str) -> tuple[Path, str]:
    """Return the folder `name` of the state folder, made for us alone if need be, and a line to show (mostly empty).

    Where the state folder cannot be written (a read-only home) a temporary one takes its place.
    """
    wanted = state_folder()
    try:
        return _private(wanted / name), ""
    except OSError as error:
        uid = os.getuid() if hasattr(os, "getuid") else "user"
        instead = Path(tempfile.gettempdir()) / f"velvet-rope-servers-{uid}"
        line = f"cannot write in {wanted} ({error.strerror}); servers are kept in {instead}, and not between days"
    try:
        _is_ours(_private(instead))
        return _private(instead / name), line
    except OSError as error:
        raise ServerError(f"{line}, but that failed too ({error.strerror}); set COURSE_STATE_DIR") from error


def _private(folder: Path) -> Path:
    """Make `folder` for us alone, and see that a file can be written in it."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    probe = folder / f".probe-{secrets.token_hex(4)}"
    probe.touch()
    probe.unlink()
    return folder


def _is_ours(folder: Path) -> None:
    """Refuse a folder in a shared place that somebody else made (it would hold our password)."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        raise PermissionError(1, "belongs to somebody else", str(folder))


def announce(file: Path, content: dict[str, Any]) -> None:
    """Write a run.json, whole and for our eyes only: who can read it is let in."""
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as stream:
        json.dump(content, stream)
    part.replace(file)


def open_home(runtime: Path, unroot: Unroot) -> Home:
    """Return the folders of a supervisor that owns `runtime`, all of them made.

    Raises `ServerError` where a path socket's name would be too long.
    """
    where = _short_name(runtime)
    base = runtime
    if unroot.mode == "nobody":  # the servers' user cannot enter a folder of ours
        base = Path(tempfile.gettempdir()) / f"velvet-rope-{where}"
        base.mkdir(mode=0o711, exist_ok=True)
        _is_ours(base)
        base.chmod(0o711)
    data = base / "data"
    keys = base / "keys"
    for folder in (data, keys):
        folder.mkdir(exist_ok=True, mode=0o700)
        unroot.give(folder)
    made = certificates.make(keys)
    unroot.give(*keys.iterdir())
    logs = runtime if base == runtime else base / "run"
    logs.mkdir(exist_ok=True, mode=0o700)
    unroot.give(logs)
    return Home(logs, data, _sockets(base, where, unroot), _identity(runtime), unroot, made)


def _short_name(runtime: Path) -> str:
    return hashlib.sha256(str(runtime).encode()).hexdigest()[:6]


def _identity(runtime: Path) -> str:
    file = runtime / "identity"
    if not file.exists():
        file.write_text(secrets.token_hex(3))
    return file.read_text().strip()


def _sockets(base: Path, name: str, unroot: Unroot) -> Path:
    """Return a folder for path sockets: beside our files where their names are short enough, else a temporary one."""
    temporary = (Path(place) / f"c-{name}" for place in dict.fromkeys((tempfile.gettempdir(), "/tmp")))
    places = [base / "s", *temporary]
    lengths = [len(os.fsencode(place / SOCKET_NAME)) for place in places]
    folder = next((place for place, length in zip(places, lengths, strict=True) if length <= LONGEST_SOCKET), None)
    if folder is None:
        raise ServerError(
            f"expected a socket name of at most {LONGEST_SOCKET} bytes, got {min(lengths)} at best; "
            "set TMPDIR to a shorter path"
        )
    shutil.rmtree(folder, ignore_errors=True)  # sockets of a supervisor that was killed
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:  # somebody else's, or a file
        folder = Path(tempfile.mkdtemp(prefix="c-", dir=folder.parent))
    unroot.give(folder)
    return folder


def unwritable(folder: Path, error: OSError) -> ServerError:
    """Return what to raise when a file of ours in `folder` cannot be written (a full disk, mostly)."""
    why = error.strerror or error
    return ServerError(f"cannot write in {folder} ({why}); make room, or set COURSE_STATE_DIR to another disk")


def check_room(folder: Path) -> None:
    """Raise `ServerError` unless the disk of `folder` has room for a new data folder."""
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < ROOM_MB:
        raise ServerError(
            f"disk full: {ROOM_MB} MB needed in {folder}, {free_mb} MB free; "
            "make room, or set COURSE_STATE_DIR to another disk"
        )


def move_aside(folder: Path) -> Path:
    """Rename a data folder that does not start, so that a new one can be made; only the newest such is kept."""
    for older in folder.parent.glob(f"{folder.name}.broken-*"):
        shutil.rmtree(older, ignore_errors=True)
    aside = folder.with_name(f"{folder.name}.broken-{secrets.token_hex(2)}")
    folder.rename(aside)
    return aside
