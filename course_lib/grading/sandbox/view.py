"""The paths a child sees, all of them read-only: never a whole disk with holes, but a list of what it needs.

Neither a home, nor /proc, nor the solutions are on it; what is hidden stays hidden inside a folder that is shown.
"""

from __future__ import annotations

import functools
import os
import site
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import course_lib
from course_lib.locations import course_root

PACKAGE = Path(course_lib.__file__).parent
SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/share", "/usr/local/lib", "/lib", "/lib64")  # no programs: none may start
PREFIXED = ("lib", "lib64", "share", "ssl")  # of the interpreter; conda keeps certificates and time zones in its own
# one by one: the folder holds shadow, which a root judge's child could read
ETC = (
    *("group", "hosts", "ld.so.cache", "localtime", "mime.types", "nsswitch.conf", "os-release", "passwd"),
    *("protocols", "services", "timezone"),
    *("crypto-policies", "pki/ca-trust", "pki/tls/certs", "ssl/certs", "ssl/cert.pem", "ssl/openssl.cnf"),
)
DEVICES = tuple(Path("/dev", name) for name in ("full", "null", "random", "urandom", "zero"))


@dataclass(frozen=True)
class View:
    """Files and folders that can be read, and folders of which only the names can."""

    shown: tuple[Path, ...] = ()
    listed: tuple[Path, ...] = ()

    def __add__(self, other: View) -> View:
        return View(_outermost((*self.shown, *other.shown)), (*self.listed, *other.listed))


def view_of(roots: Iterable[Path], hidden: Collection[Path]) -> View:
    """Return a view of `roots` without what is `hidden`; a root that cannot be read is left out."""
    secrets = {path.resolve() for path in (*hidden, *_secrets())}
    found = [path for root in roots for path in {root.absolute(), root.resolve()} if os.access(path, os.R_OK)]
    listed: list[Path] = []
    return View(_outermost(path for root in found for path in _parts(root, secrets, listed)), tuple(listed))


@functools.lru_cache
def standard_view(hidden: tuple[Path, ...] = ()) -> View:
    """Return what every answer needs; looked up once, for a warm process asks for every child."""
    return view_of([*map(Path, SYSTEM), *(Path("/etc", name) for name in ETC), *_interpreter(), PACKAGE], hidden)


def _interpreter() -> Iterator[Path]:
    for prefix in {sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix}:
        yield from (Path(prefix, name) for name in PREFIXED)
    yield from map(Path, site.getsitepackages())
    if site.ENABLE_USER_SITE:
        yield Path(site.getusersitepackages())


def _secrets() -> tuple[Path, ...]:
    return course_root() / "solutions", PACKAGE / "study" / "bank"


def _parts(root: Path, secrets: Collection[Path], listed: list[Path]) -> Iterator[Path]:
    """Yield the largest parts of `root` that hold no secret; note in `listed` each folder that is not shown whole."""
    real = root.resolve()
    if any(real.is_relative_to(secret) for secret in secrets):
        return
    if not any(secret.is_relative_to(real) for secret in secrets):
        yield root
        return
    listed.append(root)
    for part in sorted(root.iterdir()):
        if not part.is_symlink():  # it may lead anywhere
            yield from _parts(part, secrets, listed)


def _outermost(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return `paths` in order, without those that lie inside another one."""
    found: list[Path] = []
    for path in sorted(set(paths)):  # a folder stands before what is in it
        if not any(path.is_relative_to(outer) for outer in found[-1:]):
            found.append(path)
    return tuple(found)
