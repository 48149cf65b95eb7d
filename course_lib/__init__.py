"""The names a learner types, imported only when they are used.

`%load_ext course_lib` adds the `%%app` cell magic; everything else is one of the names in `__all__`.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_lib.checks import check as check
    from course_lib.client import client as client
    from course_lib.databases import database as database
    from course_lib.databases import fresh as fresh
    from course_lib.databases import slow as slow
    from course_lib.databases.activity import server_activity as server_activity
    from course_lib.databases.table import servers as servers
    from course_lib.doctor import doctor as doctor
    from course_lib.expect import expect as expect
    from course_lib.field_guide import explain as explain
    from course_lib.observe import from_arrival as from_arrival
    from course_lib.observe import gauge as gauge
    from course_lib.observe import loop_lag as loop_lag
    from course_lib.observe import peak as peak
    from course_lib.observe import timeline as timeline
    from course_lib.observe import trace as trace
    from course_lib.study import predict as predict
    from course_lib.workspace import exercise as exercise
    from course_lib.workspace import lesson as lesson

# where each name lives: importing the package must cost nothing (no driver, no widget, no plot)
_HOMES = {
    "check": "course_lib.checks",
    "client": "course_lib.client",
    "database": "course_lib.databases",
    "doctor": "course_lib.doctor",
    "exercise": "course_lib.workspace",
    "expect": "course_lib.expect",
    "explain": "course_lib.field_guide",
    "fresh": "course_lib.databases",
    "from_arrival": "course_lib.observe",
    "gauge": "course_lib.observe",
    "lesson": "course_lib.workspace",
    "loop_lag": "course_lib.observe",
    "peak": "course_lib.observe",
    "predict": "course_lib.study",
    "server_activity": "course_lib.databases.activity",
    "servers": "course_lib.databases.table",
    "slow": "course_lib.databases",
    "study": "course_lib.study",
    "timeline": "course_lib.observe",
    "trace": "course_lib.observe",
}

__all__ = [
    "check",
    "client",
    "database",
    "doctor",
    "exercise",
    "expect",
    "explain",
    "fresh",
    "from_arrival",
    "gauge",
    "lesson",
    "loop_lag",
    "peak",
    "predict",
    "server_activity",
    "servers",
    "slow",
    "study",
    "timeline",
    "trace",
]


class _Package(ModuleType):
    """This package; Python binds an imported submodule in it, which must not hide the function of the same name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in _HOMES and name != "study"):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(_HOMES[name])
    value = module if name == "study" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


def load_ipython_extension(shell: Any) -> None:
    """Register `%%app` and the short tracebacks in an IPython `shell` (`Any`: IPython ships no types)."""
    from course_lib.workspace.extension import load

    load(shell)
