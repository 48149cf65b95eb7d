"""Errors and texts are reduced to the same few facts: texts, types and codes, outermost first."""

from __future__ import annotations

from course_lib.field_guide.sighting import MAX_LINKS, chain, leaves, short, sightings


def test_group_gives_a_sighting_for_each_leaf() -> None:
    inner = ExceptionGroup("inner", [KeyError("gin")])
    assert [one.raised for one in sightings(ExceptionGroup("outer", [inner, ValueError("ice")]))] == [
        "KeyError",
        "ValueError",
    ]


def test_pasted_chain_has_the_texts_of_the_raised_one() -> None:
    error = ValueError("outer")
    error.__cause__ = KeyError("gin")
    text = (
        "KeyError: 'gin'\n\nThe above exception was the direct cause of the following exception:\n\nValueError: outer\n"
    )
    [raised], [pasted] = sightings(error), sightings(text)
    assert raised.raised == pasted.raised == "ValueError <- KeyError"
    assert raised.texts == pasted.texts[:2] == ("outer", "'gin'")


def test_sqlstate_is_read_from_a_text() -> None:
    assert sightings("FEHLER: doppelter Wert (SQLSTATE 23505)")[0].codes == {"23505"}
    assert sightings("DBAPIError: Verklemmung, sqlstate=40P01")[0].codes == {"40P01"}
    assert sightings("sqlstate is a word")[0].codes == frozenset()


def test_chain_and_leaves_end() -> None:
    error = RuntimeError("0")
    error.__cause__ = error
    assert chain(error) == [error]
    assert len(leaves(ExceptionGroup("wide", [ValueError(str(i)) for i in range(5 * MAX_LINKS)]))) == MAX_LINKS


def test_driver_copies_and_twins_are_told_apart() -> None:
    names = [
        "sqlalchemy.exc.DBAPIError",
        "sqlalchemy.dialects.postgresql.asyncpg.Error",
        "asyncpg.exceptions.DBAPIError",
    ]
    assert short(names) == "DBAPIError <- asyncpg.DBAPIError"
    assert short([]) == "nothing"
