"""Calling a task, in whatever thread or process it was given to."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kalends.executors.results import error_text, result_text
from kalends.tasks.context import CurrentRun, enter


@dataclass(frozen=True, slots=True)
class Returned:
    """What came of a call: a result, or an error's text. It crosses processes, so it is plain text."""

    result: str | None = None
    message: str = ""
    error: str | None = None


def call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], run: CurrentRun) -> Returned:
    """Call a function, plain or ``async``, and return what came of it. It never raises, whatever the function does."""
    enter(run)
    try:
        value = function(*args, **kwargs)
        if inspect.iscoroutine(value):
            value = asyncio.run(value)
        result, message = result_text(value)
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt of a task are its own failure
        return Returned(error=error_text(error))
    return Returned(result, message)


def call_by_reference(
    reference: tuple[str, str], args: Sequence[Any], kwargs: Mapping[str, Any], run: CurrentRun
) -> Returned:
    """Find a function by module and qualified name, and call it: what a worker process does."""
    try:
        found: Any = importlib.import_module(reference[0])
        for part in reference[1].split("."):
            found = getattr(found, part)
    except Exception as error:  # noqa: BLE001 - a module that imports here may fail to import there
        return Returned(error=error_text(error))
    return call(found, args, kwargs, run)
