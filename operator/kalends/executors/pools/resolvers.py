"""From the target of a run to what is called: a registered task, a callable by its import path, or a given callable."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Protocol

from kalends.engine.core.schedule import TaskCall
from kalends.engine.core.target import Target
from kalends.engine.ports import Run
from kalends.errors import InvalidSpec, StartRefused
from kalends.executors.pools.calling import Address
from kalends.model.reasons import Reason
from kalends.tasks import CurrentRun, Registry


@dataclass(frozen=True, slots=True)
class Callee:
    """What a run calls."""

    function: Callable[..., Any]
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    address: Address | None = None
    """How a worker process finds the function. None: only threads of this process can call it."""


class Resolver(Protocol):
    """Finds what the runs of a pool call."""

    def resolve(self, target: Target) -> Callee:
        """Return what to call.

        Raises:
            StartRefused: The pool cannot run this target, or what it names does not exist.
        """
        ...


class RegisteredTasks:
    """Finds the tasks of a registry by name. A resource can name nothing else, so this is what the operator uses."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def resolve(self, target: Target) -> Callee:
        """Return a registered task and the arguments of the target."""
        call = _task_call(target)
        try:
            task = self._registry.find(call.name)
        except InvalidSpec as error:
            raise StartRefused(Reason.UNKNOWN_TASK, error.message) from error
        return Callee(task.function, call.args, call.kwargs, Address(task.module, task.name, registered=True))


class ImportPaths:
    """Finds callables by ``module:qualified.name``, as APScheduler does.

    It imports whatever a target names. Use it only where all targets come from the program itself.
    """

    def resolve(self, target: Target) -> Callee:
        """Return what the path names, and the arguments of the target."""
        call = _task_call(target)
        module, _, name = call.name.partition(":")
        try:
            function = attrgetter(name)(importlib.import_module(module))
        except (ImportError, AttributeError, ValueError) as error:
            raise _no_callable(call.name, str(error)) from error
        if not callable(function):
            raise _no_callable(call.name, f"it is of type {type(function).__name__}")
        return Callee(function, call.args, call.kwargs, Address(module, name, registered=False))


def _no_callable(name: str, why: str) -> StartRefused:
    accepted = "must be `module:name` of a callable that can be imported"
    return StartRefused(Reason.UNKNOWN_TASK, f"{accepted}, got '{name}': {why}")


class GivenCallables:
    """Finds callables of this process by name: lambdas and closures too, which no other process can import."""

    def __init__(self, callables: Mapping[str, Callable[..., Any]]) -> None:
        self._callables = callables

    def resolve(self, target: Target) -> Callee:
        """Return the callable of that name, and the arguments of the target."""
        call = _task_call(target)
        function = self._callables.get(call.name)
        if function is None:
            known = ", ".join(sorted(self._callables)) or "none"
            raise StartRefused(Reason.UNKNOWN_TASK, f"must be the name of a callable ({known}), got '{call.name}'")
        return Callee(function, call.args, call.kwargs)


def address_of(callee: Callee) -> Address:
    """Return how a worker process finds a callable.

    Raises:
        StartRefused: It cannot.
    """
    if callee.address is None:
        message = "a worker process must be able to import the callable; use an executor of threads"
        raise StartRefused(Reason.UNKNOWN_TASK, message)
    return callee.address


def _task_call(target: Target) -> TaskCall:
    if not isinstance(target, TaskCall):
        raise StartRefused(Reason.INVALID_SPEC, "a pool runs tasks; a `jobTemplate` needs Kubernetes")
    return target


def current_of(run: Run) -> CurrentRun:
    """Return what the callable can ask about its run."""
    return CurrentRun(
        run.name,
        run.ref.namespace,
        run.ref.name,
        run.fire_time,
        run.attempt,
        run.last_successful,
        run.request,
        run.data_time,
    )
