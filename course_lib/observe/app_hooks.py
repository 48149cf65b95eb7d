"""Hooks on FastAPI: when an endpoint runs, when a yield dependency enters and exits, when a background task runs.

An endpoint is watched inside its own thread, because a `def` endpoint that waits for a thread is not inside yet.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any  # Any: endpoints and dependencies have any signature

from course_lib.observe.events import APP, emit


@functools.cache
def install() -> None:
    """Wrap FastAPI's endpoint runner and Starlette's background task; further calls change nothing."""
    import fastapi.routing
    from starlette.background import BackgroundTask

    # this function was split out by FastAPI so that tools can profile endpoints: it is looked up at every request
    runner: Any = _watched_runner(fastapi.routing.run_endpoint_function)
    task: Any = _watched_task(BackgroundTask.__call__)
    fastapi.routing.run_endpoint_function = runner
    BackgroundTask.__call__ = task  # type: ignore[method-assign] # there is no public hook for background tasks


@contextmanager
def _inside(name: str) -> Generator[None]:
    emit("endpoint", APP.get(), name)
    try:
        yield
    finally:
        emit("endpoint-end", APP.get(), name)


def _watched_runner(run: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(run)
    async def runner(*, dependant: Any, values: dict[str, Any], is_coroutine: bool) -> Any:
        name = getattr(dependant.call, "__name__", "endpoint")
        if is_coroutine:
            with _inside(name):
                return await run(dependant=dependant, values=values, is_coroutine=True)
        call = dependant.call

        @functools.wraps(call)
        def in_thread(**values: Any) -> Any:
            with _inside(name):
                return call(**values)

        return await run(dependant=replace(dependant, call=in_thread), values=values, is_coroutine=False)

    return runner


def _watched_task(call: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(call)
    async def background(self: Any) -> None:
        emit("background", APP.get(), getattr(self.func, "__name__", "task"))
        await call(self)

    return background


class WatchedOverrides(dict[Callable[..., Any], Callable[..., Any]]):
    """An app's `dependency_overrides` that also wraps every yield dependency, so that its exit is seen."""

    def __init__(self, overrides: dict[Callable[..., Any], Callable[..., Any]]) -> None:
        super().__init__(overrides)
        self._wrapped: dict[Callable[..., Any], Callable[..., Any]] = {}

    def __bool__(self) -> bool:
        return True  # FastAPI asks the overrides only when there are some

    def get(self, call: Any, default: Any = None) -> Any:
        """Return what FastAPI shall call for the dependency `call`."""
        chosen = super().get(call, default)
        if chosen is None or not (inspect.isasyncgenfunction(chosen) or inspect.isgeneratorfunction(chosen)):
            return chosen
        if chosen not in self._wrapped:
            self._wrapped[chosen] = _watched_dependency(chosen)
        return self._wrapped[chosen]


def _watched_dependency(call: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(call):

        @functools.wraps(call)
        async def watched(*args: Any, **values: Any) -> AsyncIterator[Any]:
            from contextlib import asynccontextmanager

            async with asynccontextmanager(call)(*args, **values) as value:
                emit("enter", APP.get(), call.__name__)
                try:
                    yield value
                finally:
                    emit("exit", APP.get(), call.__name__)

        return watched

    @functools.wraps(call)
    def watched_in_thread(*args: Any, **values: Any) -> Generator[Any]:
        with contextmanager(call)(*args, **values) as value:
            emit("enter", APP.get(), call.__name__)
            try:
                yield value
            finally:
                emit("exit", APP.get(), call.__name__)

    return watched_in_thread
