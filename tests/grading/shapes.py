"""Good answers in every shape that a tool or a person gives them: what a judge must not mistake for a fault.

A shape takes a solved sheet and returns the bytes of a file; the answers in it stay right.
"""

from __future__ import annotations

import ast
import copy
import json
import random
from collections.abc import Callable
from typing import Any  # Any: a cell is JSON

from attacks.targets import filled, solution, variants

from course_lib import notebook_file
from course_lib.notebook_file import Notebook, code_cells, question_of, source

Shape = Callable[[Notebook, random.Random], bytes]
NOISE = {
    "prints": 'print("here", "{\\"outcome\\": \\"fail\\"}")',
    "log lines": 'import logging, sys\nlogging.getLogger("mine").warning("slow")\nprint("x", file=sys.stderr)',
    "warnings": 'import warnings\nwarnings.warn("old", DeprecationWarning)\nwarnings.warn("odd")',
    "a shown value": '"pass first-call, 1 point"',
}
EXTRA = ("x = 1 / 0", "while True: pass", "!pip install something", "import os; os._exit(1)", "", "await check('x')")


def sheets(stem: str) -> list[Notebook]:
    """Return solved sheets: the solutions, then every other right way, as many sheets as the richest question needs."""
    asked = notebook_file.questions(solution(stem))
    ways = {name: [one.text for kind in ("solution", "right") for one in variants(stem, name, kind)] for name in asked}
    number = max(map(len, ways.values()))
    return [filled(stem, {name: texts[turn % len(texts)] for name, texts in ways.items()}) for turn in range(number)]


def dumped(sheet: Notebook, **options: Any) -> bytes:
    """Return a sheet as a file."""
    return json.dumps(sheet, **{"indent": 1, "ensure_ascii": False, **options}).encode()


def on_answers(change: Callable[[str], str]) -> Shape:
    """Return the shape that changes the text of every answer."""

    def shape(sheet: Notebook, chance: random.Random) -> bytes:
        for cell in code_cells(sheet):
            if question_of(cell):
                cell["source"] = change(source(cell))
        return dumped(sheet)

    return shape


def on_cells(change: Callable[[dict[str, Any], random.Random], Any]) -> Shape:
    """Return the shape that changes every cell."""

    def shape(sheet: Notebook, chance: random.Random) -> bytes:
        for cell in sheet["cells"]:
            change(cell, chance)
        return dumped(sheet)

    return shape


def reordered(sheet: Notebook, chance: random.Random) -> bytes:
    """Mix all cells."""
    chance.shuffle(sheet["cells"])
    return dumped(sheet)


def with_extra_cells(sheet: Notebook, chance: random.Random) -> bytes:
    """Put cells of their own between the others; nobody runs them."""
    for text in EXTRA:
        cell: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
        cell["source"] = text
        sheet["cells"].insert(chance.randrange(len(sheet["cells"])), cell)
    return dumped(sheet)


def cleared(cell: dict[str, Any], chance: random.Random) -> None:
    """Clear outputs and counts."""
    if cell["cell_type"] == "code":
        cell |= {"outputs": [], "execution_count": None}


def executed(cell: dict[str, Any], chance: random.Random) -> None:
    """Store outputs and counts as a kernel leaves them."""
    if cell["cell_type"] == "code":
        text = {"output_type": "stream", "name": "stderr", "text": ["a warning\n"]}
        cell |= {"outputs": [text], "execution_count": chance.randrange(1000)}
        cell["metadata"]["execution"] = {"iopub.execute_input": "2026-01-01T00:00:00.000000Z"}


def titled(cell: dict[str, Any], chance: random.Random) -> None:
    """Edit the words around."""
    if cell["cell_type"] == "markdown":
        cell["source"] = f"# Mine\n\n{source(cell).upper()}"


def as_text(cell: dict[str, Any], chance: random.Random) -> None:
    """Store the source as one string."""
    cell["source"] = source(cell)


def as_lines(cell: dict[str, Any], chance: random.Random) -> None:
    """Store the source as a list of lines."""
    cell["source"] = source(cell).splitlines(keepends=True)


def without_metadata(sheet: Notebook, chance: random.Random) -> bytes:
    """Lose all metadata and ids; the line with the question stays."""
    sheet["metadata"] = {}
    for cell in sheet["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)
    return dumped(sheet)


def with_other_ids(cell: dict[str, Any], chance: random.Random) -> None:
    """Give the cell an id as another tool makes them."""
    cell["id"] = f"{chance.getrandbits(32):08x}"


def of_minor(minor: int) -> Shape:
    """Return the shape of a minor version; before 4.5 cells have no ids."""

    def shape(sheet: Notebook, chance: random.Random) -> bytes:
        sheet["nbformat_minor"] = minor
        for cell in sheet["cells"]:
            if minor < 5:
                cell.pop("id", None)
        return dumped(sheet)

    return shape


def of_vscode(sheet: Notebook, chance: random.Random) -> bytes:
    """Write what VS Code writes: its own language ids, an interpreter's hash, no id it did not make."""
    editor = {"interpreter": {"hash": "a"}}
    sheet["metadata"] = {"language_info": {"name": "python"}, "orig_nbformat": 4, "vscode": editor}
    for cell in sheet["cells"]:
        cell["metadata"] = {**cell["metadata"], "vscode": {"languageId": "python"}}
        with_other_ids(cell, chance)
    return dumped(sheet, indent=2)


def of_colab(sheet: Notebook, chance: random.Random) -> bytes:
    """Write what Colab writes: minor 0, ids inside the metadata, ASCII only."""
    sheet |= {"nbformat_minor": 0, "metadata": {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}}}
    for cell in sheet["cells"]:
        cell.pop("id", None)
        cell["metadata"] = {"id": f"{chance.getrandbits(48):x}", "colab": {"base_uri": "x"}, "outputId": "y"}
    return dumped(sheet, indent=2, ensure_ascii=True)


def of_nbgrader(sheet: Notebook, chance: random.Random) -> bytes:
    """Write what nbgrader's autograde leaves: checksums, and its own comment cells."""
    for cell in code_cells(sheet):
        cell["metadata"].setdefault("nbgrader", {})["checksum"] = f"{chance.getrandbits(128):032x}"
    cell = {"cell_type": "markdown", "metadata": {"nbgrader": {"grade_id": "c", "task": True}}, "source": "a remark"}
    sheet["cells"].append(cell)
    return dumped(sheet)


def with_mark(sheet: Notebook, chance: random.Random) -> bytes:
    """Begin the file with a byte order mark."""
    return b"\xef\xbb\xbf" + dumped(sheet)


def with_crlf_lines(sheet: Notebook, chance: random.Random) -> bytes:
    """End the lines of the file as Windows does."""
    return dumped(sheet).replace(b"\n", b"\r\n")


def compact(sheet: Notebook, chance: random.Random) -> bytes:
    """Write the file on one line, in ASCII, keys sorted."""
    return dumped(sheet, indent=None, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def renamed(text: str) -> str:
    """Give the names inside the functions of an answer other spellings."""
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            rename = _Rename(node)
            node.body = [rename.visit(statement) for statement in node.body]
    return f"{text.partition(chr(10))[0]}\n{ast.unparse(tree)}"


class _Rename(ast.NodeTransformer):
    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        inside = [node for statement in function.body for node in ast.walk(statement)]
        functions = [node for node in inside if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        stored = {node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        given = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
        self._names = (stored | {node.name for node in functions}) - given

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._new(node.id), node.ctx)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.Nonlocal:
        return ast.Nonlocal([self._new(name) for name in node.names])

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._new(node.name)
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.name = self._new(node.name)
        return self.generic_visit(node)

    def _new(self, name: str) -> str:
        return f"my_{name}_β" if name in self._names else name


def noisy(noise: str) -> Callable[[str], str]:
    """Return the change that adds lines in front of and behind an answer."""

    def change(text: str) -> str:
        first, _, rest = text.partition("\n")
        return f"{first}\n{noise}\n{rest}\n{noise}"

    return change


def commented(text: str) -> str:
    """Add comments and blank lines, and spaces where nobody sees them."""
    lines = [line + ("   " if not line.endswith("\\") else "") for line in text.split("\n")]
    return "\n" + "\n".join([lines[0], "", "# ¿ a comment ? 🍸", *lines[1:], "", "# the end", ""])


def odd_first_line(text: str) -> str:
    """Write the line with the question with other spaces."""
    return text.replace("# question: ", "#question:    ", 1)


def with_tabs(text: str) -> str:
    """Indent by tabs."""
    lines = []
    for line in text.split("\n"):
        bare = line.lstrip(" ")
        deep = (len(line) - len(bare)) // 4
        lines.append("\t" * deep + bare)
    return "\n".join(lines)


SHAPES: dict[str, Shape] = {
    "as it is": lambda sheet, chance: dumped(sheet),
    "cells reordered": reordered,
    "extra cells": with_extra_cells,
    "outputs cleared": on_cells(cleared),
    "outputs of another run": on_cells(executed),
    "titles edited": on_cells(titled),
    "source in one piece": on_cells(as_text),
    "source in lines": on_cells(as_lines),
    "metadata lost": without_metadata,
    "ids rewritten": on_cells(with_other_ids),
    **{f"minor version {minor}": of_minor(minor) for minor in range(6)},
    "VS Code": of_vscode,
    "Colab": of_colab,
    "nbgrader": of_nbgrader,
    "byte order mark": with_mark,
    "CRLF in the file": with_crlf_lines,
    "one line": compact,
    "other names": on_answers(renamed),
    **{name: on_answers(noisy(noise)) for name, noise in NOISE.items()},
    "comments": on_answers(commented),
    "another spelling of the first line": on_answers(odd_first_line),
    "tabs": on_answers(with_tabs),
    "CRLF in the answer": on_answers(lambda text: text.replace("\n", "\r\n")),
}


def written(sheet: Notebook, shape: str, seed: int = 0) -> bytes:
    """Return a copy of a solved sheet in one of the shapes."""
    return SHAPES[shape](copy.deepcopy(sheet), random.Random(f"{shape} {seed}"))
