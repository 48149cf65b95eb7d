"""Which face a study model shows: the widget in a notebook, its own text everywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from course_lib.study.predict import kernel_shell
from course_lib.study.turns import Action, View

if TYPE_CHECKING:
    from course_lib.study.widget import StudyWidget


class Model(Protocol):
    """What cards, quiz and speed challenge have in common: a view, and actions on it."""

    @property
    def title(self) -> str: ...
    def view(self) -> View: ...
    def look(self) -> View: ...
    def act(self, action: Action) -> View: ...


M = TypeVar("M", bound=Model)


def face(model: M) -> M | StudyWidget:
    """Return the widget of a model where a kernel runs and widgets are installed, else the model, which is text."""
    shell: Any = kernel_shell()  # Any: IPython's shell, whose types we must not import
    if shell is None:
        return model
    try:
        from course_lib.study.widget import show
    except ImportError:
        return model
    return show(model)
