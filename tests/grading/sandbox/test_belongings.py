"""What a fork inherits is let go of, without surprises for the objects that still believe in it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from confined_answers import alone

from course_lib.grading.sandbox import belongings

LET_GO = """
import json, os, socket, sys
from course_lib.grading.sandbox import belongings
kept, other = os.pipe()
pair = socket.socketpair()
folder = os.open("/", os.O_RDONLY)
belongings.let_go([kept])
null = os.stat("/dev/null").st_rdev
said = [os.fstat(number).st_rdev == null for number in (kept, other, folder, pair[0].fileno())]
pair[0].close()
print(json.dumps(said))
"""
STREAMS = """
import os, sys
from course_lib.grading.sandbox import belongings
sys.stdout.write("of the parent, not written yet; ")
sys.stdout.flush()
output = os.dup(1)
belongings.redirect({output})
print(repr(sys.stdin.read()), "\\ud800")
os.write(2, b"from below\\n")
print("error", file=sys.__stderr__)
"""
SIGNALS = """
import signal
from course_lib.grading.sandbox import belongings
signal.signal(signal.SIGTERM, print)
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
belongings.forget_handlers()
print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.getsignal(signal.SIGINT) == signal.default_int_handler)
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""
ENVIRONMENT = """
import json, os, pathlib, tempfile
tempfile.gettempdir()
from course_lib.grading.sandbox import belongings
os.environ |= {"SECRET": "swordfish", "TZ": "UTC"}
belongings.replace_environment(pathlib.Path("/scratch"), [("COURSE_LESSON", "7")])
print(json.dumps([dict(os.environ), tempfile.gettempdir(), str(pathlib.Path.home())]))
"""


def test_open_files_become_nothing_but_keep_their_numbers() -> None:
    assert json.loads(alone(LET_GO)) == [False, True, True, True]


def test_streams_lead_to_one_output() -> None:
    said = alone(STREAMS.format(output="output")).splitlines()
    assert said == ["of the parent, not written yet; '' \\ud800", "from below", "error"]


def test_streams_without_an_output_lead_nowhere() -> None:
    assert alone(STREAMS.format(output="None")) == "of the parent, not written yet;"


def test_signals_are_as_in_a_new_program() -> None:
    assert alone(SIGNALS).splitlines() == ["True True", "set()"]


def test_environment_holds_what_was_named() -> None:
    environment, temporary, home = json.loads(alone(ENVIRONMENT))
    environment.pop("COURSE_ROOT", None)
    environment.pop("PYTHONHASHSEED", None)
    assert environment == {
        "COURSE_LESSON": "7",
        "HOME": "/scratch",
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "TMPDIR": "/scratch",
        "TZ": "UTC",
    }
    assert (temporary, home) == ("/scratch", "/scratch")


def test_open_files_are_searched_where_they_are_not_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(_: object) -> list[str]:
        raise FileNotFoundError

    monkeypatch.setattr(os, "listdir", refuse)
    assert len([*belongings._open_files()]) == os.sysconf("SC_OPEN_MAX")
