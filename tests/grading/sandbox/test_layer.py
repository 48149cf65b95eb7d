"""A layer is on or missing, and says so in one sentence."""

from __future__ import annotations

import errno

import pytest

from course_lib.errors import CourseError
from course_lib.grading.sandbox.layer import Isolation, Layer, MissingLayer, attempt

ON = Layer("landlock", True, "ABI 7")
OFF = Layer("seccomp", False, "Function not implemented")


def failing(error: OSError) -> Layer:
    """Return what becomes of a layer that raises `error`."""

    def enter() -> str:
        raise error

    return attempt("seccomp", enter)


def test_layer_that_was_entered_says_what_it_does() -> None:
    assert attempt("landlock", lambda: "ABI 7") == ON


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (OSError(errno.ENOSYS, "text of a library"), "Function not implemented"),
        (OSError("no number"), "no number"),
        (MissingLayer("it needs Linux"), "it needs Linux"),
    ],
)
def test_layer_that_was_not_says_why(error: OSError, detail: str) -> None:
    assert failing(error) == Layer("seccomp", False, detail)


def test_isolation_is_one_sentence_for_each_layer() -> None:
    assert str(Isolation((ON, OFF))) == "landlock: on, ABI 7\nseccomp: missing, Function not implemented"


def test_isolation_knows_what_is_missing() -> None:
    isolation = Isolation((ON, OFF))
    assert isolation.missing == (OFF,)
    assert (isolation.has("landlock"), isolation.has("seccomp"), isolation.has("moat")) == (True, False, False)


def test_whole_isolation_can_be_required() -> None:
    Isolation((ON,)).require()
    with pytest.raises(CourseError) as caught:
        Isolation((ON, OFF)).require()
    assert str(caught.value) == (
        "expected every layer of the sandbox, but this machine lacks seccomp (Function not implemented); "
        "go on without requiring it, or use another machine"
    )


def test_isolation_crosses_a_pipe() -> None:
    isolation = Isolation((ON, OFF))
    assert Isolation.from_json(isolation.to_json()) == isolation
