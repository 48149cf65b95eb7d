"""Who and where a process is once it has namespaces of its own."""

from __future__ import annotations

import errno
import json

import pytest
from confined_answers import Answers, alone

from course_lib.grading.sandbox import namespaces
from course_lib.grading.sandbox.layer import attempt

ENTER = """
import json, os, socket
from course_lib.grading.sandbox import namespaces
before = os.stat(".").st_uid
said = [namespaces.enter_user_namespace(), namespaces.enter_network_namespace(), namespaces.drop_privileges()]
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
server = socket.create_server(("127.0.0.1", 0))
refused = server.getsockname()[0], socket.socket().connect_ex(server.getsockname())
print(json.dumps([said, os.getuid(), os.getgid(), status["CapEff"], status["CapPrm"], status["NoNewPrivs"], refused]))
"""


@pytest.mark.usefixtures("ours")
def test_process_becomes_nobody_without_a_network_or_privileges() -> None:
    said, *found = json.loads(alone(ENTER))
    assert said == ["nobody, without rights outside", "no address can be reached", "none, and none can be gained"]
    assert found == [65534, 65534, "0" * 16, "0" * 16, "1", ["127.0.0.1", 101]]


def test_rights_of_root_are_not_an_answers(answers: Answers) -> None:
    ended = answers.run("import os\nos.setuid(0)")
    assert (ended["cause"], ended["message"]) == ("raised", "OSError: [Errno 22] Invalid argument")


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        (errno.ENOSPC, "this machine allows no more of them, see user.max_user_namespaces"),
        (errno.EPERM, "Operation not permitted"),
    ],
)
def test_machine_that_allows_no_namespace_is_said(code: int, detail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, *_: object) -> int:
        if name == "unshare":
            raise OSError(code, "refused")
        return 0

    monkeypatch.setattr(namespaces, "call", refuse)
    assert attempt("user namespace", namespaces.enter_user_namespace).detail == detail
