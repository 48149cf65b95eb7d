"""The set-up on a small course of its own: real environments, real pip and uv, and no network at all.

The packages it installs are packed again from those that are installed here, so their hashes are the test's own.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
NOWHERE = "http://127.0.0.1:9/simple"  # the discard port: nothing listens there, and a refusal comes at once
OUTSIDE = ("PIP_", "UV_", "COV", "PYTHON", "MAKE", "ARGS")  # what this test's own surroundings decide
LOCKS = ("requirements.lock", "requirements-dev.lock")

PYPROJECT = """
[build-system]
requires = ["hatchling", "editables"]
build-backend = "hatchling.build"

[project]
name = "velvet-rope-course"
version = "0"

[project.scripts]
course = "course_lib.cli:main"

[tool.hatch.build.targets.wheel]
packages = ["course_lib"]
"""
CLI = "import sys\n\n\ndef main() -> None:\n    print('course got', *sys.argv[1:])\n"


def load() -> ModuleType:
    """Import bootstrap.py, which is a script and no part of the package."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bootstrap = load()


def with_needs(names: set[str]) -> set[str]:
    """Return the packages and everything they need here."""
    needed = {
        wanted.name
        for line in itertools.chain.from_iterable(metadata.requires(name) or [] for name in names)
        if (wanted := Requirement(line)).marker is None or wanted.marker.evaluate({"extra": ""})
    }
    return names if needed <= names else with_needs(names | needed)


def pack(name: str, folder: Path) -> str:
    """Pack an installed package into a wheel again; return its lines of a lock."""
    found = metadata.distribution(name)
    stem = f"{name.replace('-', '_')}-{found.version}"
    tag = next(line for line in (found.read_text("WHEEL") or "").splitlines() if line.startswith("Tag: "))
    wheel = folder / f"{stem}-{tag.removeprefix('Tag: ')}.whl"
    made_by_pip = {entry.name for entry in found.entry_points}
    record = []
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in found.files or []:
            if file.suffix == ".pyc" or file.name in {"RECORD", "INSTALLER", "REQUESTED"} | made_by_pip:
                continue
            inside = f"{stem}.data/scripts/{file.name}" if ".." in file.parts else str(file)
            archive.write(file.locate(), inside)
            record.append(f"{inside},,\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "".join([*record, f"{stem}.dist-info/RECORD,,\n"]))
    return f"{name}=={found.version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


class Village:
    """A course small enough to set up in seconds, and the environment that keeps it away from every index."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "course"
        self.wheels = folder / "wheels"
        (self.root / "course_lib").mkdir(parents=True)
        self.wheels.mkdir()
        for name in ("bootstrap.py", "Makefile"):
            shutil.copy(ROOT / name, self.root)
        (self.root / "pyproject.toml").write_text(PYPROJECT)
        (self.root / "course_lib" / "__init__.py").touch()
        (self.root / "course_lib" / "cli.py").write_text(CLI)
        (self.root / "requirements-bootstrap.lock").write_text(pack("uv", self.wheels))
        lines = "".join(pack(name, self.wheels) for name in sorted(with_needs({"hatchling", "editables"})))
        for name in LOCKS:
            (self.root / name).write_text(lines)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(OUTSIDE)}
        self.env = kept | {
            "HOME": str(folder),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "UV_NO_CONFIG": "1",
            "UV_NO_INDEX": "1",
            "UV_FIND_LINKS": str(self.wheels),
            "UV_CACHE_DIR": str(folder / "uv-cache"),
        }

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the course's folder, as a learner would."""
        return subprocess.run(
            command, cwd=self.root, env=self.env | env, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )

    def set_up(self, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the set-up with the Python that runs this test."""
        return self.run(sys.executable, "bootstrap.py", "setup", **env)


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Village:
    """Return one small course; every test leaves it in a state from which a set-up can go on."""
    return Village(tmp_path_factory.mktemp("village"))


@pytest.fixture
def no_stamp(village: Village) -> Village:
    """Return the course as if its set-up had never ended."""
    (village.root / ".venv" / bootstrap.STAMP).unlink(missing_ok=True)
    return village


def test_no_network_is_one_sentence(no_stamp: Village) -> None:
    shutil.rmtree(no_stamp.root / ".venv", ignore_errors=True)  # an installer that is there would not be asked for
    done = no_stamp.set_up(PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=NOWHERE)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "no package index answered; connect this machine to the network, "
        "then type the same command again, nothing has to be removed"
    )
    assert "Traceback" not in done.stderr


def test_changed_download_is_refused(no_stamp: Village) -> None:
    lock = no_stamp.root / "requirements.lock"
    right = lock.read_text()
    name, _, value = right.partition("--hash=sha256:")
    lock.write_text(f"{name}--hash=sha256:{'0' * 64}{value[64:]}")
    done = no_stamp.set_up()
    lock.write_text(right)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("a download is not the file that was locked, so it was refused; ")


def test_killed_set_up_goes_on(no_stamp: Village) -> None:
    first = subprocess.Popen(
        [sys.executable, "bootstrap.py", "setup"],
        cwd=no_stamp.root,
        env=no_stamp.env,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert first.stderr is not None
    with first.stderr:
        next(line for line in first.stderr if "3/3" in line)
        os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert not (no_stamp.root / ".venv" / bootstrap.STAMP).exists()
    assert no_stamp.set_up().returncode == 0
    assert no_stamp.run(".venv/bin/course", "hello").stdout == "course got hello\n"


def test_half_written_package_is_written_again(village: Village) -> None:
    assert village.set_up().returncode == 0
    venv = village.root / ".venv"
    module = next(venv.glob("lib/python*/site-packages/editables/__init__.py"))
    whole = module.read_bytes()
    module.unlink()  # what a power cut leaves behind: the package is listed, its file is not there
    (venv / bootstrap.INSTALLING).write_text("")
    (venv / bootstrap.STAMP).unlink()
    assert village.set_up().returncode == 0
    assert module.read_bytes() == whole


def test_second_set_up_says_nothing(village: Village) -> None:
    assert village.set_up().returncode == 0
    again = village.set_up()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_make_start_passes_arguments(village: Village) -> None:
    done = village.run("make", "start", "ARGS=3 --no-browser", f"PYTHON={sys.executable}")
    assert (done.returncode, done.stdout) == (0, "course got start 3 --no-browser\n")


def test_environment_of_another_python_is_kept_unless_one_is_named(village: Village) -> None:
    assert village.set_up().returncode == 0
    stamp = village.root / ".venv" / bootstrap.STAMP
    stamp.write_text(stamp.read_text().replace(sys.version.split()[0], "3.99.1"))
    assert village.set_up().stderr == ""
    assert "ready after" in village.run("make", "setup", f"PYTHON={sys.executable}").stderr


def test_changed_lock_is_installed(village: Village) -> None:
    assert village.set_up().returncode == 0
    lock = village.root / "requirements.lock"
    lock.write_text(lock.read_text() + "# one more line\n")
    assert "ready after" in village.set_up().stderr
    assert village.set_up().stderr == ""


def test_moved_course_is_set_up_again(village: Village) -> None:
    assert village.set_up().returncode == 0
    moved = village.root.rename(village.root.with_name("moved"))
    village.root = moved
    assert "ready after" in village.set_up().stderr
    assert village.run(".venv/bin/course", "hello").stdout == "course got hello\n"


def test_old_python_is_one_sentence(no_stamp: Village, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    code = "import runpy, sys\n"
    code += "sys.version_info = (3, 9, 18); sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    old.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n')
    old.chmod(0o755)
    done = no_stamp.run("make", "start", PATH=f"{tmp_path}:/usr/bin:/bin")
    said = [line for line in done.stderr.splitlines() if not line.startswith("make: ")]
    assert done.returncode == 2
    assert len(said) == 1
    assert said[0].startswith("python 3.11 to 3.14 is needed, this is 3.9; ")
    assert " type: make start PYTHON=python3.1" in said[0]


@pytest.mark.parametrize("version", [(3, 6), (3, 10), (3, 15), (4, 0)])
def test_wrong_python_is_refused(version: tuple[int, int]) -> None:
    with pytest.raises(bootstrap.SetupError, match=r"^python 3\.11 to 3\.14 is needed, this is "):
        bootstrap.check_python(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 14)])
def test_right_python_is_taken(version: tuple[int, int]) -> None:
    bootstrap.check_python(version)


def test_old_python_can_read_the_file() -> None:
    ast.parse((ROOT / "bootstrap.py").read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_missing_module_is_one_sentence(no_stamp: Village, tmp_path: Path, module: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util\nfound = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, *a: None if name == {module!r} else found(name, *a)\n"
    )
    done = no_stamp.set_up(PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == (
        f"python's module {module!r} is missing; install it (Debian, Ubuntu: apt install python3-venv), "
        "then type the same command again\n"
    )


def test_folder_without_write_access_is_one_sentence(no_stamp: Village) -> None:
    cache = no_stamp.root / ".cache"
    shutil.rmtree(cache, ignore_errors=True)
    cache.write_text("a file where a folder should be: root may write everywhere, but not here")
    done = no_stamp.set_up()
    cache.unlink()
    assert done.returncode == 1
    assert done.stderr == (
        f"cannot write in {no_stamp.root} (File exists); clone the course into a folder of your own\n"
    )


@pytest.mark.parametrize(
    ("found", "needed", "said"),
    [
        ((2, 31), (2, 34), "glibc 2.34 with this Python, this machine has 2.31; type: make start PYTHON=python3.12"),
        ((2, 17), (2, 28), "glibc 2.28 with this Python, this machine has 2.17; use a newer system"),
    ],
)
def test_old_glibc_is_refused(found: tuple[int, int], needed: tuple[int, int], said: str) -> None:
    with pytest.raises(bootstrap.SetupError) as refused:
        bootstrap.check_glibc(found, needed)
    assert str(refused.value) == f"the PostgreSQL package needs {said}"


@pytest.mark.parametrize("found", [(), (2, 34), (2, 40)])
def test_new_or_no_glibc_is_taken(found: tuple[int, ...]) -> None:
    bootstrap.check_glibc(found, (2, 34))


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("error: No space left on device (os error 28)", "the disk is full while packages are installed; "),
        ("PermissionError: [Errno 13] Permission denied: 'x'", "no write access to this folder; "),
        ("x==1 has no wheels with a matching platform tag (e.g., `musl`)", "one package has no ready-made build "),
        ("error: dns error: failed to lookup address", "no package index answered; "),
        ("first\nsecond\nthird\nfourth\n", "a step of the set-up failed: second | third | fourth; please report it "),
    ],
)
def test_failed_step_is_explained(printed: str, said: str) -> None:
    assert bootstrap.reason(printed).startswith(said)


def test_unknown_verb_is_one_sentence(village: Village) -> None:
    done = village.run(sys.executable, "bootstrap.py", "dance")
    assert (done.returncode, done.stderr) == (1, "expected setup, start or nbgrader, got 'dance'; see make help\n")
