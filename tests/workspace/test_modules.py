"""Forgetting `app` modules: the next import reads the files, engines are closed later, old names are told."""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text

from course_lib.workspace import folder, modules

DATABASE = """
from fastapi import FastAPI
from sqlalchemy import func
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("sqlite+aiosqlite:///{path}")
same = engine
app = FastAPI()
LIMIT = 40


class Item:
    pass


def create() -> None:
    pass
"""


@pytest.fixture
def database_module(workspace: Path, tmp_path: Path) -> ModuleType:
    """Return the imported module `app.database` of a workspace; it holds an engine."""
    folder.write("database.py", DATABASE.format(path=tmp_path / "x.db"))
    return importlib.import_module("app.database")


def test_the_next_import_reads_the_file_again(workspace: Path) -> None:
    folder.write("items.py", "VERSION = 1\n")
    folder.root()
    assert importlib.import_module("app.items").VERSION == 1
    folder.write("items.py", "VERSION = 2 # longer\n")
    modules.forget()
    assert "app" not in sys.modules
    assert importlib.import_module("app.items").VERSION == 2


def test_modules_that_only_begin_like_app_are_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apple", ModuleType("apple"))
    modules.forget()
    assert "apple" in sys.modules


def test_an_engine_of_a_forgotten_module_is_closed_later_and_once(database_module: ModuleType) -> None:
    async def main() -> tuple[int, int]:
        async with database_module.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        modules.forget()
        waiting = len(modules._waiting)
        idle = database_module.engine.pool.checkedin()
        await modules.dispose_forgotten()
        assert not modules._waiting
        return waiting, idle

    assert asyncio.run(main()) == (1, 1)


def test_without_sqlalchemy_there_is_no_engine_to_look_for(
    database_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "sqlalchemy.ext.asyncio")
    modules.forget()
    assert modules._waiting == []


def test_names_of_the_old_version_are_told(database_module: ModuleType) -> None:
    namespace: dict[str, Any] = {
        "Item": database_module.Item,
        "create": database_module.create,
        "gin": database_module.Item(),
        "database": database_module,
        "app": database_module.app,
        "engine": database_module.engine,
        "_hidden": database_module.Item,
    }
    assert modules.stale_names(namespace) == ["Item", "app", "create", "database", "engine", "gin"]


def test_names_that_are_not_the_apps_are_not_told(database_module: ModuleType) -> None:
    from fastapi import FastAPI
    from sqlalchemy import func

    namespace = {"func": func, "FastAPI": FastAPI, "asyncio": asyncio, "LIMIT": 40, "x": None, "app": FastAPI()}
    assert modules.stale_names(namespace) == []


def test_an_odd_module_name_is_the_class_s(database_module: ModuleType) -> None:
    odd = database_module.Item()
    odd.__module__ = 7
    assert modules.stale_names({"odd": odd}) == ["odd"]
