"""How a database server is run by root: in a user namespace, or as the user nobody.

Containers and hosted notebooks run as root, which PostgreSQL and PgBouncer refuse; no user is made for them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args  # Any: what Popen accepts

from course_lib.errors import ServerError

if TYPE_CHECKING:
    from course_lib.databases.binaries import Binaries

Mode = Literal["plain", "userns", "nobody"]

OVERFLOW_ID = 65534  # what the kernel calls nobody, where the list of users has no such name
PROBE_S = 5.0
COPY_LIMIT_MB = 400  # a server's folder has 40 to 120; more is a whole conda environment


@dataclass(frozen=True)
class Unroot:
    """One way to run a server; `choose` finds the one that works here."""

    mode: Mode = "plain"

    @property
    def is_private(self) -> bool:
        """Say whether the server may read what only we may read; if not, files are given to it, or world-readable."""
        return self.mode != "nobody"

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """Return what to start in place of `argv`; its process id is the server's own."""
        words = [os.fspath(word) for word in argv]
        if self.mode != "userns":
            return words
        uid, gid = nobody()
        # an absolute path: the server's environment may have another PATH than ours
        unshare = shutil.which("unshare") or "unshare"
        return [unshare, "--user", f"--map-user={uid}", f"--map-group={gid}", "--", *words]

    def options(self) -> dict[str, Any]:
        """Return what `Popen` needs beside the command."""
        if self.mode != "nobody":
            return {}
        uid, gid = nobody()
        # cwd: a server looks at its working folder, and nobody may not enter root's
        return {"user": uid, "group": gid, "extra_groups": [], "cwd": "/"}

    def give(self, *paths: Path) -> None:
        """Make the server's user the owner of `paths`, where that is not us; folders without what is in them.

        Raises `ServerError` where the file system refuses (a network disk that does not trust root).
        """
        if self.mode != "nobody":
            return
        for path in paths:
            try:
                os.chown(path, *nobody(), follow_symlinks=False)
            except OSError as error:
                raise ServerError(
                    f"cannot give {path} to the user nobody ({error.strerror}); "
                    "set COURSE_STATE_DIR to a folder on a local disk"
                ) from error

    def may_run(self, *programs: Path) -> bool:
        """Say whether the server's user can execute all `programs`."""
        test = 'for program; do test -r "$program" && test -x "$program" || exit 1; done'
        return not _run(self, ["/bin/sh", "-c", test, "sh", *programs])


def choose() -> Unroot:
    """Return the way that works here; `COURSE_UNROOT` = plain, userns or nobody asks for one of them.

    Raises `ServerError` when none works, or when the one asked for does not.
    """
    wanted = os.environ.get("COURSE_UNROOT")
    if wanted:
        return _forced(wanted)
    if not is_root():
        return Unroot("plain")
    for way in (Unroot("userns"), Unroot("nobody")):
        if not complaint(way):
            return way
    raise ServerError("cannot run PostgreSQL as root here (no user namespaces, no setuid); use COURSE_PG_URL")


def _forced(wanted: str) -> Unroot:
    for mode in get_args(Mode):
        if mode == wanted:
            way = Unroot(mode)
            reason = complaint(way)
            if reason:
                raise ServerError(f"COURSE_UNROOT={wanted} does not work here ({reason}); unset it: the course chooses")
            return way
    raise ServerError(f"COURSE_UNROOT must be plain, userns or nobody, got {wanted!r}; unset it: the course chooses")


def complaint(way: Unroot) -> str:
    """Try `way` and return why it does not work here, or an empty text."""
    if way.mode == "plain":
        return ""
    if way.mode == "userns":
        return _run(way, ["id", "-u"], output=str(nobody()[0]))
    try:
        with tempfile.TemporaryDirectory(prefix="course-unroot-") as folder:
            os.chown(folder, *nobody())
    except OSError as error:
        return f"chown: {error.strerror}"
    reason = _run(way, ["/bin/sh", "-c", ":"])
    return f"setuid: {reason}" if reason else ""


def _run(way: Unroot, argv: Sequence[str | Path], output: str | None = None) -> str:
    """Run `argv` in this way, and return why it failed (or what it said in place of `output`), or an empty text."""
    command = way.command(argv)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_S,
            **way.options(),
        )
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"{command[0]}: no answer within {PROBE_S:g} s"
    said = (done.stderr.strip() or done.stdout.strip()).partition("\n")[0]
    if done.returncode:
        return said or f"exit code {done.returncode}"
    return "" if output is None or done.stdout.strip() == output else f"expected user {output}, got {said}"


def is_root() -> bool:
    """Say whether we are who PostgreSQL refuses to run for."""
    return hasattr(os, "geteuid") and os.geteuid() == 0  # Windows has no such number


def nobody() -> tuple[int, int]:
    """Return the user and group number of nobody."""
    if sys.platform != "win32":
        import pwd  # imported here: Windows has no such module

        try:
            found = pwd.getpwnam("nobody")
        except KeyError:
            return OVERFLOW_ID, OVERFLOW_ID
        return found.pw_uid, found.pw_gid
    return OVERFLOW_ID, OVERFLOW_ID


def readable_copy(binaries: Binaries, unroot: Unroot, folder: Path) -> Binaries:
    """Return binaries the server's user can execute: the same, or a copy in `folder`, which that user can enter.

    Raises `ServerError` where there is too much to copy, or where the copy does not run either.
    """
    if unroot.is_private or _answers(binaries, unroot):
        return binaries
    source = _tree(binaries)
    mark = hashlib.sha256(f"{source} {source.stat().st_mtime_ns}".encode()).hexdigest()[:6]
    target = folder / f"{binaries.kind}-{mark}"
    if not target.exists():
        _check_size(source, binaries)
        _copy(source, target)
    programs = {
        name: target / path.relative_to(source) if path.is_relative_to(source) else path
        for name, path in binaries.programs.items()
    }
    copied = dataclasses.replace(binaries, programs=programs)
    if not _answers(copied, unroot):
        raise ServerError(
            f"the user nobody can run neither {binaries.program} nor its copy in {target}; "
            "set COURSE_STATE_DIR to a folder everybody may enter"
        )
    return copied


def _answers(binaries: Binaries, unroot: Unroot) -> bool:
    """True when the program starts (its libraries are readable as well) and the others may be executed."""
    return not _run(unroot, [binaries.program, "--version"]) and unroot.may_run(*binaries.programs.values())


def _tree(binaries: Binaries) -> Path:
    """Return what to copy: a server's whole folder, because it looks for its libraries beside itself."""
    return binaries.program.parent if binaries.kind == "pgbouncer" else binaries.basedir


def _check_size(source: Path, binaries: Binaries) -> None:
    size_mb = sum(path.lstat().st_size for path in source.rglob("*")) // 1_000_000
    if size_mb > COPY_LIMIT_MB:
        raise ServerError(
            f"the user nobody cannot read {binaries.program}, and {size_mb} MB beside it are too many to copy; "
            "install the server in a folder everybody may read"
        )


def _copy(source: Path, target: Path) -> None:
    """Copy a folder so that everybody can read it and only we can change it; whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    with tempfile.TemporaryDirectory(prefix="copying-", dir=target.parent) as aside:
        copied = Path(aside) / "copy"
        shutil.copytree(source, copied, symlinks=True)
        for path in (copied, *copied.rglob("*")):
            if not path.is_symlink():
                is_program = path.is_dir() or path.stat().st_mode & 0o100
                path.chmod(0o755 if is_program else 0o644)
        copied.rename(target)
