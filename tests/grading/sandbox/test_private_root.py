"""A root that could not be made leaves nothing of itself behind; one that was has nothing writable but its scratch."""

from __future__ import annotations

import pytest
from confined_answers import Answers, alone

FAIL = """
import os, sys
from pathlib import Path
from course_lib.grading.sandbox import namespaces, private_root
from course_lib.grading.sandbox.layer import attempt
from course_lib.grading.sandbox.view import View
call = private_root.call
def without_pivot(name, *arguments):
    if name == "pivot_root":
        raise OSError(22, "Invalid argument")
    return call(name, *arguments)
setattr(private_root, "call", without_pivot)
namespaces.enter_user_namespace()
scratch = Path(sys.argv[1])
print(attempt("private root", lambda: private_root.enter_private_root(View((Path("/usr/lib"),)), (), scratch, 1 << 20)))
print(sorted(os.listdir(scratch)), os.getcwd())
"""


@pytest.mark.usefixtures("ours")
def test_root_that_could_not_be_entered_is_unmounted(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("scratch")
    (folder / "mine").touch()
    assert alone(FAIL, str(folder)).splitlines() == ["private root: missing, Invalid argument", "['mine'] /"]


def test_one_folder_can_be_written(answers: Answers) -> None:
    ended = answers.run(
        "import os\n"
        "def is_read_only(path): return bool(os.statvfs(path).f_flag & os.ST_RDONLY)\n"
        "value = [is_read_only(path) for path in ('/', '/usr/lib', '/etc/passwd', '/dev/null', '.')]"
    )
    assert ended["value"] == [True, True, True, True, False]


def test_devices_work_on_a_root_without_others(answers: Answers) -> None:
    ended = answers.run(
        "with open('/dev/null', 'w') as null: null.write('gone')\n"
        "value = [open('/dev/zero', 'rb').read(2) == bytes(2), len(open('/dev/urandom', 'rb').read(3))]"
    )
    assert ended["value"] == [True, 3]
