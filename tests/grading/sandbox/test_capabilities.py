"""What a machine allows is found out by trying; where nothing can be tried, everything says so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from confined_answers import Answers, alone

from course_lib.grading.sandbox import capabilities, isolation
from course_lib.grading.sandbox import capabilities as _public
from course_lib.grading.sandbox.layer import Isolation

# a system with neither of what Linux has, as far as a module can see it while it is imported
ELSEWHERE = """
import asyncio, ctypes, json, os, signal, site, subprocess, sys, tempfile  # the standard library's own choices are made
for name in ("fork", "setsid", "geteuid", "getuid", "killpg", "wait4", "waitid", "pidfd_open", "O_PATH"):
    delattr(os, name)
for name in ("SIGHUP", "SIGXCPU", "SIGCHLD", "SIGKILL", "SIGALRM", "pthread_sigmask"):
    delattr(signal, name)
for name in ("resource", "fcntl", "pwd", "grp"):
    sys.modules[name] = None
sys.platform = "win32"
from course_lib.grading import sandbox
print(sandbox.capabilities())
try:
    sandbox.run_confined(int, sandbox.Policy(), 1)
except sandbox.confined.CourseError as error:
    print(error)
"""


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """Forget what was found out before and in a test."""
    _public.cache_clear()
    yield
    _public.cache_clear()


def test_capabilities_are_what_a_child_gets(ours: Answers) -> None:
    found = capabilities()
    layers = ours.run("pass", limits={"scratch": 1 << 20})["isolation"]["layers"]
    assert found == Isolation.from_json(layers)
    assert len(str(found).splitlines()) == len(isolation.LAYERS)


def test_they_are_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = capabilities()
    monkeypatch.setattr(subprocess, "run", None)
    assert capabilities() is first


def test_elsewhere_everything_is_missing_and_nothing_crashes() -> None:
    *lines, refusal = alone(ELSEWHERE).splitlines()
    assert lines == [f"{name}: missing, this system cannot fork" for name in isolation.LAYERS]
    assert refusal == "expected a system that can fork for the sandbox, this one cannot; use Linux, or WSL"


def test_probe_that_fails_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/python")
    found = capabilities()
    assert {layer.is_on for layer in found.layers} == {False}
    assert {layer.detail for layer in found.layers} == {
        "the probe failed, [Errno 2] No such file or directory: '/no/python'"
    }
