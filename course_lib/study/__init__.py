"""What helps a learner learn: predict prompts, cards, quizzes, the mind map, bookmarks and progress.

Nothing heavy is imported before the first use: no database driver, no widget, no schedule. Several functions carry the
names of their modules; here the name is always the function.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from course_lib.study.predict import predict
from course_lib.study.progress import progress

if TYPE_CHECKING:
    from course_lib.study.bookmarks import bookmark as bookmark
    from course_lib.study.deck import cards as cards
    from course_lib.study.mindmap import mindmap as mindmap
    from course_lib.study.quiz import quiz as quiz
    from course_lib.study.speed import speed as speed

# where each name lives that is imported at its first use only
_HOMES = {"bookmark": "bookmarks", "cards": "deck", "mindmap": "mindmap", "quiz": "quiz", "speed": "speed"}

__all__ = ["bookmark", "cards", "mindmap", "predict", "progress", "quiz", "speed"]


class _Package(ModuleType):
    """This package; Python binds an imported submodule in it, which must not hide the function of the same name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in __all__):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
