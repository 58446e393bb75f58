"""Tasks that are no plain functions under their own names, or whose ends are unusual. Workers import this module."""

from __future__ import annotations

import ctypes
import functools
import sys
import threading
from collections.abc import Callable
from typing import Any

from kalends import task


class Sync:
    """Can be called, and has no name of its own."""

    def __call__(self, x: int = 1) -> int:
        return x + 1


sync = task(name="odd.callable")(Sync())
greet = task(name="odd.partial")(functools.partial("{} {}".format, "hello"))
double = task(name="odd.lambda")(lambda x=2: x * 2)


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any) -> str:
        return f"guarded: {function(*args)}"

    return inner


def bare(function: Callable[..., Any]) -> Callable[..., Any]:
    def inner(*args: Any) -> str:
        return f"bare: {function(*args)}"

    return inner


def load() -> str:
    return "raw load"


load_task = task(name="odd.wrapped")(guarded(load))
load_bare = task(name="odd.local")(bare(load))


@guarded
@task(name="odd.wrapped_after_it_was_marked")
def marked_first() -> str:
    return "marked"


@task(name="odd.first")
def job() -> str:
    return "first"


first = job


@task(name="odd.second")  # type: ignore[no-redef]  # two tasks whose functions have the same qualified name
def job() -> str:
    return "second"


def _numbers() -> Any:
    yield 1


async def _async_numbers() -> Any:
    yield 1


async def _later() -> int:
    return 1


@task(name="odd.generator")
def generator() -> Any:
    return _numbers()


@task(name="odd.async_generator")
async def async_generator() -> Any:
    return _async_numbers()


@task(name="odd.coroutine")
async def coroutine() -> Any:
    return _later()


@task(name="odd.exit")
def leave(*code: Any) -> None:
    sys.exit(*code)


@task(name="odd.async_exit")
async def leave_async(*code: Any) -> None:
    sys.exit(*code)


class ExitingError(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class InterruptingError(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class HostileName(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]  # hostile: reading the name of the class exits
        raise SystemExit(4)


class NamelessError(Exception, metaclass=HostileName):
    pass


class HostileText(str):
    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        raise SystemExit(5)

    def __str__(self) -> Any:
        return self


class TextError(Exception):
    def __str__(self) -> str:
        return HostileText("its words")


class HidingError(Exception):
    """Has properties, which raise, in the places where an exception keeps what belongs to it."""

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]  # hostile: reading the notes exits
        raise SystemExit(6)

    @property
    def __cause__(self) -> BaseException | None:  # type: ignore[override]  # hostile: reading the cause exits
        raise SystemExit(7)


ERRORS: dict[str, type[Exception]] = {
    "exiting": ExitingError,
    "interrupting": InterruptingError,
    "nameless": NamelessError,
    "text": TextError,
    "hiding": HidingError,
}


@task(name="odd.raise")
def raise_odd(which: str) -> None:
    raise ERRORS[which]


ROWS: dict[str, int] = {}


@task(name="odd.caused")
def caused() -> None:
    try:
        ROWS["row 7"]
    except KeyError as error:
        error_of_this_run = ValueError("no total")
        error_of_this_run.add_note("while reading north.csv")
        raise error_of_this_run from error


@task(name="odd.group")
def group() -> None:
    raise ExceptionGroup("two failed", [ValueError("north"), KeyError("south")])


@task(name="odd.interrupted_from_outside")
def interrupted_from_outside() -> None:
    """Have an exception set in this thread that arrives after the task has returned, or within it."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(threading.get_ident()), ctypes.py_object(SystemExit))


@task(name="odd.leaks")
def leak() -> None:
    try:
        _connect(password="hunter2-first")  # noqa: S106 - a secret that the log must not show
    except ValueError as error:
        raise KeyError("connection") from error


def _connect(password: str) -> None:
    raise ValueError(f"password={password}")


@task(name="odd.recursive")
def recurse(text: str) -> None:
    recurse(text)
