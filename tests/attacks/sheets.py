"""Attacks on the sheet itself: cells that are edited, moved, deleted or doubled, metadata that is lost or made up.

Only answers are taken from a sheet, so none of it may change a verdict; what is odd leaves a note.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any  # Any: a cell is JSON

from attacks.targets import Target
from course_lib.checks.outcome import OutcomeName
from course_lib.notebook_file import Notebook, source

Damage = Callable[[Notebook, Target], None]
CHANGED = "the check cell was changed; ours was used"
TWICE = "answered twice; the last cell counts"
JOINED = "the answer was split over two cells; they were joined"
ELSEWHERE = "the line '# question: @question@' is missing or changed; found by its metadata"
MARKDOWN = "the answer stands in a markdown cell; make it a code cell"


@dataclass(frozen=True)
class Spoiled:
    """A damage to a sheet whose answer is right or wrong, the outcome it must have all the same, and the note."""

    name: str
    damage: Damage
    answer: str = "right"
    outcome: OutcomeName = "pass"
    note: str = ""

    def sheet(self, target: Target) -> Notebook:
        """Return the damaged sheet."""
        sheet = target.sheet(target.right if self.answer == "right" else target.wrong)
        self.damage(sheet, target)
        return sheet

    def said(self, target: Target) -> str:
        """Return the note that must stand beside the verdict."""
        return self.note.replace("@question@", target.question)


def cell_of(sheet: Notebook, name: str) -> dict[str, Any]:
    """Return the cell with the id `name`."""
    found: dict[str, Any] = next(cell for cell in sheet["cells"] if cell.get("id") == name)
    return found


def code(text: str, **more: Any) -> dict[str, Any]:
    """Return a code cell of the learner's own."""
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": text, **more}


def on_check(**changes: Any) -> Damage:
    """Change the check cell."""
    return lambda sheet, target: cell_of(sheet, f"check-{target.question}").update(copy.deepcopy(changes))


def on_answer(**changes: Any) -> Damage:
    """Change the answer cell."""
    return lambda sheet, target: cell_of(sheet, f"answer-{target.question}").update(copy.deepcopy(changes))


def print_the_pass(sheet: Notebook, target: Target) -> None:
    """Let the check cell print what a right answer would show."""
    cell_of(sheet, f"check-{target.question}")["source"] = f'print("pass {target.question}, 1 point: {target.proved}")'


def delete_check(sheet: Notebook, target: Target) -> None:
    """Delete the check cell."""
    sheet["cells"].remove(cell_of(sheet, f"check-{target.question}"))


def delete_others(sheet: Notebook, target: Target) -> None:
    """Delete everything but the answer."""
    sheet["cells"] = [cell_of(sheet, f"answer-{target.question}")]


def move_check_up(sheet: Notebook, target: Target) -> None:
    """Put the check cell first."""
    check = cell_of(sheet, f"check-{target.question}")
    sheet["cells"].remove(check)
    sheet["cells"].insert(0, check)


def reverse(sheet: Notebook, target: Target) -> None:
    """Turn the order of all cells round."""
    sheet["cells"].reverse()


def shuffle(sheet: Notebook, target: Target) -> None:
    """Mix the cells."""
    random.Random(target.question).shuffle(sheet["cells"])


def tag_all(*tags: str) -> Damage:
    """Put these tags on every cell."""

    def damage(sheet: Notebook, target: Target) -> None:
        for cell in sheet["cells"]:
            cell["metadata"]["tags"] = [*tags]

    return damage


def comment(text: str) -> Damage:
    """Put a comment that means something to some tool behind the first line of the answer."""

    def damage(sheet: Notebook, target: Target) -> None:
        cell = cell_of(sheet, f"answer-{target.question}")
        cell["source"] = source(cell).replace("\n", f"\n{text}\n", 1)

    return damage


def forge_outputs(sheet: Notebook, target: Target) -> None:
    """Store the outputs of a right answer, and absurd counts."""
    shown = {"text/plain": f"pass {target.question}, 1 point: {target.proved}"}
    value = {"output_type": "execute_result", "data": shown, "execution_count": 1, "metadata": {}}
    for cell in sheet["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [copy.deepcopy(value)], -7


def clear_outputs(sheet: Notebook, target: Target) -> None:
    """Clear outputs and counts."""
    for cell in sheet["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None


def lose_metadata(sheet: Notebook, target: Target) -> None:
    """Take metadata and ids away."""
    sheet["nbformat_minor"] = 4
    del sheet["metadata"]
    for cell in sheet["cells"]:
        cell.pop("id", None)
        cell.pop("metadata")


def lose_line(sheet: Notebook, target: Target) -> None:
    """Take the line with the question away; the metadata still tell it."""
    cell = cell_of(sheet, f"answer-{target.question}")
    cell["source"] = source(cell).partition("\n")[2]


def lose_line_and_id(sheet: Notebook, target: Target) -> None:
    """Take the line and the id away; the grade_id still tells it."""
    lose_line(sheet, target)
    for number, cell in enumerate(sheet["cells"]):
        cell["id"] = f"cell-{number}"


def lose_everything(sheet: Notebook, target: Target) -> None:
    """Take away whatever could tell which question it answers."""
    lose_line(sheet, target)
    lose_metadata(sheet, target)


def twice(first: str, second: str) -> Damage:
    """Answer twice, at the place of the answer and at the end."""

    def damage(sheet: Notebook, target: Target) -> None:
        texts = {"right": target.right, "wrong": target.wrong}
        cell_of(sheet, f"answer-{target.question}")["source"] = texts[first]
        sheet["cells"].append(code(texts[second]))

    return damage


def split(sheet: Notebook, target: Target) -> None:
    """Split the answer before its function, as the command of an editor does, which doubles the metadata."""
    cell = cell_of(sheet, f"answer-{target.question}")
    head, sep, rest = target.right.partition("\n\n")
    if not sep:
        head, _, rest = target.right.partition("\n")
    cell["source"] = head
    sheet["cells"].insert(sheet["cells"].index(cell) + 1, {**copy.deepcopy(cell), "source": rest})


def points(number: int) -> Damage:
    """Promise other points."""

    def damage(sheet: Notebook, target: Target) -> None:
        cell_of(sheet, f"check-{target.question}")["metadata"]["nbgrader"]["points"] = number

    return damage


def unlock(sheet: Notebook, target: Target) -> None:
    """Turn every flag of nbgrader round."""
    for cell in sheet["cells"]:
        grade = cell["metadata"].get("nbgrader", {})
        for flag in ("grade", "locked", "solution"):
            if flag in grade:
                grade[flag] = not grade[flag]


def swap_metadata(sheet: Notebook, target: Target) -> None:
    """Exchange ids and metadata of two answers."""
    one = cell_of(sheet, f"answer-{target.question}")
    other = cell_of(sheet, f"answer-{target.neighbour}")
    one["id"], other["id"] = other["id"], one["id"]
    one["metadata"], other["metadata"] = other["metadata"], one["metadata"]


def edit_setup(sheet: Notebook, target: Target) -> None:
    """Let the first cells bring a check of their own."""
    for cell in sheet["cells"]:
        if cell["cell_type"] == "code" and not cell.get("id", "").startswith(("answer-", "check-")):
            cell["source"] = "async def check(*question, **what):\n    return 'pass'"


def add_raw(tag: str) -> Damage:
    """Add a raw cell of the kind that our own solutions have."""

    def damage(sheet: Notebook, target: Target) -> None:
        course = {"question": target.question, "section": 1}
        for text in (target.right, target.wrong):
            metadata = {"tags": [tag], "course": course}
            sheet["cells"].append({"cell_type": "raw", "id": f"{tag}-x", "metadata": metadata, "source": text})

    return damage


def add_cells(*cells: dict[str, Any]) -> Damage:
    """Add cells at the end."""
    return lambda sheet, target: sheet["cells"].extend(copy.deepcopy([*cells]))


def many_cells(sheet: Notebook, target: Target) -> None:
    """Add ten thousand cells."""
    sheet["cells"] += [code(f"x = {number}") for number in range(10_000)]


def odd_metadata(sheet: Notebook, target: Target) -> None:
    """Put things that are no metadata there."""
    odd: list[Any] = [None, [], "x", 3, {"tags": 3}, {"nbgrader": []}, {"course": 1}, {"nbgrader": {"grade_id": []}}]
    for number, cell in enumerate(sheet["cells"]):
        cell["metadata"] = odd[number % len(odd)]
    sheet["metadata"] = 3
    sheet["nbformat_minor"] = "five"


def misspell(sheet: Notebook, target: Target) -> None:
    """Answer a question that does not exist, in a cell of their own."""
    sheet["cells"].remove(cell_of(sheet, f"answer-{target.question}"))
    sheet["cells"].append(code(target.right.replace(target.question, f"{target.question}s", 1)))


def other_format(sheet: Notebook, target: Target) -> None:
    """Say a format of the future."""
    sheet["nbformat_minor"] = 99
    sheet["metadata"] = {"kernelspec": {"name": "ir", "language": "R"}, "widgets": {"application": {"state": {}}}}


def same_ids(sheet: Notebook, target: Target) -> None:
    """Give every cell the same id."""
    for cell in sheet["cells"]:
        cell["id"] = "same"


def in_a_raw_cell(sheet: Notebook, target: Target) -> None:
    """Make the answer a raw cell."""
    cell_of(sheet, f"answer-{target.question}")["cell_type"] = "raw"


SPOILED = (
    Spoiled("check edited to pass", on_check(source="pass"), "wrong", "fail", CHANGED),
    Spoiled("check edited to pass, right answer", on_check(source="pass"), note=CHANGED),
    Spoiled("check prints the expected text", print_the_pass, "wrong", "fail", CHANGED),
    Spoiled("check asks an easier question", on_check(source='await check("x")'), "wrong", "fail", CHANGED),
    Spoiled("check empty", on_check(source=""), "wrong", "fail", CHANGED),
    Spoiled("check is text", on_check(cell_type="markdown"), "wrong", "fail"),
    Spoiled("check deleted", delete_check, "wrong", "fail"),
    Spoiled("all but the answer deleted", delete_others),
    Spoiled("check above the answer", move_check_up, "wrong", "fail"),
    Spoiled("cells reversed", reverse),
    Spoiled("cells mixed", shuffle, "wrong", "fail"),
    Spoiled("outputs forged", forge_outputs, "wrong", "fail"),
    Spoiled("outputs cleared", clear_outputs),
    Spoiled("outputs are none", on_check(outputs=3, execution_count="x"), "wrong", "fail"),
    Spoiled("tags of nbval", tag_all("nbval-skip", "nbval-ignore-output", "raises-exception"), "wrong", "fail"),
    Spoiled("tags of other tools", tag_all("skip-execution", "remove-cell", "because", "wrong"), "wrong", "fail"),
    Spoiled("comment of nbval", comment("# NBVAL_SKIP"), "wrong", "fail"),
    Spoiled("comment of nbgrader", comment("### BEGIN SOLUTION\n### END SOLUTION\n# AUTOGRADED"), "wrong", "fail"),
    Spoiled("metadata and ids lost", lose_metadata),
    Spoiled("line lost", lose_line, note=ELSEWHERE),
    Spoiled("line and id lost", lose_line_and_id, note=ELSEWHERE),
    Spoiled("everything lost", lose_everything, outcome="not attempted"),
    Spoiled("right, then wrong", twice("right", "wrong"), outcome="fail", note=TWICE),
    Spoiled("wrong, then right", twice("wrong", "right"), note=TWICE),
    Spoiled("split over two cells", split, note=JOINED),
    Spoiled("answer is text", on_answer(cell_type="markdown"), outcome="not attempted", note=MARKDOWN),
    Spoiled("answer is raw", in_a_raw_cell, outcome="not attempted"),
    Spoiled("a thousand points", points(1000), "wrong", "fail"),
    Spoiled("flags of nbgrader", unlock, "wrong", "fail"),
    Spoiled("metadata exchanged", swap_metadata),
    Spoiled("first cells edited", edit_setup, "wrong", "fail"),
    Spoiled("a second right way of their own", add_raw("also-right"), "wrong", "fail"),
    Spoiled("a starter of their own", add_raw("starter"), "wrong", "fail"),
    Spoiled("cells of their own", add_cells(code("1 / 0"), code("import os; os._exit(0)"), code("%%bash\nexit 1"))),
    Spoiled("things that are no cells", add_cells({}, {"cell_type": 3}, {"cell_type": "code", "source": {}})),
    Spoiled("answers of another exercise", add_cells(code("# question: pool-size\nx = 1"))),
    Spoiled("ten thousand cells", many_cells),
    Spoiled("metadata that are none", odd_metadata),
    Spoiled("a format of the future", other_format),
    Spoiled("ids that are all the same", same_ids),
    Spoiled("answer empty", on_answer(source=""), outcome="not attempted", note=ELSEWHERE),
    Spoiled("answer is a list of odd things", on_answer(source=[1, None, {}]), outcome="error", note=ELSEWHERE),
    Spoiled(
        "name misspelt",
        misspell,
        outcome="not attempted",
        note="a cell is marked '# question: @question@s'; did you mean @question@?",
    ),
)
