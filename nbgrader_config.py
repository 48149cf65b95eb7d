"""What nbgrader needs to know to make the same exercises from `solutions/` as `course derive` does.

nbgrader reads this file by itself; by default it would write another stub, and keep our raw cells and explanations.
"""

from __future__ import annotations

import os
from typing import Any  # Any: nbgrader's types are not here, it runs in an environment of its own

from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import ClearSolutions, NbGraderPreprocessor

os.environ.setdefault("COURSE_STRICT", "1")  # an untouched answer then raises: a check that prints would get its points


class PrepareExercise(NbGraderPreprocessor):  # type: ignore[misc]  # see Any
    """Put the broken code of a `starter` cell into its answer, and leave out what a learner must not see."""

    def preprocess(self, notebook: Any, resources: Any) -> tuple[Any, Any]:
        """Change `notebook` the way `course derive` does, after the solutions were cleared."""
        starters = {
            cell.metadata.course.question: _without_caught(cell.source)
            for cell in notebook.cells
            if cell.cell_type == "raw" and "starter" in cell.metadata.get("tags", [])
        }
        notebook.cells = [
            cell
            for cell in notebook.cells
            if cell.cell_type != "raw" and "because" not in cell.metadata.get("tags", [])
        ]
        for cell in notebook.cells:
            grading = cell.metadata.get("nbgrader", {})
            if grading.get("solution") and grading.get("grade_id") in starters:
                cell.source = starters[grading["grade_id"]]
        return notebook, resources


def _without_caught(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("# caught:"))


c = get_config()  # type: ignore[name-defined]  # noqa: F821 - traitlets gives a config file this function
steps = list(GenerateAssignment.preprocessors.default_args[0])
steps.insert(steps.index(ClearSolutions) + 1, PrepareExercise)
c.GenerateAssignment.preprocessors = steps
c.ClearSolutions.code_stub = {"python": "...  # your code here"}
c.ClearSolutions.begin_solution_delimeter = "### BEGIN SOLUTION"
c.ClearSolutions.end_solution_delimeter = "### END SOLUTION"
