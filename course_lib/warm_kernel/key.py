"""What a warm process is good for: its interpreter, the packages it imported, and the settings it started with.

A kernel is forked only from a process with its own key, so that nothing but its start differs from a normal kernel.
"""

from __future__ import annotations

import hashlib
import json
import os
import site
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

NAMES = ("DISPLAY", "HOME", "JUPYTER_ALLOW_INSECURE_WRITES", "LANG", "LANGUAGE", "TZ")
# read by the loader, by Python before its first line, or by a module of the stack while it is imported
PREFIXES = (
    *("COVERAGE_", "DEBUG", "GEVENT_", "IPYTHON_", "LC_", "LD_", "OTEL_", "PYDANTIC_", "PYDEVD_", "PYTHON", "PYZMQ_"),
    *("SQLALCHEMY_", "TORNADO_", "TRAITLETS_", "XDG_"),
)


def start_environment(asked: Mapping[str, str], cwd: str) -> dict[str, str]:
    """Return the part of a kernel's environment that a warm process starts with; the rest comes with the fork."""
    kept = {name: value for name, value in asked.items() if name in NAMES or name.startswith(PREFIXES)}
    if kept.get("PYTHONPATH"):  # a folder that is named as seen from the kernel
        kept["PYTHONPATH"] = os.pathsep.join(os.path.join(cwd, part) for part in kept["PYTHONPATH"].split(os.pathsep))
    return kept


def key_of(environment: Mapping[str, str]) -> str:
    """Return the key of a warm process that we start with `environment`: what is installed, and its settings."""
    return f"{versions()}-{_short([sorted(environment.items()), _inherited()])}"


def versions() -> str:
    """Return a mark of this interpreter, of the packages it finds, and of this room's own files."""
    return _short([sys.version, sys.executable, list(_packages()), list(_room())])


def _short(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]


def _inherited() -> list[object]:
    """Return what a process has from who started it: machine and container (a home may be shared), rights, limits."""
    import resource  # imported here: Windows has no such module

    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    spaces = sorted(os.readlink(entry) for entry in Path("/proc/self/ns").iterdir())
    umask = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Umask")]
    limits = [resource.getrlimit(number) for name, number in vars(resource).items() if name.startswith("RLIMIT_")]
    users = [os.getresuid(), os.getresgid(), sorted(os.getgroups())]
    return [boot, spaces, umask, limits, users, os.nice(0), sorted(os.sched_getaffinity(0))]


def _packages() -> Iterator[tuple[str, int]]:
    """Yield the name, which holds the version, and the time of each installed package."""
    folders = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    for folder in sorted({folder for folder in folders if os.path.isdir(folder)}):
        with os.scandir(folder) as entries:
            yield from sorted((e.name, e.stat().st_mtime_ns) for e in entries if e.name.endswith(".dist-info"))


def _room() -> Iterator[tuple[str, int]]:
    """Yield the files of this room: a kernel imports every other of the course itself."""
    for path in sorted(Path(__file__).parent.glob("*.py")):
        yield path.name, path.stat().st_mtime_ns
