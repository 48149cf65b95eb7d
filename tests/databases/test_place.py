"""Where a database is: it crosses a socket whole, and shows no password."""

from __future__ import annotations

import json

from course_lib.databases.place import Login, Place

PLACE = Place(
    kind="postgres",
    name="course_1",
    host="127.0.0.1",
    port=5432,
    logins={"app": Login("course_1", "ginger"), "readonly": Login("course_1_readonly", "lemon")},
    version="17.10",
    capabilities=("tls",),
    socket="/tmp/c-1",
    ca="/ca.pem",
    other_ca="/other.pem",
    fingerprint="0f",
)


def test_a_place_survives_the_way_through_json() -> None:
    assert Place.from_json(json.loads(json.dumps(PLACE.to_json()))) == PLACE


def test_a_place_shows_no_password() -> None:
    shown = repr(PLACE)
    assert "course_1_readonly" in shown
    assert "ginger" not in shown
    assert "lemon" not in shown
