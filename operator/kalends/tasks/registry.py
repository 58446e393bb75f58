"""Which tasks there are: those marked with ``@task`` in modules that the operator was told to load.

A resource names a task; it can never name a path to import. Modules come from the entry-point group ``kalends.tasks``
of installed packages, and from the allow-list in the settings.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, TypeVar, overload

from kalends.errors import InvalidSettings, InvalidSpec

log = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "kalends.tasks"
_MARK = "__kalends_task__"
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Task:
    """A callable that ScheduledJobs may name."""

    name: str
    function: Callable[..., Any]
    signature: inspect.Signature | None = field(init=False, compare=False, repr=False)
    """What arguments it takes; None where that cannot be told. Found once: ten thousand resources may name one task."""

    def __post_init__(self) -> None:
        """Find the signature."""
        signature = None
        with contextlib.suppress(ValueError, TypeError):  # some built-in callables tell none
            signature = inspect.signature(self.function)
        object.__setattr__(self, "signature", signature)

    @property
    def reference(self) -> tuple[str, str]:
        """The module and the qualified name, by which another process finds it."""
        return self.function.__module__, self.function.__qualname__


@overload
def task(function: Function, /) -> Function: ...
@overload
def task(*, name: str) -> Callable[[Function], Function]: ...


def task(function: Function | None = None, /, *, name: str | None = None) -> Function | Callable[[Function], Function]:
    """Mark a function, plain or ``async``, as a task.

    Args:
        function: The function; it stays as it is.
        name: What resources call it; by default its module and name: ``reports.nightly``.
    """

    def mark(function: Function) -> Function:
        setattr(function, _MARK, name or f"{function.__module__}.{function.__qualname__}")
        return function

    return mark if function is None else mark(function)


class Registry:
    """The tasks that resources may name."""

    def __init__(self, modules: Iterable[ModuleType] = ()) -> None:
        self._tasks: dict[str, Task] = {}
        for module in modules:
            self.add_module(module)

    @classmethod
    def load(cls, module_names: Sequence[str] = ()) -> Registry:
        """Return the tasks of installed packages and of the allowed modules.

        An installed package that fails to import is logged and left out; an allowed module that does is an error, as
        somebody asked for it by name.

        Raises:
            InvalidSettings: An allowed module cannot be imported.
        """
        registry = cls()
        for entry_point in entry_points(group=ENTRY_POINT_GROUP):
            try:
                registry.add_module(entry_point.load())
            except Exception:
                log.exception("entry point %s of group %s cannot be loaded", entry_point.value, ENTRY_POINT_GROUP)
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
        """Register every function of a module that is marked as a task."""
        for value in list(vars(module).values()):
            name = getattr(value, _MARK, None) if callable(value) else None
            if isinstance(name, str):
                self._tasks[name] = Task(name, value)

    def names(self) -> list[str]:
        """Return the names of all tasks, sorted."""
        return sorted(self._tasks)

    def find(self, name: str) -> Task:
        """Return a task.

        Raises:
            InvalidSpec: There is none of that name; the message says which there are.
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
