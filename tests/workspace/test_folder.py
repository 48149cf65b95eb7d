"""The app's folder: which names are files of the app, what is written whole, what is kept aside."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.errors import WorkspaceError
from course_lib.workspace import folder


def refuse(monkeypatch: pytest.MonkeyPatch, method: str, code: int) -> None:
    """Let every `Path.<method>` fail as the system would."""

    def failing(*_args: object, **_named: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, method, failing)


def test_the_workspace_is_where_the_environment_says_and_on_the_path(workspace: Path) -> None:
    assert folder.root() == workspace
    assert sys.path[0] == str(workspace)
    folder.root()
    assert sys.path.count(str(workspace)) == 1


def test_without_the_environment_it_is_a_folder_that_goes_with_the_process() -> None:
    script = "from course_lib.workspace import folder\nassert folder.root() == folder.root()\nprint(folder.root())"
    environment = {name: value for name, value in os.environ.items() if name != "COURSE_WORKSPACE"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert "velvet-rope-" in done.stdout
    assert not Path(done.stdout.strip()).exists()


def test_a_forked_process_has_a_workspace_of_its_own_and_leaves_ours(tmp_path: Path) -> None:
    ours = folder.root()
    told = tmp_path / "told"
    child = os.fork()
    if child == 0:
        told.write_text(str(folder.root()))
        folder._remove_own(os.getpid(), folder.root())
        folder._remove_own(os.getppid(), ours)
        os._exit(0)
    os.waitpid(child, 0)
    assert told.read_text() != str(ours)
    assert not Path(told.read_text()).exists()
    assert ours.is_dir()


@pytest.mark.parametrize("name", ["items.py", "pool_gauge.py", "_a1.py"])
def test_a_python_file_in_lower_case_is_a_file_of_the_app(name: str) -> None:
    assert folder.checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["../../etc/x.py", "a/b.py", "/etc/x.py", "Items.py", "1.py", "items.txt", "items", "", "x.py\n", ".x.py"]
)
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(WorkspaceError) as caught:
        folder.app_file(name)
    assert str(caught.value) == (
        f"a file of the app is named like items.py (lower case, no folder), got {name!r}; change the first line"
    )


def test_a_file_is_written_with_its_package_and_read_back(workspace: Path) -> None:
    assert folder.read("items.py") is None
    folder.write("items.py", "GIN = 'Ä'\n")
    assert folder.read("items.py") == "GIN = 'Ä'\n"
    assert sorted(path.name for path in (workspace / "app").iterdir()) == ["__init__.py", "items.py"]


@pytest.mark.parametrize(
    ("method", "code", "cause"),
    [
        ("write_text", errno.ENOSPC, "No space left on device"),
        ("replace", errno.ENOSPC, "No space left on device"),
        ("touch", errno.EROFS, "Read-only file system"),
        ("mkdir", errno.EACCES, "Permission denied"),
    ],
)
def test_a_disk_that_refuses_is_one_sentence_and_the_file_stays(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, method: str, code: int, cause: str
) -> None:
    folder.write("items.py", "first\n")
    with monkeypatch.context() as broken:
        refuse(broken, method, code)
        with pytest.raises(WorkspaceError) as caught:
            folder.write("items.py", "second\n")
    assert str(caught.value) == (
        f"app/items.py was not written ({cause}); make room, or set COURSE_WORKSPACE to a folder you may write to"
    )
    assert folder.read("items.py") == "first\n"
    assert sorted(path.name for path in (workspace / "app").iterdir()) == ["__init__.py", "items.py"]


def test_a_file_system_that_refuses_even_to_clean_up_is_the_same_sentence(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "write_text", errno.EROFS)
    refuse(monkeypatch, "unlink", errno.EROFS)
    with pytest.raises(WorkspaceError, match="was not written"):
        folder.write("items.py", "x\n")


def test_a_file_in_the_place_of_the_folder_is_one_sentence(workspace: Path) -> None:
    workspace.write_text("I am no folder")
    with pytest.raises(WorkspaceError) as caught:
        folder.write("items.py", "x\n")
    assert str(caught.value).startswith("app/items.py was not written (Not a directory); make room")


def test_a_file_that_cannot_be_read_is_one_sentence(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("items.py", "x\n")
    refuse(monkeypatch, "read_text", errno.EACCES)
    with pytest.raises(WorkspaceError) as caught:
        folder.read("items.py")
    assert str(caught.value) == "app/items.py cannot be read (Permission denied); check its permissions"


def test_clearing_removes_known_texts_and_nothing_else(workspace: Path) -> None:
    folder.write("items.py", "ours\n")
    folder.write("mine.py", "not of the course\n")
    assert folder.clear({"items.py", "absent.py"}, {"items.py": {"ours\n"}}) == []
    assert folder.read("items.py") is None
    assert folder.read("mine.py") == "not of the course\n"
    assert not (workspace / "kept").exists()


def test_an_edited_file_is_kept_aside_each_time(workspace: Path) -> None:
    kept = []
    for text in ("my first\n", "my second\n", "my third\n"):
        folder.write("items.py", text)
        kept += folder.clear({"items.py"}, {"items.py": {"ours\n"}})
    assert [path.read_text() for path in kept] == ["my first\n", "my second\n", "my third\n"]
    assert all(path.name == "items.py" and workspace / "kept" in path.parents for path in kept)


def test_a_file_that_is_no_text_is_kept_aside_too(workspace: Path) -> None:
    folder.write("items.py", "")
    (workspace / "app" / "items.py").write_bytes(b"\xff\xfe")
    (kept,) = folder.clear({"items.py"}, {"items.py": {"ours\n"}})
    assert kept.read_bytes() == b"\xff\xfe"


def test_a_file_that_cannot_be_removed_is_one_sentence(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("items.py", "ours\n")
    refuse(monkeypatch, "unlink", errno.EACCES)
    with pytest.raises(WorkspaceError) as caught:
        folder.clear({"items.py"}, {"items.py": {"ours\n"}})
    assert str(caught.value) == (
        "app/items.py could not be replaced (Permission denied); close what uses it, then run it again"
    )
