"""Jobs whose callables are coroutine functions: which are, and how such a job runs without an event loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from threading import Thread
from typing import Any


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Return whether a call gives a coroutine: also of ``partial`` objects, and of objects with ``async __call__``."""
    while isinstance(function, partial):
        function = function.func
    if inspect.iscoroutinefunction(function):
        return True
    return inspect.iscoroutinefunction(getattr(type(function), "__call__", None))  # noqa: B004 - the method itself


def run_to_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a new event loop, and return its result: in this thread, unless that has a running loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    done: Future[Any] = Future()
    context = copy_context()

    def work() -> None:
        try:
            done.set_result(context.run(asyncio.run, coroutine))
        except BaseException as error:  # noqa: BLE001 - raised again by ``result``
            done.set_exception(error)

    Thread(target=work, name="Kalends coroutine").start()
    return done.result()
