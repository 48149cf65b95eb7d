"""Limits hold in the process that sets them, as far as its own hard limits allow."""

from __future__ import annotations

import json
import sys

import pytest
from confined_answers import alone

from course_lib.grading.sandbox.layer import MissingLayer
from course_lib.grading.sandbox.limits import Limits, limit

SET = """
import json, resource, sys
from course_lib.grading.sandbox.limits import Limits, limit
{before}
said = limit(Limits(processes=5), counts_processes={counts})
names = ("CORE", "CPU", "FSIZE", "NOFILE", "AS", "NPROC")
print(json.dumps([said, [resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in names]]))
"""


def test_limits_are_set_for_good() -> None:
    said, found = json.loads(alone(SET.format(before="", counts=True)))
    assert said == "2048 MiB of memory, 10 s of CPU, 256 open files"
    assert found == [[0, 0], [10, 11], [50 << 20] * 2, [256] * 2, [2 << 30] * 2, [5, 5]]


def test_lower_limits_of_the_machine_stay() -> None:
    lower = "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))"
    found = json.loads(alone(SET.format(before=lower, counts=True)))[1]
    assert found[3] == [200, 200]


def test_processes_are_not_counted_where_others_would_be() -> None:
    found = json.loads(alone(SET.format(before="", counts=False)))[1]
    assert found[5] != [5, 5]


def test_system_without_limits_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    with pytest.raises(MissingLayer, match=r"^this system has no resource limits$"):
        limit(Limits(), counts_processes=False)


def test_limit_that_the_system_refuses_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    def refuse(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(MissingLayer, match=r"^current limit exceeds maximum limit$"):
        limit(Limits(), counts_processes=False)
