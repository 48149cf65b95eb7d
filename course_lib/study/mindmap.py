"""The course as a mind map, drawn by JupyterLab itself and coloured by what the learner knows.

Each colour has a shape and a word beside it, and the outline under the picture says the same as text.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.study.journal import Journal
from course_lib.study.mastery import Mastery, Word, mastery, standing_answers
from course_lib.study.met import met_lessons

FILE = Path(__file__).parent / "mindmap.toml"
ROOT = "Velvet Rope"
# word -> (shape, CSS class, fill, ink, border); colours of Okabe and Ito, ink on fill at least 4.5:1
LOOKS: dict[Word, tuple[str, str, str, str, str]] = {
    "known": ("{{%s}}", "known", "#005f8f", "#ffffff", "stroke-width:3px"),
    "growing": ("(%s)", "growing", "#f0e442", "#000000", "stroke-width:2px"),
    "met": ("[%s]", "met", "#ffffff", "#000000", "stroke-width:2px"),
    "not yet": ("[%s]", "later", "#eeeeee", "#000000", "stroke-width:1px;stroke-dasharray:4"),
}


# what is no word of the map stays grey, so that colour means knowledge and nothing else
FRAME = (
    ".edge {stroke:#767676 !important} "
    ".frame rect, .frame path, .frame circle {fill:#333333 !important;stroke:#333333} "
    ".frame text, .frame tspan, .frame span {fill:#ffffff !important;color:#ffffff !important}"
)


@dataclass(frozen=True)
class Leaf:
    """One word of the map, the lesson that explains it, and the questions of the bank about it."""

    branch: str
    name: str
    lesson: int
    questions: tuple[str, ...] = ()


@cache
def leaves(path: Path = FILE) -> tuple[Leaf, ...]:
    """Return the leaves of the map, branch by branch; raise `CourseError` when its file is broken."""
    try:
        branches = tomllib.loads(path.read_text(encoding="utf-8"))["branch"]
        return tuple(
            Leaf(branch["name"], leaf["name"], leaf["lesson"], tuple(leaf.get("questions", ())))
            for branch in branches
            for leaf in branch["leaves"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CourseError(f"the mind map {path.name} cannot be read ({error}); restore the file") from error


class MindMap:
    """The map as it is coloured now: mermaid in a notebook, the outline as text everywhere."""

    def __init__(self, journal: Journal | None = None) -> None:
        events = (journal or Journal()).events()
        met, answers = {int(stem[:2]) for stem in met_lessons(events)}, standing_answers(events)
        self.mastery: dict[Leaf, Mastery] = {
            leaf: mastery(leaf.questions, answers, is_met=leaf.lesson in met) for leaf in leaves()
        }

    def __repr__(self) -> str:
        """Return the outline as text."""
        return "\n".join([self.summary(), *self._outline("  {name} {lesson:02}: {said}", "{branch}")])

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        """Return the picture and the outline under it for a notebook, and the outline as text."""
        outline = "\n".join(self._outline("  - {name} ({lesson:02}): {said}", "- **{branch}**"))
        listed = f"<details><summary>The same as a list</summary>\n\n{outline}\n\n</details>"
        return {
            "text/markdown": f"```mermaid\n{self.mermaid()}\n```\n\n{self.summary()}\n\n{listed}\n",
            "text/plain": repr(self),
        }

    def summary(self) -> str:
        """Return one line: how many words of the map are known, growing, met, and still to come."""
        counts = Counter(one.word for one in self.mastery.values())
        said = ", ".join(f"{counts[word]} {word}" for word in LOOKS)
        return f"Mind map of {ROOT}: {len(self.mastery)} words; {said}"

    def mermaid(self) -> str:
        """Return the picture as mermaid text; it has no accTitle, because mermaid's mind map does not know it."""
        css = " ".join(
            f".{name} rect, .{name} path, .{name} polygon {{fill:{fill} !important;stroke:#000000;{border}}} "
            f".{name} text, .{name} tspan, .{name} span {{fill:{ink} !important;color:{ink} !important}}"
            for _, name, fill, ink, border in LOOKS.values()
        )
        lines = [f'%%{{init: {{"themeCSS": "{css} {FRAME}"}}}}%%', "mindmap", f"  root(({ROOT}))", "  :::frame"]
        branch = ""
        for number, (leaf, one) in enumerate(self.mastery.items()):
            if leaf.branch != branch:
                branch = leaf.branch
                lines += [f"    {branch}", "    :::frame"]
            shape, css_class, *_ = LOOKS[one.word]
            word = "" if one.word == "not yet" else f": {one.word}"  # most are: their dashes say it, and leave room
            label = f'"{leaf.name} {leaf.lesson:02}{word}"'
            lines += [f"      leaf{number}{shape % label}", f"      :::{css_class}"]
        return "\n".join(lines)

    def _outline(self, leaf_line: str, branch_line: str) -> list[str]:
        lines, branch = [], ""
        for leaf, one in self.mastery.items():
            if leaf.branch != branch:
                branch = leaf.branch
                lines.append(branch_line.format(branch=branch))
            count = f" ({one.known} of {one.of})" if one.known else ""
            lines.append(leaf_line.format(name=leaf.name, lesson=leaf.lesson, said=f"{one.word}{count}"))
        return lines


def mindmap() -> MindMap:
    """Return the course as a mind map, coloured by what you know."""
    return MindMap()
