"""Servers run by root: real namespaces, the real user nobody, and places where neither is allowed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_lib.databases import binaries, unroot, wheels
from course_lib.databases.binaries import Binaries
from course_lib.databases.unroot import Mode, Unroot, choose, complaint, nobody, readable_copy
from course_lib.errors import ServerError

ROOT = Path(__file__).parent.parent.parent
NO_WAY = "cannot run PostgreSQL as root here (no user namespaces, no setuid); use COURSE_PG_URL"
CHOOSE = "from course_lib.databases import unroot\nprint(unroot.choose().mode)"

as_root = pytest.mark.skipif(not unroot.is_root(), reason="only root can become another user")
linux = pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's own")


@pytest.fixture(autouse=True)
def unforced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests, not their caller, force a mode."""
    monkeypatch.delenv("COURSE_UNROOT", raising=False)


@pytest.fixture
def namespaces() -> None:
    """Skip where the machine blocks user namespaces."""
    reason = complaint(Unroot("userns"))
    if reason:
        pytest.skip(f"no user namespaces here: {reason}")


def run(way: Unroot, *argv: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program in this way."""
    return subprocess.run(way.command(argv), capture_output=True, text=True, timeout=60, **way.options())


def python(*before: str, code: str = CHOOSE) -> str:
    """Run `code` in another process, started by the program `before`; return what it said last."""
    command = [*before, sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def test_plain_mode_changes_nothing(tmp_path: Path) -> None:
    plain = Unroot()
    assert plain.command(["postgres", Path("-V")]) == ["postgres", "-V"]
    assert plain.options() == {}
    assert plain.is_private
    plain.give(tmp_path)
    assert tmp_path.stat().st_uid == os.getuid()


def test_ordinary_user_runs_servers_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert choose() == Unroot("plain")


@as_root
def test_real_ordinary_user_runs_servers_plainly() -> None:
    """As uid 65534, with whatever Python that user may run."""
    user = Unroot("nobody")
    pythons = [path for name in (sys.executable, "/usr/bin/python3") if user.may_run(path := Path(name))]
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nassert sys.version_info >= (3, 11)\n"
    usable = [one for one in pythons if run(user, one, "-c", code + "import course_lib.databases").returncode == 0]
    if not usable:
        pytest.skip("the user nobody can run no Python 3.11 that sees the course")
    found = run(
        user, usable[0], "-c", f"{code}{CHOOSE}; from course_lib.databases import binaries; binaries.look('pgbouncer')"
    )
    assert found.stderr == ""
    assert found.stdout == "plain\n"


@as_root
@linux
@pytest.mark.usefixtures("namespaces")
def test_root_prefers_a_namespace() -> None:
    way = choose()
    assert way == Unroot("userns")
    assert run(way, "id", "-u").stdout == f"{nobody()[0]}\n"


@linux
@pytest.mark.usefixtures("namespaces")
def test_process_id_is_the_servers_own() -> None:
    command = Unroot("userns").command(["/bin/sh", "-c", "echo $$"])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said, _ = process.communicate(timeout=30)
    assert int(said) == process.pid


@linux
@pytest.mark.usefixtures("namespaces")
def test_namespace_reads_what_only_we_may_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("gin")
    secret.chmod(0o600)
    tmp_path.chmod(0o700)
    way = Unroot("userns")
    way.give(secret)
    assert way.is_private
    assert run(way, "cat", secret).stdout == "gin"
    assert secret.stat().st_uid == os.getuid()


@as_root
def test_root_without_unshare_becomes_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert complaint(Unroot("userns")) == "unshare: No such file or directory"
    assert choose() == Unroot("nobody")


@as_root
def test_root_with_forbidden_namespaces_becomes_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    says = "unshare: unshare failed: Operation not permitted"
    (tmp_path / "unshare").write_text(f"#!/bin/sh\necho {says!r} >&2\nexit 1\n")
    (tmp_path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert complaint(Unroot("userns")) == says
    assert choose() == Unroot("nobody")


@as_root
def test_forced_nobody_is_another_user_in_a_folder_it_may_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_UNROOT", "nobody")
    way = choose()
    assert way == Unroot("nobody")
    assert not way.is_private
    assert run(way, "/bin/sh", "-c", "id -u; id -G; pwd").stdout.split() == [*map(str, nobody()), "/"]


@as_root
def test_nobody_is_given_files(tmp_path: Path) -> None:
    file, folder = tmp_path / "log", tmp_path / "data"
    file.touch()
    folder.mkdir()
    Unroot("nobody").give(file, folder)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in (file, folder)} == {nobody()}


@pytest.fixture
def without_rights() -> list[str]:
    """Return what starts a program as root without a single right of root's."""
    setpriv = shutil.which("setpriv")
    if not setpriv or not unroot.is_root():
        pytest.skip("needs root, and setpriv of util-linux")
    return [setpriv, "--bounding-set=-all", "--inh-caps=-all"]


def test_refused_gift_is_one_sentence(without_rights: list[str], tmp_path: Path) -> None:
    code = f"from course_lib.databases.unroot import *\nUnroot('nobody').give(Path({str(tmp_path)!r}))"
    assert python(*without_rights, code=code) == (
        f"course_lib.errors.ServerError: cannot give {tmp_path} to the user nobody (Operation not permitted); "
        "set COURSE_STATE_DIR to a folder on a local disk"
    )


def test_root_without_capabilities_is_told_in_one_sentence(without_rights: list[str]) -> None:
    assert python(*without_rights) == f"course_lib.errors.ServerError: {NO_WAY}"


@linux
@pytest.mark.usefixtures("namespaces")
def test_root_of_a_container_without_users_is_told_in_one_sentence() -> None:
    """A container whose only user is root, and that may not make another one."""
    start = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    said = python("unshare", "--user", "--map-root-user", "/bin/sh", "-c", start, "sh")
    if "cannot create /proc/sys" in said:
        pytest.skip(f"this machine does not let us forbid namespaces: {said}")
    assert said == f"course_lib.errors.ServerError: {NO_WAY}"


@linux
def test_forced_mode_that_does_not_work_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("COURSE_UNROOT", "userns")
    with pytest.raises(ServerError) as caught:
        choose()
    assert str(caught.value) == (
        "COURSE_UNROOT=userns does not work here (unshare: No such file or directory); unset it: the course chooses"
    )


def test_forced_plain_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_UNROOT", "plain")
    assert choose() == Unroot("plain")


def test_unknown_mode_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_UNROOT", "docker")
    with pytest.raises(ServerError) as caught:
        choose()
    assert str(caught.value) == (
        "COURSE_UNROOT must be plain, userns or nobody, got 'docker'; unset it: the course chooses"
    )


def test_system_without_a_user_nobody_has_the_kernels_number(monkeypatch: pytest.MonkeyPatch) -> None:
    pwd = pytest.importorskip("pwd", reason="Windows has no list of users")

    def refuse(name: str) -> object:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", refuse)
    assert nobody() == (65534, 65534)


def test_hanging_probe_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "unshare").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    (tmp_path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(unroot, "PROBE_S", 0.2)
    assert complaint(Unroot("userns")) == f"{tmp_path / 'unshare'}: no answer within 0.2 s"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that nobody can enter; not pytest's, which other runs of pytest close again."""
    with tempfile.TemporaryDirectory(prefix="course-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if not Unroot("nobody").may_run(folder):
            pytest.skip(f"the user nobody cannot enter {folder.parent}")
        yield folder


@pytest.fixture
def hidden(open_folder: Path) -> Binaries:
    """Return a whole PostgreSQL in a folder that only its owner can enter, as in root's home."""
    found = binaries.find("postgres")
    if not found.source.startswith("package"):
        pytest.skip(f"needs {wheels.advice()}, whose folder can be copied whole")
    home = open_folder / "home"
    shutil.copytree(found.basedir, home / "pg", symlinks=True)
    home.chmod(0o700)
    programs = {name: home / "pg" / "bin" / name for name in found.programs}
    return Binaries("postgres", programs, found.version, "COURSE_PG_BIN")


@as_root
@pytest.mark.postgres
@pytest.mark.parametrize("mode", ["userns", "nobody"])
def test_initdb_of_a_hidden_server_works(hidden: Binaries, open_folder: Path, mode: Mode) -> None:
    way = Unroot(mode)
    reason = complaint(way)
    if reason:
        pytest.skip(f"mode {mode} does not work here: {reason}")
    usable = readable_copy(hidden, way, open_folder / "copies")
    assert (usable == hidden) == way.is_private
    data = open_folder / "data"
    data.mkdir(mode=0o700)
    way.give(data)
    done = run(way, usable.programs["initdb"], "-D", data, "-U", "course_admin", "--no-locale", "-N", "-A", "reject")
    assert done.returncode == 0, done.stderr
    assert (data / "PG_VERSION").read_text().strip() == str(hidden.version[0])


@as_root
@pytest.mark.postgres
def test_copy_is_made_once_and_cannot_be_changed_by_the_server(hidden: Binaries, open_folder: Path) -> None:
    way = Unroot("nobody")
    first = readable_copy(hidden, way, open_folder / "copies")
    made = first.basedir.stat()
    assert readable_copy(hidden, way, open_folder / "copies") == first
    assert first.basedir.stat().st_ino == made.st_ino
    assert [path.name for path in (open_folder / "copies").iterdir()] == [first.basedir.name]
    assert made.st_uid == 0
    assert first.program.stat().st_mode & 0o022 == 0


@as_root
@pytest.mark.postgres
def test_readable_server_is_not_copied(hidden: Binaries, open_folder: Path) -> None:
    (open_folder / "home").chmod(0o755)
    assert readable_copy(hidden, Unroot("nobody"), open_folder / "copies") is hidden
    assert not (open_folder / "copies").exists()


@as_root
@pytest.mark.pgbouncer
def test_lone_program_is_copied_alone(open_folder: Path) -> None:
    found = binaries.find("pgbouncer")
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    (open_folder / "other").touch()
    program = Path(shutil.copy(found.program, home))
    lone = Binaries("pgbouncer", {"pgbouncer": program}, found.version, "COURSE_PGBOUNCER_BIN")
    copied = readable_copy(lone, Unroot("nobody"), open_folder / "copies")
    assert run(Unroot("nobody"), copied.program, "--version").stdout.startswith(f"PgBouncer {found.release}")
    assert [path.name for path in copied.program.parent.iterdir()] == ["pgbouncer"]


@as_root
def test_whole_environment_is_not_copied(open_folder: Path) -> None:
    home = open_folder / "home"
    (home / "bin").mkdir(parents=True)
    home.chmod(0o700)
    (home / "bin" / "postgres").write_text("#!/bin/sh\n")
    with (home / "library").open("wb") as big:
        big.truncate(500_000_000)  # a hole: it takes no room
    huge = Binaries("postgres", {"postgres": home / "bin" / "postgres"}, (17, 10), "conda")
    with pytest.raises(ServerError) as caught:
        readable_copy(huge, Unroot("nobody"), open_folder / "copies")
    assert str(caught.value) == (
        f"the user nobody cannot read {home}/bin/postgres, and 500 MB beside it are too many to copy; "
        "install the server in a folder everybody may read"
    )


@as_root
def test_copy_that_does_not_run_is_one_sentence(open_folder: Path) -> None:
    home = open_folder / "home"
    (home / "bin").mkdir(parents=True)
    home.chmod(0o700)
    program = home / "bin" / "postgres"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    broken = Binaries("postgres", {"postgres": program}, (17, 10), "COURSE_PG_BIN")
    with pytest.raises(ServerError) as caught:
        readable_copy(broken, Unroot("nobody"), open_folder / "copies")
    (copy,) = (open_folder / "copies").iterdir()
    assert str(caught.value) == (
        f"the user nobody can run neither {program} nor its copy in {copy}; "
        "set COURSE_STATE_DIR to a folder everybody may enter"
    )
