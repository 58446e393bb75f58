"""Calling a task, in whatever thread or process it was given to."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kalends.executors.results import error_text, result_text
from kalends.tasks.context import Cancellation, CurrentRun, enter

STOPPED = "stopped before it had finished"


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
            value = _run_async(value, run.cancellation)
        result, message = result_text(value)
    except asyncio.CancelledError as error:
        return Returned(error=STOPPED if run.cancelled else error_text(error))
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt of a task are its own failure
        return Returned(error=error_text(error))
    return Returned(result, message)


def _run_async(coroutine: Coroutine[Any, Any, Any], cancellation: Cancellation) -> Any:
    """Run a coroutine in a loop of its own, and cancel it there when its end is asked for."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()

        async def work() -> Any:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - for the type checker: a coroutine of a runner is a task

            def cancel() -> None:
                with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile, and the task with it
                    loop.call_soon_threadsafe(task.cancel)

            cancellation.on_ask(cancel)
            try:
                return await coroutine
            finally:
                cancellation.on_ask(None)

        return runner.run(work())


def call_by_reference(
    reference: tuple[str, str], args: Sequence[Any], kwargs: Mapping[str, Any], run: CurrentRun
) -> Returned:
    """Find a function by module and qualified name, and call it: what a worker process does."""
    try:
        found: Any = importlib.import_module(reference[0])
        for part in reference[1].split("."):
            found = getattr(found, part)
    except BaseException as error:  # noqa: BLE001 - a module that imports here may fail, or exit, there
        return Returned(error=error_text(error))
    return call(found, args, kwargs, run)
