"""The folder that holds the learner's `app` package, and the rules for what may be written there.

A temporary folder by default, so that two kernels never share one; `COURSE_WORKSPACE` keeps the app for uvicorn.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import re
import shutil
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from course_lib.errors import WorkspaceError

FILE_NAME = re.compile(r"[a-z_][a-z0-9_]*\.py")


@functools.cache
def _temporary(process: int) -> Path:  # keyed by the process: a fork must not share, or remove, its parent's folder
    folder = Path(tempfile.mkdtemp(prefix="velvet-rope-"))
    atexit.register(_remove_own, process, folder)
    return folder


def _remove_own(process: int, folder: Path) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


_owner: int | None = None  # the process whose folder its forks use as well


def share() -> Path:
    """Let the forks of this process use its folder, and return it; each has one of its own otherwise."""
    global _owner
    _owner = os.getpid()
    return root()


def root() -> Path:
    """Return the workspace: the folder that contains `app/`, first on `sys.path`."""
    named = os.environ.get("COURSE_WORKSPACE")
    folder = Path(named).expanduser().resolve() if named else _temporary(_owner or os.getpid())
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return folder


def checked_name(name: str) -> str:
    """Return `name` when it may be a file of the app; raise `WorkspaceError` when not."""
    if not FILE_NAME.fullmatch(name):
        raise WorkspaceError(
            f"a file of the app is named like items.py (lower case, no folder), got {name!r}; change the first line"
        )
    return name


def app_file(name: str) -> Path:
    """Return where the app's file `name` is, or will be."""
    return root() / "app" / checked_name(name)


def read(name: str) -> str | None:
    """Return the text of the app's file `name`, or None when it does not exist yet."""
    path = app_file(name)
    try:  # bytes that are no text are replaced, so such a file equals no version of ours and is kept aside
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
    except OSError as error:
        raise WorkspaceError(f"app/{name} cannot be read ({error.strerror or error}); check its permissions") from error


def write(name: str, text: str) -> None:
    """Write the app's file `name` whole or not at all; raise `WorkspaceError` when the disk refuses."""
    target = app_file(name)
    temporary = target.with_name(f".{name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        (target.parent / "__init__.py").touch()
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise WorkspaceError(
            f"app/{name} was not written ({error.strerror or error}); make room, or set COURSE_WORKSPACE to a folder "
            "you may write to"
        ) from error


def clear(names: set[str], known: dict[str, set[str]]) -> list[Path]:
    """Remove the app files `names`; a file whose text is in none of its `known` versions is kept aside, dated.

    Return where those were kept.
    """
    kept = []
    for name in sorted(names):
        text = read(name)
        if text is None:
            continue
        path = app_file(name)
        try:
            if text not in known.get(name, set()):
                kept.append(_aside(name))
                kept[-1].parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, kept[-1])
            path.unlink()
        except OSError as error:
            raise WorkspaceError(
                f"app/{name} could not be replaced ({error.strerror or error}); close what uses it, then run it again"
            ) from error
    return kept


def _aside(name: str) -> Path:
    """Return a dated path that is free; two replays may share a second."""
    dated = root() / "kept" / datetime.now().strftime("%Y%m%d-%H%M%S")
    free, number = dated, 1
    while (free / name).exists():
        number += 1
        free = dated.with_name(f"{dated.name}-{number}")
    return free / name
