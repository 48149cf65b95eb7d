"""The watch refuses what would open our frames or memory to an answer, and lets libraries look at their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from course_lib.grading.watch import REFUSED


def in_a_process(code: str) -> str:
    """Run `code` where an audit hook may stay for ever; return what it printed."""
    program = "import ctypes, gc, sys\nimport course_lib.checks.assertions as checker\n"
    program += "from course_lib.grading.seal import Seal\nfrom course_lib.grading.watch import Watch\n"
    program += "watch = Watch(Seal().sites)\n"
    program += f"try:\n    {code}\nexcept PermissionError as error:\n    print(error)\nprint(watch.seen() or 'unseen')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("gc.get_objects()", "gc.get_objects"),
        ("gc.get_referrers(checker)", "gc.get_referrers"),
        ("sys._current_frames()", "sys._current_frames"),
        ("ctypes.string_at(0)", "ctypes.string_at"),
        ("ctypes.CDLL(None)", "ctypes.dlopen"),
    ],
)
def test_our_memory_is_not_opened(code: str, event: str) -> None:
    assert in_a_process(code) == f"an answer may not use {event} while it is judged\nunseen\n"
    assert event in REFUSED or event.startswith("ctypes.")


def test_nobody_listens_beside_us() -> None:
    assert (
        in_a_process("sys.addaudithook(lambda *event: print('heard')); open(sys.executable, 'rb').close()")
        == "unseen\n"
    )


def test_the_code_of_a_check_is_not_exchanged() -> None:
    said = in_a_process("checker.equal.__code__ = (lambda *a, **k: None).__code__")
    name = "course_lib.checks.assertions.equal"
    assert said == f"an answer may not change {name} while it is judged\n{name}\n"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("asyncio.__class__ = type('Other', (type(asyncio),), {})", "asyncio.__class__"),
        ("checker.Wrong.__class__ = type('Other', (type,), {})", "course_lib.checks.assertions.Wrong.__class__"),
        ("checker.Wrong.__bases__ = (ValueError,)", "course_lib.checks.assertions.Wrong.__bases__"),
    ],
)
def test_a_module_or_class_of_ours_gets_no_other_kind(code: str, name: str) -> None:
    said = in_a_process(f"import asyncio; {code}")
    assert said == f"an answer may not change {name} while it is judged\n{name}\n"


def test_a_module_or_class_of_an_answers_may_get_another_kind() -> None:
    code = "import types; module = types.ModuleType('own'); module.__class__ = type('Other', (types.ModuleType,), {})"
    assert in_a_process(code) == "unseen\n"


def test_an_answers_own_function_may_get_new_code() -> None:
    said = in_a_process("f = lambda: 1; f.__code__ = (lambda: 2).__code__; print(f())")
    assert said == "2\nunseen\n"
