"""A pasted text is read as a person reads it: the last error first, then its causes, each leaf of a group by itself."""

from __future__ import annotations

import pytest

from course_lib.field_guide.pasted import chains, last_part, named_type

CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"
HEAD = 'Traceback (most recent call last):\n  File "menu.py", line 3, in order\n    raise\n'
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "bar.py", line 9, in <module>
  |     raise ExceptionGroup("bar", errors)
  | ExceptionGroup: bar (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Exception Group Traceback (most recent call last):
    |   File "bar.py", line 5, in shift
    | ExceptionGroup: shift (1 sub-exception)
    +-+---------------- 1 ----------------
      | Traceback (most recent call last):
      |   File "bar.py", line 2, in pour
      | KeyError: 'gin'
      +------------------------------------
    +---------------- 2 ----------------
    | ValueError: no ice
    +------------------------------------
"""


def read(text: str) -> list[list[tuple[str, str]]]:
    """Return the types and messages of a text, plain enough to compare."""
    return [[(" <- ".join(one.types), one.text) for one in chain] for chain in chains(text)]


def test_last_line_is_the_error() -> None:
    assert read(f"INFO: started\n{HEAD}ValueError: no ice\n") == [[("ValueError", "no ice")]]


def test_causes_follow_the_error_they_caused() -> None:
    text = f"{HEAD}KeyError: 'gin'\n{CAUSE}{HEAD}bar.errors.NoDrinkError: no gin\n{CAUSE}{HEAD}RuntimeError: closed\n"
    assert read(text) == [[("RuntimeError", "closed"), ("bar.errors.NoDrinkError", "no gin"), ("KeyError", "'gin'")]]


def test_error_that_was_being_handled_is_no_cause() -> None:
    text = f"{HEAD}KeyError: 'gin'\n{CONTEXT}{HEAD}RuntimeError: closed\n"
    assert read(text) == [[("RuntimeError", "closed")]]
    assert "gin" not in last_part(text)


def test_message_goes_on_to_the_next_blank_line_or_frame() -> None:
    text = "sqlalchemy.exc.DBAPIError: (driver) deadlock detected\nDETAIL: two waited\n[SQL: SELECT 1]\n\nnext: 1\n"
    assert read(text) == [
        [("sqlalchemy.exc.DBAPIError", "(driver) deadlock detected\nDETAIL: two waited\n[SQL: SELECT 1]")]
    ]


@pytest.mark.parametrize(
    "text",
    [
        "web-1  | Traceback (most recent call last):\nweb-1  |   File x\nweb-1  | ValueError: no ice\nweb-1  | next",
        f"\x1b[31m{HEAD}\x1b[0mValueError: \x1b[1mno ice\x1b[0m\n",
        "E   ValueError: no ice\n\nmenu.py:3: ValueError",
        "Traceback (most recent call last):\\n  File x\\nValueError: no ice\\n",
        "ValueError                       Traceback (most recent call last)\nCell In[1], line 1\n\nValueError: no ice",
    ],
)
def test_what_surrounds_the_lines_is_taken_off(text: str) -> None:
    [[(types, message), *_]] = read(text)
    assert (types, message.splitlines()[0]) == ("ValueError", "no ice")


@pytest.mark.parametrize(
    "text",
    [
        "12:00:01 ERROR bar: ValueError: no ice",
        "Jun 05 03:02 host bar[7]: Traceback (most recent call last):\nJun 05 03:02 host bar[7]: ValueError: no ice",
        "FAILED tests/test_bar.py::test_ice - ValueError: no ice",
    ],
)
def test_type_behind_other_words_is_named(text: str) -> None:
    assert (chains(text), named_type(text)) == ([], "ValueError")


def test_group_is_read_leaf_by_leaf() -> None:
    assert read(GROUP) == [[("KeyError", "'gin'")], [("ValueError", "no ice")]]


def test_group_that_was_being_handled_is_gone() -> None:
    assert read(f"{GROUP}{CONTEXT}{HEAD}ValueError: last\n") == [[("ValueError", "last")]]


def test_group_alone_is_named() -> None:
    assert read("ExceptionGroup: bar (2 sub-exceptions)") == [[("ExceptionGroup", "bar (2 sub-exceptions)")]]


def test_types_written_by_expect_are_kept() -> None:
    assert read("IntegrityError <- sqlite3.IntegrityError: x") == [[("IntegrityError <- sqlite3.IntegrityError", "x")]]


@pytest.mark.parametrize("text", ["", " \n", "the bar is closed", "warning: low ice", "a: b\nc: d", "ERROR: what"])
def test_words_without_a_type_are_no_error(text: str) -> None:
    assert chains(text) == []


def test_known_types_may_have_any_name() -> None:
    assert chains("Tired: at four", lambda name: name == "Tired")[0][0].text == "at four"
