"""The registry of tasks: callables marked with ``@task`` in modules that the operator was configured to load.

A resource names a task; it can never name a path to import. Modules come from the entry-point group ``kalends.tasks``
of installed packages, and from the allow-list in the settings. A worker process finds a task as the operator did, by
the module that holds it and its mark: never by the name of a function, which may belong to another one by then.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, TypeVar, overload

from kalends.errors import InvalidSettings, InvalidSpec, InvalidTask

log = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "kalends.tasks"
_MARK = "__kalends_task__"
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Task:
    """A callable that ScheduledJobs may name."""

    name: str
    function: Callable[..., Any]
    module: str
    """The module in which it was found: a worker process imports that, and looks for the mark."""
    attribute: str
    signature: inspect.Signature | None = field(init=False, compare=False, repr=False)
    """Its parameters; None where they cannot be read. Computed once: ten thousand resources may name one task."""

    def __post_init__(self) -> None:
        """Read the signature."""
        signature = None
        with contextlib.suppress(ValueError, TypeError):  # some built-in callables have none
            signature = inspect.signature(self.function)
        object.__setattr__(self, "signature", signature)

    @property
    def place(self) -> str:
        """The module and the attribute that hold it, for messages."""
        return f"{self.module}.{self.attribute}"


@overload
def task(function: Function, /) -> Function: ...
@overload
def task(*, name: str | None = None) -> Callable[[Function], Function]: ...


def task(function: Function | None = None, /, *, name: str | None = None) -> Function | Callable[[Function], Function]:
    """Mark a callable as a task: a function, plain or ``async``, a ``functools.partial``, an object with ``__call__``.

    Args:
        function: The callable; it stays as it is.
        name: What resources call it; by default its module and name: ``reports.nightly``.

    Raises:
        InvalidTask: It cannot be a task; the message says what can.
    """

    def mark(function: Function) -> Function:
        refusal = why_no_task(function)
        if refusal is not None:
            raise InvalidTask(f"{_shown(function)} cannot be a task: {refusal}")
        try:
            setattr(function, _MARK, name or f"{function.__module__}.{function.__qualname__}")
        except AttributeError as error:
            wanted = "mark a function that calls it" if name else "it must be given a `name`, as it has none itself"
            raise InvalidTask(f"{_shown(function)} cannot be marked as a task: {wanted}") from error
        return function

    return mark if function is None else mark(function)


def why_no_task(function: object) -> str | None:
    """Return why calling a marked object would not do its work, or None."""
    if isinstance(function, type):
        return "a class must not be one; mark a function, or an object of the class that has `__call__`"
    if not callable(function):
        return "it must be callable"
    called = [function, type(function).__call__]
    if any(inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one) for one in called):
        return "calling a generator function runs none of its code; it must not contain `yield`"
    return None


def find_marked(module: ModuleType, name: str) -> Callable[..., Any] | None:
    """Return the callable of a module that is marked as the task of this name, or None."""
    return next((value for _, value, mark in _marked(module) if mark == name), None)


def _marked(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any], str]]:
    for attribute, value in list(vars(module).items()):
        if not callable(value):
            continue
        try:
            mark = getattr(value, _MARK, None)
        except Exception:  # noqa: BLE001, S112 - a proxy whose own code fails holds no task
            continue
        if isinstance(mark, str):
            yield attribute, value, mark


def _shown(function: object) -> str:
    return getattr(function, "__qualname__", None) or f"an object of the class {type(function).__qualname__}"


class Registry:
    """The tasks that resources may name."""

    def __init__(self, modules: Iterable[ModuleType] = ()) -> None:
        self._tasks: dict[str, Task] = {}
        for module in modules:
            self.add_module(module)

    @classmethod
    def load(cls, module_names: Sequence[str] = ()) -> Registry:
        """Return the tasks of installed packages and of the allowed modules.

        An installed package that fails to import is logged and left out; an allowed module that fails is an error, as
        the settings name it.

        Raises:
            InvalidSettings: An allowed module cannot be imported, a marked object cannot be a task, or two tasks have
                one name.
        """
        registry = cls()
        for entry_point in entry_points(group=ENTRY_POINT_GROUP):
            try:
                module = entry_point.load()
            except Exception:
                log.exception("entry point %s of group %s cannot be loaded", entry_point.value, ENTRY_POINT_GROUP)
                continue
            if not isinstance(module, ModuleType):
                raise InvalidSettings(
                    f"entry point {entry_point.value!r} of group {ENTRY_POINT_GROUP} must name a module, without ':'"
                )
            registry.add_module(module)
        for name in module_names:
            try:
                module = importlib.import_module(name)
            except Exception as error:
                raise InvalidSettings(
                    f"task module {name!r} cannot be imported: {type(error).__name__}: {error}"
                ) from error
            registry.add_module(module)
        return registry

    def add_module(self, module: ModuleType) -> None:
        """Register every callable of a module that is marked as a task.

        Raises:
            InvalidSettings: A marked object cannot be a task, or another task has its name.
        """
        for attribute, function, name in _marked(module):
            found = Task(name, function, module.__name__, attribute)
            refusal = why_no_task(function)  # a decorator may have copied the mark
            if refusal is not None:
                raise InvalidSettings(f"{found.place} cannot be the task '{name}': {refusal}")
            known = self._tasks.setdefault(name, found)
            if known.function is not function:
                raise InvalidSettings(
                    f"the names of tasks must be unique, but '{name}' is both {known.place} and {found.place}"
                )

    def names(self) -> list[str]:
        """Return the names of all tasks, sorted."""
        return sorted(self._tasks)

    def find(self, name: str) -> Task:
        """Return a task.

        Raises:
            InvalidSpec: No task has that name; the message lists those that are registered.
        """
        found = self._tasks.get(name)
        if found is not None:
            return found
        near = get_close_matches(name, self._tasks, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(self.names()[:20]) or 'none'}"
        raise InvalidSpec(
            f"must be the name of a registered task, got '{name}'; {hint}", path="spec.task.name", reason="UnknownTask"
        )

    def check_call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> None:
        """Refuse a task that does not exist, or arguments that do not fit its signature.

        Raises:
            InvalidSpec: With what is accepted.
        """
        signature = self.find(name).signature
        if signature is None:
            return
        try:
            signature.bind(*args, **(kwargs or {}))
        except TypeError as error:
            raise InvalidSpec(
                f"`args` and `kwargs` must fit {name}{signature}: {error}",
                path="spec.task.args",
                reason="InvalidArguments",
            ) from error
