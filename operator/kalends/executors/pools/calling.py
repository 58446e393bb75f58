"""Calls a task, in the thread or the process that a run was given to."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, NamedTuple

from kalends.executors.results import clean, error_text, result_text, text_of
from kalends.executors.tracebacks import traceback_text
from kalends.tasks.context import Cancellation, CurrentRun, enter
from kalends.tasks.registry import find_marked

STOPPED = "stopped before it had finished"


@dataclass(frozen=True, slots=True)
class Returned:
    """The outcome of a call: a result, or the text of an error. Only this text crosses processes."""

    result: str | None = None
    message: str = ""
    error: str | None = None
    traceback: str = ""
    """Where the task raised, for the log alone."""
    value: Any = field(default=None, compare=False, repr=False)
    """What the function returned, where it was called in this process."""
    exception: BaseException | None = field(default=None, compare=False, repr=False)
    """What the function raised, where it was called in this process."""

    def text(self) -> dict[str, str | None]:
        """Return what crosses processes."""
        return {
            "result": self.result,
            "message": self.message,
            "error": self.error,
            "traceback": self.traceback,
        }


class Address(NamedTuple):
    """How a worker process finds a callable in a module that it imports."""

    module: str
    name: str
    registered: bool
    """Whether ``name`` is the name of a task; otherwise it is the qualified name of a callable."""


def call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], run: CurrentRun) -> Returned:
    """Call a function, plain or ``async``, and return its outcome. It never raises, whatever the function does."""
    enter(run)
    try:
        value = function(*args, **kwargs)
        if inspect.iscoroutine(value):
            value = _run_async(value, run.cancellation)
        never_ran = _never_ran(value)
        if never_ran is not None:
            return Returned(error=never_ran)
        result, message = result_text(value)
    except SystemExit as error:
        return replace(_exited(error), exception=error)
    except asyncio.CancelledError as error:
        return Returned(error=STOPPED if run.cancelled else error_text(error), exception=error)
    except BaseException as error:  # noqa: BLE001 - whatever a task raises is its own failure
        return Returned(error=error_text(error), traceback=traceback_text(error), exception=error)
    return Returned(result, message, value=value)


def _exited(error: SystemExit) -> Returned:
    """Return what ``sys.exit`` means to a shell: nothing or 0 is success, a number fails, a text fails with it."""
    code = SystemExit.__dict__["code"].__get__(error)
    if code is None:
        return Returned()
    if not isinstance(code, int):
        return Returned(error=clean(text_of(code)) or "ended with exit code 1")
    number = int.__int__(code)
    return Returned(error=f"ended with exit code {number}" if number else None)


def _never_ran(value: object) -> str | None:
    """Return why a call has not done its work, where it has returned code that is still to run."""
    for kind, is_kind in _STILL_TO_RUN.items():
        if is_kind(value):
            with contextlib.suppress(BaseException):
                value.close()  # type: ignore[attr-defined]  # a coroutine that is never awaited must not warn
            return f"it returned {kind}, whose code has not run; a task must do its work when it is called"
    return None


_STILL_TO_RUN: Mapping[str, Callable[[object], bool]] = {
    "a generator": inspect.isgenerator,
    "an async generator": inspect.isasyncgen,
    "a coroutine": inspect.iscoroutine,
}


def _run_async(coroutine: Coroutine[Any, Any, Any], cancellation: Cancellation) -> Any:
    """Run a coroutine in a separate loop, and cancel it there when its end is asked for."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()

        async def work() -> Any:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - for the type checker: a coroutine of a runner is a task

            def cancel() -> None:
                with contextlib.suppress(RuntimeError):  # the loop has ended, and the task with it
                    loop.call_soon_threadsafe(task.cancel)

            cancellation.on_ask(cancel)
            try:
                return await coroutine
            finally:
                cancellation.on_ask(None)

        return runner.run(work())


def call_by_address(address: Address, args: Sequence[Any], kwargs: Mapping[str, Any], run: CurrentRun) -> Returned:
    """Find a callable in its module, and call it: what a worker process does."""
    found = _find(address)
    return Returned(error=found) if isinstance(found, str) else call(found, args, kwargs, run)


def look_for(address: Address) -> Returned:
    """Return an error where a worker process does not find a callable: what it does before a resource is accepted."""
    found = _find(address)
    return Returned(error=found if isinstance(found, str) else None)


def _find(address: Address) -> Callable[..., Any] | str:
    module, name = address.module, address.name
    try:
        imported = importlib.import_module(module)
        found = find_marked(imported, name) if address.registered else attrgetter(name)(imported)
    except BaseException as error:  # noqa: BLE001 - a module that imports in the operator may fail, or exit, here
        return f"the module {module!r} cannot be imported in a worker process: {error_text(error)}"
    return found or f"a worker process that imports the module {module!r} finds no task {name!r} in it"
