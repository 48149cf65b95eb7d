"""Look at this machine and say what the course needs, what it found, and what to type where something is missing.

A learner's first question after an error is "is it me or my computer?"; lesson 00 and `course doctor` answer it.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from course_lib.errors import ServerError
from course_lib.locations import APP_NAME, course_root, progress_file, state_folder, work_folder

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from course_lib.databases.binaries import Binaries, Look

State = Literal["ok", "not here", "not ok"]

OLDEST, TOO_NEW = (3, 11), (3, 15)  # pyproject's requires-python
OLDEST_SQLITE = (3, 35)  # the first with RETURNING, which SQLAlchemy uses for new rows
ENOUGH_MB = 300  # the course's databases, copies and the tools' caches, with room
LAB_PORT = 8888
ZONEINFO = Path("/usr/share/zoneinfo")
SETUP = "type: make setup (with conda: pip install -e .)"
STEPS = {
    "postgres": "type: make setup (it installs a PostgreSQL package)",
    "pgbouncer": "Debian, Ubuntu: apt install pgbouncer; macOS: brew install pgbouncer",
    "mariadb": "Debian, Ubuntu: apt install mariadb-server; macOS: brew install mariadb",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `remedy` is what to do when it is not ok."""

    name: str
    state: State
    detail: str
    remedy: str = ""
    is_needed: bool = True  # lesson 00 cannot run without it

    def __str__(self) -> str:
        return f"{self.name} ok" if self.state == "ok" else f"{self.name}: {self.detail}; {self.remedy}"


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """All findings; its text is one line when brief, one line per thing otherwise."""

    findings: tuple[Finding, ...]
    is_brief: bool

    @property
    def is_healthy(self) -> bool:
        """Say whether lesson 00 can run."""
        return not any(f.is_needed and f.state == "not ok" for f in self.findings)

    def __repr__(self) -> str:
        if self.is_brief:
            return " / ".join(map(str, self.findings))
        texts = (f"{f.name}: {f.state}, {f.detail}" + f"; {f.remedy}" * bool(f.remedy) for f in self.findings)
        return "\n".join(text.replace("\n", "; ") for text in texts)


def doctor(*, brief: bool = False) -> Diagnosis:
    """Look at Python, the packages and SQLite, and unless `brief` at everything else the course uses."""
    first = (python(), packages(), sqlite())
    if brief:
        return Diagnosis(first, is_brief=True)
    folders = (
        writable("work folder", work_folder(), "COURSE_WORK", is_needed=True),
        writable("progress file", progress_file().parent, "COURSE_PROGRESS_DB", is_needed=False),
        writable("course folder", course_root(), "COURSE_ROOT", is_needed=False),
    )
    return Diagnosis((*first, *folders, disk(), loopback(), *servers(), libraries()), is_brief=False)


def locations() -> dict[str, str]:
    """Return every place the course reads or writes, each with the variable that moves it."""
    return {
        "python": sys.executable,
        "course (COURSE_ROOT)": str(course_root()),
        "work (COURSE_WORK)": str(work_folder()),
        "app (COURSE_WORKSPACE)": os.environ.get("COURSE_WORKSPACE") or "a temporary folder per kernel",
        "progress (COURSE_PROGRESS_DB)": str(progress_file()),
        "servers (COURSE_STATE_DIR)": str(state_folder()),
    }


def python() -> Finding:
    """Look at the interpreter that runs this."""
    here = ".".join(map(str, sys.version_info[:3]))
    if OLDEST <= sys.version_info[:2] < TOO_NEW:
        return Finding("Python", "ok", here)
    return Finding("Python", "not ok", f"expected 3.11 to 3.14, got {here}", "type: make setup PYTHON=python3.12")


def packages() -> Finding:
    """Compare the installed packages with what pyproject.toml asks for."""
    try:
        wanted = requirements()
        bad = [complaint for complaint in map(complain, wanted) if complaint]
    except ImportError as error:
        return Finding("packages", "not ok", f"{error.name} is missing", SETUP)
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        return Finding("packages", "not ok", ", ".join(bad[:3]) + more, SETUP)
    return Finding("packages", "ok", f"{len(wanted)} as pyproject.toml asks")


def requirements() -> list[Requirement]:
    """Return what the course needs on this machine: from pyproject.toml, or from the installed package's metadata."""
    import tomllib  # imported here: the brief answer of a healthy machine is asked for in every first cell

    from packaging.requirements import Requirement

    try:
        project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
        lines = project["project"]["dependencies"]
    except (OSError, KeyError, ValueError):
        lines = importlib.metadata.requires(APP_NAME) or []
    found = [Requirement(line) for line in lines]
    return [one for one in found if one.marker is None or one.marker.evaluate({"extra": ""})]


def complain(wanted: Requirement) -> str:
    """Return what is wrong with one package, or an empty text."""
    try:
        version = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return f"{wanted.name} is missing"
    return "" if wanted.specifier.contains(version, prereleases=True) else f"{wanted.name} {version} is too old"


def sqlite() -> Finding:
    """Write a row into a real database file and read it back."""
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return Finding("SQLite", "not ok", f"expected 3.35 or newer, got {version}", "use a newer Python, or conda")
    try:
        with tempfile.TemporaryDirectory(prefix="course-doctor-") as folder:
            connection = sqlite3.connect(Path(folder) / "probe.db")
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("CREATE TABLE probe (id INTEGER PRIMARY KEY)")
                row = connection.execute("INSERT INTO probe DEFAULT VALUES RETURNING id").fetchone()
                connection.commit()
            finally:
                connection.close()
    except (OSError, sqlite3.Error) as error:
        remedy = f"make room in {tempfile.gettempdir()}, or set TMPDIR to a folder you may write to"
        return Finding("SQLite", "not ok", f"a write to a temporary file failed ({error})", remedy)
    return Finding("SQLite", "ok" if row == (1,) else "not ok", f"{version}, wrote and read a file")


def writable(name: str, folder: Path, variable: str, *, is_needed: bool) -> Finding:
    """Write a file into `folder`, or into its nearest parent when it does not exist yet."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix=".course-doctor-"):
            return Finding(name, "ok", str(folder), is_needed=is_needed)
    except OSError as error:
        remedy = f"set {variable} to a place you may write to"
        return Finding(name, "not ok", f"cannot write in {there} ({error.strerror})", remedy, is_needed)


def disk() -> Finding:
    """Look at the free space where the work folder is, or will be."""
    folder = work_folder()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free_mb = shutil.disk_usage(there).free // 1_000_000
    if free_mb >= ENOUGH_MB:
        return Finding("disk", "ok", f"{free_mb / 1000:.1f} GB free", is_needed=False)
    return Finding("disk", "not ok", f"expected {ENOUGH_MB} MB free, got {free_mb} MB", "make room", is_needed=False)


def loopback() -> Finding:
    """Connect to a port of our own on 127.0.0.1, and look whether JupyterLab's usual one is free."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 2):
            pass
    except OSError as error:
        remedy = "allow connections to 127.0.0.1 in your firewall or sandbox"
        return Finding("loopback", "not ok", f"no connection to 127.0.0.1 ({error.strerror or error})", remedy)
    try:
        with socket.create_server(("127.0.0.1", LAB_PORT)):
            return Finding("loopback", "ok", f"port {LAB_PORT} is free for JupyterLab")
    except OSError:
        return Finding("loopback", "ok", f"port {LAB_PORT} is taken, JupyterLab will use the next free one")


def servers() -> tuple[Finding, ...]:
    """Try the database servers that some lessons use; every lesson on SQLite goes on without them."""
    from course_lib.databases import binaries  # imported here, as what follows: the brief answer never needs it

    looks = {kind: binaries.look(kind) for kind in binaries.KINDS}
    postgres = next((one.found for one in looks["postgres"] if one.found), None)
    zones = (time_zones(postgres),) if postgres else ()
    return (*(server(kind, seen) for kind, seen in looks.items()), unroot_mode(), *zones)


def server(kind: str, seen: list[Look]) -> Finding:
    """Return the finding for one database server: the one that is used, then every other place and its reason."""
    from course_lib.databases import binaries

    product = binaries.PRODUCTS[kind]
    used = next((one for one in seen if one.found), None)
    state: State = "ok" if used else "not here"
    first = f"{used.found.release} from {used.found.source}, {used.found.program}" if used and used.found else ""
    remedy = "" if used else STEPS[kind]
    if binaries.external(kind):  # never shown: it holds a password
        state, first, remedy = "ok", f"the server that {product.url_variable} names", ""
    elif not used and os.environ.get(product.folder_variable):
        state, remedy = "not ok", f"correct {product.folder_variable} or unset it"
    lines = [first or "lessons on SQLite go on without it", *others(seen, used)]
    return Finding(product.title, state, "\n".join(lines), remedy, is_needed=False)


def others(seen: list[Look], used: Look | None) -> Iterator[str]:
    """Yield a line for each server that is not used, for each that does not run, and one for all empty places."""
    for one in seen:
        if one.found and one is not used:
            yield f"not used: {one.found.release} from {one.found.source}, {one.found.program}"
        if one.is_broken:
            yield f"passed over: {one.place} ({one.reason})"
    empty = [f"{one.place} ({one.reason})" for one in seen if not one.found and not one.is_broken]
    if empty:
        yield f"nothing in: {', '.join(empty)}"


def libraries() -> Finding:
    """Look for the packages of the extra `landscape`; the cells that use them are skipped without them."""
    from course_lib.databases import needs

    kinds = ("mariadb", *needs.LIBRARIES)
    lacking = list(filter(None, map(needs.uninstalled, kinds)))
    if lacking:
        detail = f"lesson 02 goes on without {' and '.join(lacking)}"
        return Finding("libraries", "not here", detail, f"type: {needs.INSTALL}", is_needed=False)
    return Finding("libraries", "ok", f"the {len(kinds)} that lesson 02 compares", is_needed=False)


def unroot_mode() -> Finding:
    """Say as whom the servers run: most of them refuse root."""
    from course_lib.databases import unroot

    name = "servers run as"
    try:
        mode = unroot.choose().mode
    except ServerError as error:
        detail, _, remedy = str(error).partition("; ")
        return Finding(name, "not ok", detail, remedy, is_needed=False)
    who = {"plain": "whoever starts them", "userns": "nobody, in a user namespace", "nobody": "the user nobody"}
    return Finding(name, "ok", f"{who[mode]} (mode {mode})", is_needed=False)


def time_zones(postgres: Binaries) -> Finding:
    """Look for the time zones that most builds of PostgreSQL take from the system."""
    share = postgres.basedir / "share"
    if (share / "timezone").is_dir() or (share / "postgresql" / "timezone").is_dir():
        return Finding("time zones", "ok", "in PostgreSQL's own folder", is_needed=False)
    if (ZONEINFO / "UTC").exists():
        return Finding("time zones", "ok", str(ZONEINFO), is_needed=False)
    detail = f"PostgreSQL reads {ZONEINFO}, which is not there"
    return Finding("time zones", "not ok", detail, "Debian, Ubuntu: apt install tzdata", is_needed=False)
