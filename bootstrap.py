"""Make the course's own environment inside this folder, every package checked against a hash.

`make start` must work from a bare python3, so this file imports the standard library only, and it parses on Python 3.6
too, where all it does is say in one sentence which Python is needed.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
NBGRADER = ROOT / ".cache" / "nbgrader"
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
STAMP = "course-stamp.json"
INSTALLING = "course-installing"  # there while packages are being written: an interrupted set-up installs them again
CORE_LOCK, DEV_LOCK = "requirements.lock", "requirements-dev.lock"

OLDEST, TOO_NEW = (3, 11), (3, 15)
NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")
WHEEL_GLIBC = {False: (2, 34), True: (2, 28)}  # key: is it Python 3.12 or newer; two PostgreSQL wheels, two floors

SHOWN = ("Downloading", "Collecting", "Prepared", "Installed", "Bytecode")
AGAIN = "then type the same command again, nothing has to be removed"
OFFLINE = "failed to fetch|error sending request|dns error|connection refused|newconnectionerror"
OFFLINE += "|network is unreachable|name resolution|timed out|timeout|no matching distribution"
REASONS = [  # (what pip or uv print, in lower case), the sentence; the first that fits is said
    (
        "do not match the hashes|hash mismatch",
        "a download is not the file that was locked, so it was refused; look at your index or proxy, " + AGAIN,
    ),
    ("no space left", "the disk is full while packages are installed; free about 1 GB, " + AGAIN),
    ("permission denied|read-only file system", "no write access to this folder; clone the course elsewhere"),
    (
        "matching platform tag|matching python abi tag",
        "one package has no ready-made build for this machine; the README's troubleshooting table names what works",
    ),
    (OFFLINE, "no package index answered; connect this machine to the network, " + AGAIN),
]


class SetupError(Exception):
    """The set-up cannot go on, and one sentence says what to do."""


def say(text: str) -> None:
    """Print one line for the person in front of the terminal."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def check_python(version: "tuple[int, int]") -> None:
    """Refuse a Python that the course's packages do not exist for."""
    if OLDEST <= version < TOO_NEW:
        return
    right = next((name for name in NAMES if answers(name)), "")
    step = f"type: make start PYTHON={right}" if right else "install one, then type: make start PYTHON=python3.12"
    raise SetupError(f"python 3.11 to 3.14 is needed, this is {version[0]}.{version[1]}; {step}")


def answers(name: str) -> bool:
    """Say whether the program `name` is on the PATH and runs (a version manager leaves names that do not)."""
    path = shutil.which(name)
    return bool(path) and subprocess.call([str(path), "-c", ""], stderr=subprocess.DEVNULL) == 0


def check_machine() -> None:
    """Refuse, before anything is downloaded, a machine on which the set-up cannot end well."""
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetupError(
                f"python's module {module!r} is missing; install it (Debian, Ubuntu: apt install python3-venv), "
                "then type the same command again"
            )
    check_glibc(glibc(), WHEEL_GLIBC[sys.version_info >= (3, 12)])
    try:
        (ROOT / ".cache").mkdir(exist_ok=True)
        probe = ROOT / ".cache" / f"write-probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise SetupError(
            f"cannot write in {ROOT} ({error.strerror}); clone the course into a folder of your own"
        ) from None


def check_glibc(found: "tuple[int, ...]", needed: "tuple[int, int]") -> None:
    """Refuse a C library for which the PostgreSQL package was not built."""
    if found and found < needed:
        step = "use a newer system" if found < WHEEL_GLIBC[True] else "type: make start PYTHON=python3.12"
        has, want = ".".join(map(str, found)), ".".join(map(str, needed))
        raise SetupError(f"the PostgreSQL package needs glibc {want} with this Python, this machine has {has}; {step}")


def glibc() -> "tuple[int, ...]":
    """Return the version of this machine's GNU C library, or an empty tuple where there is none."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):  # not glibc, or not Unix
        return ()
    return tuple(int(part) for part in text.rpartition(" ")[2].split(".")[:2])


def stamp_for(locks: "list[str]") -> "dict[str, str]":
    """Return what an environment made now, from these locks, is stamped with."""
    names = [*locks, "pyproject.toml", "requirements-bootstrap.lock"]
    wanted = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in names}
    wanted["python"] = sys.version.split()[0]
    wanted["folder"] = str(ROOT)  # a moved clone has scripts that point to the old place
    return wanted


def stamped(venv: Path) -> "dict[str, str]":
    """Return the stamp of an environment, or an empty one."""
    try:
        found = json.loads((venv / STAMP).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_current(venv: Path, lock: str, this_python: bool) -> bool:
    """Say whether the environment holds what `lock` asks for, in this folder, by this Python where that was asked."""
    found, wanted = stamped(venv), stamp_for([lock])
    if not this_python:  # who made it once with another Python need not name that one every day
        del wanted["python"]
    return script_of(venv, "python").exists() and all(found.get(key) == value for key, value in wanted.items())


def script_of(venv: Path, name: str) -> Path:
    """Return the path of a program of the environment."""
    return venv / SCRIPTS / (name + ".exe" if os.name == "nt" else name)


def run(*command: object) -> None:
    """Run a step, show only the lines that tell a person it is moving, and explain a failure in one sentence."""
    env = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET"}}
    env.update(PIP_DISABLE_PIP_VERSION_CHECK="1", UV_PYTHON_DOWNLOADS="never", PYTHONUNBUFFERED="1")
    lines = []
    with subprocess.Popen(
        [str(part) for part in command],
        cwd=str(ROOT),
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.strip().startswith(SHOWN):
                say("    " + line.strip())
    if process.returncode:
        raise SetupError(reason("".join(lines)))


def reason(output: str) -> str:
    """Turn what a failed step printed into the one sentence a person needs."""
    low = output.lower()
    for signs, sentence in REASONS:
        if any(sign in low for sign in signs.split("|")):
            return sentence
    tail = " | ".join(line.strip() for line in output.strip().splitlines()[-3:])
    return f"a step of the set-up failed: {tail}; please report it with your Python version and system"


def make_venv(venv: Path, *, with_pip: bool) -> None:
    """Make the environment, or keep the one that is there when it works and was made by this Python."""
    version = "import sys{}; print(sys.version.split()[0])".format(", pip" if with_pip else "")
    with contextlib.suppress(OSError):
        found = subprocess.run(
            [str(script_of(venv, "python")), "-c", version], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        here = stamped(venv).get("folder", str(ROOT)) == str(ROOT)
        if here and found.stdout.decode().strip() == sys.version.split()[0]:
            return
    run(sys.executable, "-m", "venv", "--clear", *([] if with_pip else ["--without-pip"]), venv)


def install(venv: Path, lock: str, *, editable: bool) -> None:
    """Fill the environment: each package checked against its hash, bytecode compiled, then the course itself."""
    uv, python = script_of(VENV, "uv"), script_of(venv, "python")
    marker = venv / INSTALLING
    again = ["--reinstall"] if marker.exists() else []
    marker.write_text("set-up is running, or was interrupted\n")
    checked = ["--require-hashes", "--only-binary", ":all:", "-r", lock]
    try:
        run(uv, "pip", "install", "--python", python, *again, "--compile-bytecode", *checked)
    except SetupError as error:
        if "no package index" not in str(error):
            raise
        say("  uv found no package index; going on with pip, which may know another one")
        pip = [script_of(VENV, "python"), "-m", "pip", "--python", python]  # the other environments have none
        # the lock names everything, and pip would ask for a second hash where somebody needs an extra of it
        run(*pip, "install", "--retries", "1", "--no-deps", *checked)
    if editable:
        run(uv, "pip", "install", "--python", python, "--no-deps", "--no-build-isolation", "--offline", "-e", ".")
    marker.unlink()


def set_up(lock: str, this_python: bool = False) -> None:
    """Make `.venv` hold what `lock` names; return at once when it already does."""
    if is_current(VENV, lock, this_python):
        return
    check_python(sys.version_info[:2])
    check_machine()
    with one_at_a_time():
        if is_current(VENV, lock, this_python):
            return
        began = time.monotonic()
        say(f"setting up the course in {VENV} (once; about 600 MB of disk)")
        say("  1/3 a Python environment")
        make_venv(VENV, with_pip=True)
        say("  2/3 the installer")
        pip = [script_of(VENV, "python"), "-m", "pip", "install", "--retries", "2", "--quiet"]
        run(*pip, "--require-hashes", "--only-binary", ":all:", "-r", "requirements-bootstrap.lock")
        say("  3/3 the packages, each checked against its hash")
        install(VENV, lock, editable=True)
        write_stamp(VENV, [CORE_LOCK, lock])
        say(f"ready after {time.monotonic() - began:.0f} s")


def set_up_nbgrader() -> None:
    """Make the environment in which tests run nbgrader: apart, because its own pins reach far."""
    set_up(DEV_LOCK)
    lock = "requirements-nbgrader.lock"
    if is_current(NBGRADER, lock, False):
        return
    check_python(sys.version_info[:2])
    with one_at_a_time():
        say(f"setting up nbgrader in {NBGRADER}")
        make_venv(NBGRADER, with_pip=False)
        install(NBGRADER, lock, editable=False)
        write_stamp(NBGRADER, [lock])


def write_stamp(venv: Path, locks: "list[str]") -> None:
    """Say, whole or not at all, that the environment is complete."""
    part = venv / (STAMP + ".part")
    part.write_text(json.dumps(stamp_for(locks), indent=1))
    os.replace(str(part), str(venv / STAMP))


@contextlib.contextmanager
def one_at_a_time() -> "Iterator[None]":
    """Let a second set-up of the same folder wait for the first."""
    if os.name == "nt":  # pragma: no cover - Windows has no flock; two set-ups at once are not defended there
        yield
        return
    import fcntl

    with open(str(ROOT / ".cache" / "set-up.lock"), "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another set-up of this folder is running; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main(arguments: "list[str]") -> int:
    """Run one of: setup, setup --dev, start, nbgrader; `--this-python` remakes what another Python made."""
    verb, rest = (arguments or ["setup"])[0], [word for word in arguments[1:] if word != "--this-python"]
    try:
        if verb == "nbgrader":
            set_up_nbgrader()
        elif verb in {"setup", "start"}:
            lock = DEV_LOCK if verb == "setup" and "--dev" in rest else CORE_LOCK
            set_up(lock, this_python="--this-python" in arguments)
        else:
            raise SetupError(f"expected setup, start or nbgrader, got {verb!r}; see make help")
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("stopped; type the same command again to go on")
        return 130
    if verb == "start":
        course = str(script_of(VENV, "course"))
        if os.name == "nt":  # pragma: no cover - Windows cannot replace a process
            return subprocess.call([course, "start", *rest])
        os.execv(course, [course, "start", *rest])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
