"""A view is a list of what may be seen, with holes where the secrets are."""

from __future__ import annotations

from pathlib import Path

import pytest

from course_lib.grading.sandbox.policy import Policy
from course_lib.grading.sandbox.view import PACKAGE, View, standard_view, view_of
from course_lib.locations import course_root


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Return a folder with a secret two folders down."""
    for name in ("bar/menu.txt", "office/safe/money.txt", "office/desk.txt"):
        (tmp_path / "house" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "house" / name).touch()
    return tmp_path / "house"


def test_folder_without_secrets_is_shown_whole(house: Path) -> None:
    assert view_of([house], []) == View((house,), ())


def test_folder_with_a_secret_is_shown_in_parts(house: Path) -> None:
    view = view_of([house], [house / "office" / "safe"])
    assert view.shown == (house / "bar", house / "office" / "desk.txt")
    assert view.listed == (house, house / "office")


def test_what_lies_in_a_secret_is_not_shown_by_naming_it(house: Path) -> None:
    assert view_of([house / "office" / "safe" / "money.txt"], [house / "office"]) == View()


def test_link_beside_a_secret_is_not_followed(house: Path) -> None:
    (house / "back-door").symlink_to(house / "office" / "safe")
    assert view_of([house], [house / "office"]).shown == (house / "bar",)


def test_link_to_a_folder_is_shown_under_both_names(house: Path, tmp_path: Path) -> None:
    (tmp_path / "club").symlink_to(house)
    assert view_of([tmp_path / "club"], []).shown == (tmp_path / "club", house)
    assert view_of([tmp_path / "club"], [house]) == View()


def test_what_is_not_there_is_left_out(house: Path) -> None:
    assert view_of([house / "cellar"], []) == View()


def test_views_add_up_to_the_outermost(house: Path) -> None:
    assert view_of([house / "bar"], []) + view_of([house], []) == View((house,), ())


def test_solutions_and_question_bank_are_never_shown() -> None:
    view = Policy(readable=(course_root(),)).view
    secrets = [course_root() / "solutions", PACKAGE / "study" / "bank"]
    related = [
        path for path in view.shown for secret in secrets if path.is_relative_to(secret) or secret.is_relative_to(path)
    ]
    assert related == []
    assert PACKAGE / "checks" in view.shown


def test_usual_view_has_no_home_no_root_and_no_proc() -> None:
    shown = standard_view().shown
    assert {Path("/"), Path("/etc"), Path("/proc"), Path("/tmp"), Path.home(), course_root()}.isdisjoint(shown)


def test_policy_hides_what_it_also_shows(house: Path) -> None:
    assert house / "office" not in Policy(readable=(house,), hidden=(house / "office",)).view.shown
