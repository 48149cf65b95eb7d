"""Whatever a class hands in is found and named; what cannot be read costs itself and is one sentence."""

from __future__ import annotations

import io
import os
import re
import socket
import zipfile
from pathlib import Path

import pytest
from small_course import STEM

from course_lib.grading import entries, submissions
from course_lib.grading.submissions import Found, find

from .handed_in import MOODLE, RIGHT, SHEET, encrypted, linked, tree, zipped

pytestmark = pytest.mark.usefixtures("small")


def who(found: Found) -> list[str]:
    """Return the learners, once for each submission."""
    return [each.learner for each in found.submissions]


def of_zip(tmp_path: Path, content: bytes) -> Found:
    """Return what is found in a zip of this content."""
    return find([tree(tmp_path / "in", {"class.zip": content}) / "class.zip"])


# how a class may come -> its learners
LAYOUTS = {
    "moodle": ({f"{MOODLE}/{SHEET}": RIGHT, f"Bob_1_assignsubmission_file_/{SHEET}": RIGHT}, ["Ada Lovelace", "Bob"]),
    "moodle without folders": ({f"{MOODLE}{SHEET}": RIGHT}, ["Ada Lovelace"]),
    "moodle with the zips of course submit": ({f"{MOODLE}/submission.zip": zipped({SHEET: RIGHT})}, ["Ada Lovelace"]),
    "canvas": ({f"lovelaceada_1_2_{SHEET}": RIGHT, f"bob_LATE_3_4_{STEM}-1.ipynb": RIGHT}, ["bob", "lovelaceada"]),
    "canvas with zips": ({"bob_1_2_submission.zip": zipped({SHEET: RIGHT})}, ["bob"]),
    "zips of course submit": ({"ada.zip": zipped({SHEET: RIGHT}), "bob.zip": zipped({SHEET: RIGHT})}, ["ada", "bob"]),
    "folders": ({f"ada/{SHEET}": RIGHT, f"bob/exercises/{SHEET}": RIGHT}, ["ada", "bob"]),
    "a folder around folders": ({f"class/ada/{SHEET}": RIGHT, f"class/bob/{SHEET}": RIGHT}, ["ada", "bob"]),
    "files": ({"ada.ipynb": RIGHT, f"bob_{SHEET}": RIGHT}, ["ada", "bob"]),
    "nbgrader": (
        {f"submitted/ada/ps1/{SHEET}": RIGHT, f"source/ps1/{SHEET}": RIGHT, "submitted/ada/ps1/timestamp.txt": b"x"},
        ["ada"],
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_is_understood_as_folder_and_as_zip(name: str, tmp_path: Path) -> None:
    files, learners = LAYOUTS[name]
    as_folder, as_zip = find([tree(tmp_path / "class", files)]), of_zip(tmp_path, zipped(files))
    assert (who(as_folder), as_folder.problems) == (learners, [])
    assert (who(as_zip), as_zip.problems) == (learners, [])
    assert {each.text for each in as_folder.submissions} == {RIGHT}


def test_files_given_by_a_shell_are_named_by_their_folders(tmp_path: Path) -> None:
    root = tree(tmp_path / "submitted", {f"{name}/ps1/{SHEET}": RIGHT for name in ("ada", "bob")})
    assert who(find(sorted(root.glob("*/*/*.ipynb")))) == ["ada", "bob"]
    assert who(find(sorted(root.iterdir()))) == ["ada", "bob"]
    plain = tree(tmp_path / "plain", {f"{name}/{SHEET}": RIGHT for name in ("ada", "bob")})
    assert who(find(sorted(plain.glob("*/*.ipynb")))) == ["ada", "bob"]
    assert who(find(sorted(plain.iterdir()))) == ["ada", "bob"]


def test_two_learners_of_one_name_are_told_apart(tmp_path: Path) -> None:
    files = {f"Anna_{number}_assignsubmission_file_/{SHEET}": RIGHT for number in (11, 22)}
    assert who(find([tree(tmp_path / "class", files)])) == ["Anna (11)", "Anna (22)"]


def test_order_is_stable_and_nothing_is_found_twice(tmp_path: Path) -> None:
    one = tree(tmp_path / "one", {f"bob/{SHEET}": RIGHT, f"Ada/{SHEET}": RIGHT})
    two = tree(tmp_path / "two", {f"ada/{SHEET}": RIGHT})
    assert who(find([one, two, one])) == who(find([two, one])) == ["Ada", "ada", "bob"]


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(tmp_path / "class", {"ada.zip": zipped({SHEET: RIGHT}), f"bob/{SHEET}": RIGHT})
    monkeypatch.setattr("tempfile.mkdtemp", lambda *_: pytest.fail("a folder was made"))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    for path in (root, *root.iterdir()):
        find([path])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


HOSTILE = {
    "traversal": (zipped({f"../{SHEET}": RIGHT}), "has a name that leads out of its zip and is not read"),
    "absolute": (zipped({f"/etc/{SHEET}": RIGHT}), "has a name that leads out of its zip and is not read"),
    "drive": (zipped({f"C:\\{SHEET}": RIGHT}), "has a name that leads out of its zip and is not read"),
    "backslash": (zipped({f"..\\..\\{SHEET}": RIGHT}), "has a name that leads out of its zip and is not read"),
    "link": (linked(SHEET, "/etc/passwd"), "is a link or a device in a zip and is not followed"),
    "encrypted": (encrypted(SHEET), "is encrypted; ask for it without a password"),
    "bomb": (zipped({SHEET: b"{" + b" " * 50_000_000}), "is larger than 8 MB; ask for the answers only"),
    "half a bomb": (zipped({SHEET: b"{" + b" " * 5_000_000}), "is not a notebook; ask for it again"),
    "zeros": (zipped({SHEET: bytes(1000)}), "is not a notebook (no JSON inside); ask for it again"),
    "nothing": (zipped({SHEET: b""}), "is not a notebook (no JSON inside); ask for it again"),
    "bzip2": (zipped({SHEET: RIGHT}, zipfile.ZIP_BZIP2), "is packed by method 12, which is not read"),
    "lzma": (zipped({SHEET: RIGHT}, zipfile.ZIP_LZMA), "is packed by method 14, which is not read"),
    "no zip": (b"PK not really", "is no zip that can be read (File is not a zip file); ask for it again"),
    "empty": (zipped({}), "is an empty zip; ask for it again"),
    "half a zip": (zipped({SHEET: RIGHT})[:-30], "is no zip that can be read (File is not a zip file)"),
    "deep": (zipped({"a/" * 30 + SHEET: RIGHT}), "lies more than 20 folders deep and is not read"),
    "no notebook": (zipped({"report.pdf": b"%PDF"}), "no notebook, only"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_zip_costs_itself_and_is_one_sentence(name: str, tmp_path: Path) -> None:
    content, sentence = HOSTILE[name]
    found = of_zip(tmp_path, zipped({"eve.zip": content, f"ada/{SHEET}": RIGHT}))
    assert who(found) == ["ada"]
    assert len(found.problems) == 1
    assert sentence in found.problems[0]
    assert "eve" in found.problems[0]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_zip_in_a_folder_is_the_same(name: str, tmp_path: Path) -> None:
    content, sentence = HOSTILE[name]
    found = find([tree(tmp_path / "class", {"eve.zip": content, f"ada/{SHEET}": RIGHT})])
    assert who(found) == ["ada"]
    assert [sentence in problem for problem in found.problems] == [True]


def test_every_damaged_byte_is_survived(tmp_path: Path) -> None:
    made = zipped({f"eve/{SHEET}": RIGHT})
    heads = [*range(60), *range(len(made) - 130, len(made))]
    path = tmp_path / "class.zip"
    for at in heads:
        for value in (0, 0x7F, 0xFF):
            path.write_bytes(made[:at] + bytes([value]) + made[at + 1 :])
            found = find([path])
            assert found.submissions or found.problems or found.notes, f"byte {at} as {value}: nothing is said"


def test_zip_in_zip_in_zip_has_an_end(tmp_path: Path) -> None:
    content = zipped({SHEET: RIGHT})
    for _ in range(5):
        content = zipped({"ada.zip": content})
    assert of_zip(tmp_path, content).problems == [
        "class.zip/ada.zip/ada.zip/ada.zip/ada.zip: is a zip in more than 3 zips and is not read; ask for a plain one"
    ]


def test_zip_that_lists_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "TABLE", 3000)
    many = zipped({f"{number}.txt": b"" for number in range(200)})
    sentence = "lists more than 20000 files; unpack it and name the folder"
    assert of_zip(tmp_path, many).problems == [f"class.zip: {sentence}"]
    assert of_zip(tmp_path, zipped({"eve.zip": many})).problems == [f"class.zip/eve.zip: {sentence}"]


def test_too_many_files_are_counted_and_the_first_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MOST_FILES", 2)
    found = find([tree(tmp_path / "class", {f"{name}.ipynb": RIGHT for name in ("ada", "bob", "eve")})])
    assert who(found) == ["ada", "bob"]
    assert found.problems == ["class: holds more than 2 files, the rest is not read; name folders inside it"]


def test_bombs_of_one_learner_do_not_cost_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submissions, "OF_A_LEARNER", len(RIGHT) + 10)
    files = {f"eve/{number}_{SHEET}": RIGHT for number in range(3)}
    found = find([tree(tmp_path / "class", {**files, f"ada/{SHEET}": RIGHT})])
    assert who(found) == ["ada", "eve"]
    assert found.problems == [
        f"class/eve/{number}_{SHEET}: is not read: more than 0 MB of one learner; ask for the answers only"
        for number in (1, 2)
    ]


def test_class_that_fills_the_memory_is_graded_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submissions, "ALTOGETHER", len(RIGHT) + 10)
    found = find([tree(tmp_path / "class", {"ada.ipynb": RIGHT, "bob.ipynb": RIGHT})])
    assert who(found) == ["ada"]
    assert "MB together; grade the class in parts" in found.problems[0]


def test_odd_things_in_a_folder_are_said_and_not_followed(tmp_path: Path) -> None:
    root = tree(tmp_path / "class", {f"ada/{SHEET}": RIGHT, f"big/{SHEET}": b"{" * 8_000_001, "eve/notes.txt": b"x"})
    (root / "link").symlink_to("/")
    os.mkfifo(root / "pipe.ipynb")
    found = find([root])
    assert who(found) == ["ada"]
    assert sorted(found.problems) == [
        f"class/big/{SHEET}: is larger than 8 MB; ask for the answers only (course submit)",
        "class/link: is a link and is not followed; copy the file itself",
        "class/pipe.ipynb: is not a file; a submission is a notebook or a zip of notebooks",
        "eve: no notebook, only class/eve/notes.txt; ask for the .ipynb file",
    ]


def test_socket_is_no_submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("door.ipynb")
        (problem,) = find([tmp_path]).problems
    assert problem.partition(": ")[2].startswith("cannot be read (")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_file_without_permission_is_one_sentence(tmp_path: Path) -> None:
    root = tree(tmp_path / "class", {f"ada/{SHEET}": RIGHT, f"eve/{SHEET}": RIGHT})
    (root / "eve" / SHEET).chmod(0)
    assert find([root]).problems == [f"class/eve/{SHEET}: cannot be read (Permission denied); check its permissions"]


def test_path_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    found = find([tmp_path / "nowhere", tree(tmp_path / "class", {"ada.ipynb": RIGHT})])
    assert (who(found), found.problems) == (["ada"], ["nowhere: not found; is the path right?"])


def test_litter_and_our_own_folders_are_passed_over_and_counted(tmp_path: Path) -> None:
    files = {
        f"ada/{SHEET}": RIGHT,
        f"ada/.ipynb_checkpoints/{SHEET}": RIGHT,
        f"ada/notebooks/{SHEET}": RIGHT,
        f"ada/solutions/{SHEET}": RIGHT,
        "ada/notes.txt": b"",
        "__MACOSX/ada/._x.ipynb": b"",
        ".DS_Store": b"",
        "read_me.txt": b"",
    }
    expected = [
        ".ipynb_checkpoints",
        "__MACOSX",
        "hidden files",
        "notebooks",
        "other files",
        "solutions",
    ]
    for found in (find([tree(tmp_path / "class", files)]), of_zip(tmp_path, zipped(files))):
        assert (who(found), found.problems) == (["ada"], [])
        assert [note.rpartition("(")[2].rstrip(")") for note in found.notes] == expected
    assert "class.zip: 2 passed over (other files)" in found.notes


def test_names_with_odd_letters_are_written_out(tmp_path: Path) -> None:
    odd = {f"e\x1b[31mve/{SHEET}": RIGHT, f"Mu\u0308ller/{SHEET}": RIGHT, f"\u202eada/{SHEET}": RIGHT}
    for found in (find([tree(tmp_path / "class", odd)]), of_zip(tmp_path, zipped(odd))):
        assert who(found) == [r"\u202eada", r"e\x1b[31mve", "Müller"]
        assert found.problems == []
    (tmp_path / "bytes").mkdir()
    (tmp_path / "bytes" / os.fsdecode(b"\xff.ipynb")).write_bytes(RIGHT)
    assert who(find([tmp_path / "bytes"])) == [r"\udcff"]


def test_exercise_leaves_out_all_others_with_a_note(small: Path, tmp_path: Path) -> None:
    (small / "solutions" / "01_other.ipynb").write_bytes((small / "solutions" / SHEET).read_bytes())
    root = tree(tmp_path / "class", {f"ada/{SHEET}": RIGHT, "ada/01_other.ipynb": RIGHT, "bob/broken.ipynb": b"{"})
    found = find([root], STEM)
    assert [each.file for each in found.submissions] == [f"class/ada/{SHEET}", "class/bob/broken.ipynb"]
    assert found.notes == ["class/ada/01_other.ipynb is left out: it belongs to 01_other"]


def test_folder_of_the_reports_is_not_looked_into(tmp_path: Path) -> None:
    root = tree(tmp_path / "class", {"ada.ipynb": RIGHT, "grades/report.json": b"{}", "grades/bob.ipynb": RIGHT})
    assert who(find([root], leave_out=root / "grades")) == ["ada"]


def test_zip_that_claims_less_than_it_holds_is_stopped(tmp_path: Path) -> None:
    made = bytearray(zipped({SHEET: b"{" + b" " * 50_000_000}))
    at = made.index(b"PK\x01\x02") + 24  # the size in the table of contents
    made[at : at + 4] = (100).to_bytes(4, "little")
    found = of_zip(tmp_path, bytes(made))
    assert found.submissions == []
    assert len(found.problems) == 1


def test_class_in_one_large_zip_is_read_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("ada/picture.png", os.urandom(9_000_000))  # the zip is larger than anything inside may be
        archive.writestr(f"ada/{SHEET}", RIGHT)
    assert who(of_zip(tmp_path, buffer.getvalue())) == ["ada"]
    inside = find([tree(tmp_path / "folder", {"class.zip": buffer.getvalue()})])
    assert inside.problems == ["folder/class.zip: is larger than 8 MB; ask for the answers only (course submit)"]


def test_limits_are_in_the_documentation() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "grading.md").read_text(encoding="utf-8")
    table = page.partition("| limit | value |")[2].partition("\n\n")[0]
    found = [int(number.replace(",", "")) for number in re.findall(r"\| ([\d,]+)(?: MB)? \|$", table, re.MULTILINE)]
    sizes = [entries.LARGEST, submissions.OF_A_LEARNER, submissions.ALTOGETHER]
    rest = [entries.MOST_FILES, entries.TABLE // entries.MB, entries.DEEPEST, entries.PATH_PARTS]
    assert found == [*(size // entries.MB for size in sizes), *rest]
