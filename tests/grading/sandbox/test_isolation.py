"""The way in, by itself: a forked child of any kind can take it, and says which layers it has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from confined_answers import Answers, alone

from course_lib.grading.sandbox import isolation

# as the warm process forks its jobs: a folder made by the parent, a pipe to keep, the streams to nowhere
JOB = """
import json, os, sys, tempfile
from pathlib import Path
from course_lib.grading.sandbox import Policy, enter
home = tempfile.mkdtemp(dir=sys.argv[1])
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    found = enter(Policy(), Path(home), keep=(writing,))
    print("to nowhere")
    os.write(writing, json.dumps([found.to_json(), os.getcwd() == home, os.getsid(0) == os.getpid()]).encode())
    os._exit(0)
os.waitpid(child, 0)
print(os.read(reading, 65536).decode())
"""
REQUIRED = """
import sys
from pathlib import Path
from course_lib.grading.sandbox import Policy, enter, isolation
def without(*_, **named):
    raise OSError(38, "")
setattr(isolation, "enter_landlock", without)
output = __import__("os").dup(1)
try:
    enter(Policy(), Path(sys.argv[1]), output=output, required=True)
except Exception as error:
    print(error)
sys.stdout.flush()
__import__("os")._exit(0)
"""


@pytest.mark.usefixtures("ours")
def test_a_forked_job_enters_by_itself(tmp_path: Path) -> None:
    layers, is_at_home, leads = json.loads(alone(JOB, str(tmp_path)))
    assert [layer["name"] for layer in layers] == [*isolation.LAYERS]
    assert (is_at_home, leads) == (True, True)


@pytest.mark.usefixtures("ours")
def test_missing_layer_can_be_an_error(tmp_path: Path) -> None:
    assert alone(REQUIRED, str(tmp_path)) == (
        "expected every layer of the sandbox, but this machine lacks landlock (Function not implemented); "
        "go on without requiring it, or use another machine"
    )


def test_every_layer_says_what_it_does(answers: Answers) -> None:
    found = {layer["name"]: layer["detail"] for layer in answers.run("pass")["isolation"]["layers"]}
    assert found.pop("landlock").endswith(", files are read by a list and written in one folder")
    assert found == {
        "session": "killed as a group, and with its parent",
        "user namespace": "nobody, without rights outside",
        "network namespace": "no address can be reached",
        "private root": "nothing exists but what may be read, and 256 MiB to write",
        "limits": "2048 MiB of memory, 10 s of CPU, 256 open files",
        "privileges": "none, and none can be gained",
        "seccomp": "no sockets, no programs, no other processes",
    }


@pytest.mark.parametrize(("release", "version"), [("6.18.44-x", (6, 18)), ("5.4", (5, 4)), ("odd", (0, 0))])
def test_kernels_are_told_apart(release: str, version: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.release", lambda: release)
    assert isolation._kernel() == version
