"""Which rows are locked in which order: two transfers that take the same two in opposite orders wait for each other."""

from __future__ import annotations

from typing import Any  # Any: what SQLAlchemy hands to an event

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


class Writes:
    """The ids (1 and 2) that UPDATEs and locking reads of `engine` name, in order, and how many statements did."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.ids: list[int] = []
        self.statements = 0
        event.listen(engine.sync_engine, "before_cursor_execute", self._note)

    def _note(self, *arguments: Any) -> None:
        statement, parameters = arguments[2].upper(), arguments[3]
        if statement.startswith("UPDATE") or "FOR UPDATE" in statement:
            self.statements += 1
            sets = parameters if isinstance(parameters, list) else [parameters]
            self.ids += [value for row in sets for value in self._values(row) if value in (1, 2)]

    @staticmethod
    def _values(row: Any) -> list[Any]:
        return list(row.values()) if isinstance(row, dict) else list(row)
