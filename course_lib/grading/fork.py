"""Fork a child for one answer, hear what it claims, and end it: what a warm process does that knows no secret."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import select
import shutil
import signal
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn  # Any: IPython ships no types; jobs and records are JSON

from course_lib.authoring.clock import Clock
from course_lib.authoring.warm_process import PR_SET_PDEATHSIG
from course_lib.databases import allotment
from course_lib.databases.place import Place
from course_lib.grading import claims
from course_lib.grading.doors import Handlers
from course_lib.grading.pages import Pages
from course_lib.grading.sandbox import Limits, Policy, enter
from course_lib.grading.seal import Seal
from course_lib.locations import course_root

# stage -> the one before
BEFORE = {"entered": "", "prepared": "entered", "answered": "prepared", "judging": "answered"}
ALL_OF_ITS_TIME = 120  # seconds of CPU; the clocks of a job end it long before
SEED_BYTES = 8


@dataclass(frozen=True)
class Warm:
    """What a warm process hands to its children."""

    shell: Any
    seal: Seal
    handlers: Handlers
    folders: tuple[Path, ...] = ()  # what else a child may read: where the app of our cells lies
    pages: Pages = field(default_factory=Pages)


def run(job: dict[str, Any], warm: Warm, places: dict[str, list[Place]]) -> dict[str, Any]:
    """Run one job in a child; return its record, with the layers it was behind and the CPU it took."""
    try:
        # in the folder of the parent, who removes what a kill leaves; named, for tempfile's own search writes a file
        home = tempfile.mkdtemp(prefix="job-", dir=os.environ.get("TMPDIR"))
        pipes = os.pipe(), os.pipe(), os.pipe()
        os.set_blocking(pipes[1][1], False)  # nobody reads hints before the end: a flood of them must not wait for us
        policy = _policy(job["question"], warm, places)
        policy.view  # noqa: B018 - looked up here, where the next child finds it as well
        key = claims.Key()
        child = os.fork()
    except OSError as error:
        return {"stage": "machine", "message": error.strerror or str(error)}
    (claiming, claimed), (hinting, hinted), (asking, seeding) = pipes
    if child == 0:
        _child(job, warm, policy, home, (claimed, hinted, asking), places, key)
    for end in (claimed, hinted, asking):
        os.close(end)
    talk = _Talk(claiming, hinting, seeding, key)
    try:
        with warm.pages.learning(child) as learn:
            last = talk.listen()
            if last is not None and last["stage"] == "verdict":
                learn()
    finally:
        for end in (claiming, hinting, seeding):
            os.close(end)
        for kill in (os.killpg, os.kill):  # the group, and the child itself, which may not have made its group yet
            with contextlib.suppress(ProcessLookupError):
                kill(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
        shutil.rmtree(home, ignore_errors=True)
    record = last or talk.clock.died(os.waitstatus_to_exitcode(status))
    return {**record, "isolation": talk.isolation, "cpu": used.ru_utime + used.ru_stime}


def _policy(question: str, warm: Warm, places: dict[str, list[Place]]) -> Policy:
    from course_lib.checks.question import all_questions

    root, asked = course_root(), all_questions().get(question)
    sockets = {Path(place.socket) for stock in places.values() for place in stock if place.socket}
    return Policy(
        Limits(cpu_seconds=ALL_OF_ITS_TIME),
        readable=(root / "notebooks", root / "exercises", *warm.folders),
        sockets=tuple(sorted(sockets)),
        loopback=asked is not None and asked.wire,
        environment=(("COURSE_ROOT", str(root)), ("COURSE_STRICT", "1"), ("COURSE_PROGRESS_DB", "progress.db")),
    )


class _Talk:
    """Hears one child: its claims must be behind the key and in order."""

    def __init__(self, reading: int, hinted: int, seeding: int, key: claims.Key) -> None:
        self._reading = reading
        self._hinted = hinted
        self._seeding = seeding
        self._key = key
        self._stage = ""
        self.clock = Clock()
        self.isolation: list[str] = []

    def listen(self) -> dict[str, Any] | None:
        """Return the child's last record, None when it ended without one."""
        data, heard = b"", 0
        while True:
            left = self.clock.left
            if not left or not select.select([self._reading], [], [], left)[0]:
                return {**self.clock.late(), "message": self._hint()}
            chunk = os.read(self._reading, 65536)
            heard += len(chunk)
            if heard > claims.CAP:
                return _forged("more than a megabyte of claims")
            if not chunk:
                return None
            *lines, data = (data + chunk).split(b"\n")
            for line in lines:
                last = self._take(line)
                if last is not None:
                    return last

    def _hint(self) -> str:
        data = b""
        while select.select([self._hinted], [], [], 0)[0] and (part := os.read(self._hinted, 65536)):
            data = part
        return claims.hint_of(data)

    def _take(self, line: bytes) -> dict[str, Any] | None:
        claim = claims.claim_of(line, self._key)
        if claim is None:
            return _forged("a line without its key")
        stage = claim["stage"]
        if stage not in BEFORE:
            self.clock.hear(claim)
            return self.clock.last
        if stage != "judging":
            if self._stage != BEFORE[stage]:
                return _forged(f"a {stage!r} claim out of its turn")
            self._stage = stage
        if stage == "entered":
            self.isolation = claim["isolation"]
        elif stage == "answered":
            os.write(self._seeding, secrets.token_bytes(SEED_BYTES))
        self.clock.hear(claim)
        return None


def die_with_parent() -> None:
    """End this process when the one that forked it ends, however that happens."""
    with contextlib.suppress(OSError, AttributeError):  # Linux only
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _forged(what: str) -> dict[str, Any]:
    return {"stage": "forged", "message": what}


def _child(
    job: dict[str, Any],
    warm: Warm,
    policy: Policy,
    home: str,
    pipes: tuple[int, int, int],
    places: dict[str, list[Place]],
    key: claims.Key,
) -> NoReturn:
    end, hear, listening = os._exit, os.read, pipes[2]
    try:
        warm.pages.copy()
        layers = enter(policy, Path(home), keep=pipes).layers
        allotment.given = places
        say = claims.sayer(pipes[0], key)
        say({"stage": "entered", "isolation": [layer.name for layer in layers if layer.is_on]})
        from course_lib.grading.child import judged

        judged(job, warm, say, claims.hinter(pipes[1]), pipes[2])
        hear(listening, 1)  # until they hang up: a process that has ended shows nobody which pages it wrote
    except Exception as error:  # of our own code: it must reach the judge, who says that it is ours
        say({"stage": "judge", "message": f"{type(error).__name__}: {error}"})
    finally:
        end(0)
