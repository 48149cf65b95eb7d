"""What the common JUnit form allows: the schema junit-10 of Jenkins's xunit plugin, in our words.

A validator of the schema itself would be a dependency for one file; these tables are the part of it that reports use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

# element -> its attributes that must be there, those that may be, and the elements that may stand in it
FORM: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url", "version"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name"},
        {"time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "skipped": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "failure": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}
TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]{0,3})?")


def faults(element: Element, within: str = "") -> Iterator[str]:
    """Yield what the form does not allow in an element and all below it."""
    needed, allowed, inside = FORM.get(element.tag, (set(), set(), set()))
    if element.tag not in (FORM[within][2] if within else {"testsuites", "testsuite"}):
        yield f"{element.tag} in {within or 'the file'}"
    if missing := needed - {*element.attrib}:
        yield f"{element.tag} without {sorted(missing)}"
    if unknown := {*element.attrib} - needed - allowed:
        yield f"{element.tag} with {sorted(unknown)}"
    if not TIME.fullmatch(element.get("time", "")):
        yield f"time {element.get('time')!r}"
    if inside and (element.text or "").strip():
        yield f"text in {element.tag}"
    for child in element:
        yield from faults(child, element.tag)
