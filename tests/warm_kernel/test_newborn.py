"""What a forked process forgets of the one it came from."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile

import pytest

from course_lib.warm_kernel import newborn

FORGET = """
import sys
import course_lib.errors
from course_lib.warm_kernel import newborn
newborn.forget_the_course()
print([name for name in sys.modules if name.partition(".")[0] == "course_lib"])
"""
DRAW = """
import os, random, sys
import numpy.random
from course_lib.warm_kernel import newborn
numpy.random.seed(1)
random.seed(1)
reading, writing = os.pipe()
for _ in range(2):
    if os.fork() == 0:
        newborn.forget_the_start()
        os.write(writing, f"{random.random()} {numpy.random.random()} ".encode())
        os._exit(0)
    os.wait()
print(len(set(os.read(reading, 1000).split())))
"""


def said(script: str) -> str:
    """Return what a fresh Python prints."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # numpy's own threads must not meet a fork
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    ).stdout.strip()


def test_course_is_forgotten() -> None:
    assert said(FORGET) == "[]"


def test_forks_draw_different_numbers() -> None:
    assert said(DRAW) == "4"


def test_temporary_folder_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "of the warm process")
    newborn.forget_the_start()
    assert tempfile.tempdir is None
    assert random.random() != random.random()


def test_arguments_begin_as_those_of_a_normal_kernel() -> None:
    assert newborn.launcher().endswith("ipykernel_launcher.py")
