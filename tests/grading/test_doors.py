"""Once the doors are shut, neither signals nor greenlets nor ctypes lead to our frames or memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

SHUT = """
import asyncio, ctypes, signal, sys, _signal
import greenlet
import course_lib.grading.sandbox
from course_lib.checks import learner_code
from course_lib.grading import doors

text, union, pointer = ctypes.c_char_p, ctypes.Union, ctypes.POINTER(ctypes.c_char)
real = signal.signal
handlers = doors.shut_for_all()
doors.shut_for_good(handlers, doors.hide())
"""


def said(code: str) -> str:
    """Run `code` in a process whose doors are shut; return what it printed."""
    done = subprocess.run([sys.executable, "-c", SHUT + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["signal.signal", "_signal.signal"])
def test_no_handler_can_be_set(name: str) -> None:
    code = f"print({name}(signal.SIGUSR1, lambda *_: print('heard')), handlers.get(signal.SIGUSR1) == signal.SIG_DFL)"
    assert said(code) == "None True"


def test_no_handler_can_be_seen_but_ours_works() -> None:
    code = "handlers.set(signal.SIGUSR1, lambda *_: print('heard'))\nprint(signal.getsignal(signal.SIGUSR1))\n"
    assert said(code + "signal.raise_signal(signal.SIGUSR1)") == "None\nheard"


def test_the_real_function_hangs_on_no_other() -> None:
    assert said("print(hasattr(signal.signal, '__wrapped__'), signal.signal.__closure__)") == "False None"


def test_a_loop_still_runs() -> None:
    assert said("print(asyncio.run(asyncio.sleep(0, 'woke up')))") == "woke up"


def test_a_greenlet_shows_no_frame_but_a_checkout_still_has_its_place() -> None:
    code = "print(hasattr(greenlet.getcurrent(), 'gr_frame'), sorted(learner_code.of_checkout.__kwdefaults__))\n"
    code += "print(greenlet.greenlet(lambda: learner_code.of_checkout()).switch())"
    assert said(code) == "False ['frame_of']\nNone"


@pytest.mark.parametrize("code", ["text(1)", "pointer()", "type('Both', (union,), {'_fields_': []})", "pointer * 3"])
def test_ctypes_makes_nothing_any_more(code: str) -> None:
    assert said(f"try:\n    print({code} in (True, False))\nexcept TypeError:\n    print('refused')") in (
        "True",
        "refused",
    )


def test_what_the_sandbox_was_made_of_is_forgotten() -> None:
    code = (
        "print([name for name in sys.modules if name.startswith(('course_lib.grading.sandbox', 'ctypes', '_ctypes'))])"
    )
    assert said(code) in ("[]", "['ctypes._endian']")


def test_who_held_on_to_a_part_of_the_sandbox_finds_it_empty() -> None:
    held = "import ctypes, course_lib.grading.sandbox.syscalls as calls\nheld = [vars(ctypes), vars(calls)]\n"
    done = subprocess.run([sys.executable, "-c", held + SHUT + "print(held)"], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[{}, {}]", 0), done.stderr


def test_classes_and_bools_are_made_as_before() -> None:
    assert said("class Any: pass\nprint(type(Any()).__name__, bool(3), type('New', (), {}).__name__)") == "Any True New"
