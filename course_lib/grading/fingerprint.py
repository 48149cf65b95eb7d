"""What a verdict depends on beside the submission: course, exercises, libraries and options, as short texts.

A journal is continued only where all of them agree; a verdict of another course would be a wrong one.
"""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import course_lib
from course_lib.locations import course_root
from course_lib.study.store import course_version

LIBRARIES = ("fastapi", "starlette", "httpx", "sqlalchemy", "aiosqlite", "asyncpg", "ipython")


def fingerprint(**options: object) -> dict[str, str]:
    """Return what to compare, by a name that a sentence can use."""
    code = sorted(Path(course_lib.__file__).parent.rglob("*.py"))
    return {
        "course version": f"{course_version()} {_digest(code)}",
        "exercises": _digest(sorted((course_root() / "solutions").glob("*.ipynb"))),
        "libraries": ", ".join([f"python {platform.python_version()}", *map(_installed, LIBRARIES)]),
        **{f"--{name.replace('_', '-')}": str(value) for name, value in options.items()},
    }


def _digest(files: list[Path]) -> str:
    hashed = hashlib.sha256()
    for path in files:
        hashed.update(f"{path.name} {path.stat().st_size}\n".encode())
        hashed.update(path.read_bytes())
    return hashed.hexdigest()[:16]


def _installed(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"
