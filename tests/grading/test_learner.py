"""Who handed a file in is read from platforms' names, folders and what is left of a file's name."""

from __future__ import annotations

import pytest

from course_lib.grading.learner import Learner, from_platform, learner_of, wrapped

STEMS = ["03_engine_and_session", "05_async_orm"]
FILE = "03_engine_and_session.ipynb"


@pytest.mark.parametrize(
    ("path", "learner"),
    [
        (f"Ada Lovelace_12345_assignsubmission_file_/{FILE}", Learner("Ada Lovelace", "12345")),
        (f"Ada Lovelace_12345_assignsubmission_file/{FILE}", Learner("Ada Lovelace", "12345")),
        (f"Ada_von_Lovelace_12345_assignsubmission_file_{FILE}", Learner("Ada_von_Lovelace", "12345")),
        ("Ada Lovelace_12345_assignsubmission_file_/submission.zip/" + FILE, Learner("Ada Lovelace", "12345")),
        (f"lovelaceada_123_4567_{FILE}", Learner("lovelaceada", "123")),
        ("lovelaceada_LATE_123_4567_03_engine_and_session-1.ipynb", Learner("lovelaceada", "123")),
        (f"lovelaceada_123_4567_submission.zip/{FILE}", Learner("lovelaceada", "123")),
        (f"submitted/ada/ps1/{FILE}", Learner("ada")),
        (f"course/submitted/ada/ps1/{FILE}", Learner("ada")),
        (f"ada/{FILE}", Learner("ada")),
        (f"ada.zip/{FILE}", Learner("ada")),
        (f"ada/exercises/{FILE}", Learner("ada")),
        (f"work/exercises/{FILE}", Learner("root")),
        ("03_engine_and_session/ada.ipynb", Learner("ada")),
        ("ada.ipynb", Learner("ada")),
        (f"ada_{FILE}", Learner("ada")),
        ("03_engine_and_session-ada.ipynb", Learner("ada")),
        (FILE, Learner("root")),
        ("03_engine_and_session-Copy1.ipynb", Learner("root")),
        ("03_engine_and_session (2).ipynb", Learner("root")),
    ],
)
def test_learner_is_read_from_the_path(path: str, learner: Learner) -> None:
    assert learner_of(tuple(path.split("/")), "root", STEMS) == learner


def test_folder_of_a_platform_names_the_learner_of_the_sheet_in_it() -> None:
    root = "Ada Lovelace_12345_assignsubmission_file_"
    assert learner_of((FILE,), root, STEMS) == Learner("Ada Lovelace", "12345")


@pytest.mark.parametrize("text", ["ada", "03_engine_and_session", "ada_03_engine", "_12_34_x"])
def test_other_names_are_no_platforms(text: str) -> None:
    assert from_platform(text) is None


@pytest.mark.parametrize(
    ("paths", "depth"),
    [
        ([f"class/ada/{FILE}", f"class/bob/{FILE}"], 1),
        ([f"zip/class/ada/{FILE}", f"zip/class/bob/{FILE}"], 2),
        ([f"root/ada/{FILE}"], 1),
        ([f"class/A B_1_assignsubmission_file_/{FILE}"], 1),
        ([f"class/lovelaceada_1_2_{FILE}"], 1),
        ([f"ada/{FILE}"], 0),
        ([f"ada/exercises/{FILE}"], 0),
        ([f"A B_1_assignsubmission_file_/one/{FILE}", f"A B_1_assignsubmission_file_/two/{FILE}"], 0),
        ([f"ada/{FILE}", f"bob/{FILE}"], 0),
        (["ada.ipynb", f"bob/{FILE}"], 0),
        ([], 0),
    ],
)
def test_folder_around_all_learners_is_seen_where_something_says_so(paths: list[str], depth: int) -> None:
    assert wrapped([tuple(path.split("/")) for path in paths], "root") == depth
