"""A second worker of an answer: the same code with names of its own, as another process would have it.

A lock or a dict at the top of a cell guards one process; a house has several, and each of them has its own.
"""

from __future__ import annotations

import asyncio
import copy
import threading
from types import FunctionType
from typing import Any, TypeVar  # Any: whatever stands beside the answer

from fastapi import APIRouter
from fastapi.routing import APIRoute

F = TypeVar("F")

LOCKS = (asyncio.Lock, asyncio.Semaphore, asyncio.Condition, asyncio.Event, type(threading.Lock()))
STORES = (dict, list, set)


def second_worker(answer: F) -> F:
    """Return `answer` as a second process would have it: its locks and stores, and its own functions, are copies.

    Anything that is no plain function (a partial, a bound method) is returned as it is.
    """
    if not isinstance(answer, FunctionType):
        return answer
    copied: F = _Worker(answer.__globals__).own(answer)
    return copied


def second_router(router: APIRouter) -> APIRouter:
    """Return a router with the same routes, served by a second worker."""
    other = APIRouter()
    for route in router.routes:
        if isinstance(route, APIRoute):
            other.add_api_route(
                route.path,
                second_worker(route.endpoint),
                methods=sorted(route.methods or ()),
                status_code=route.status_code,
                response_model=route.response_model,
                dependencies=route.dependencies,
            )
    return other


class _Worker:
    """The names of one process, copied from another's."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._first = names
        self._names = dict(names)
        self._copied: dict[int, Any] = {}
        for name, value in names.items():
            if not name.startswith("_"):  # IPython's own memory
                self._names[name] = self.own(value)

    def own(self, value: Any) -> Any:
        """Return what this process has in place of `value`."""
        if id(value) in self._copied:
            return self._copied[id(value)]
        made = value
        if isinstance(value, asyncio.Semaphore):
            made = type(value)(value._value)
        elif isinstance(value, LOCKS):
            made = threading.Lock() if isinstance(value, type(threading.Lock())) else type(value)()
        elif type(value) in STORES:
            made = copy.copy(value)
        elif isinstance(value, FunctionType) and value.__globals__ is self._first:
            made = FunctionType(value.__code__, self._names, value.__name__, value.__defaults__, value.__closure__)
            made.__kwdefaults__, made.__annotations__ = value.__kwdefaults__, value.__annotations__
            made.__dict__.update(value.__dict__)
        self._copied[id(value)] = made
        return made
