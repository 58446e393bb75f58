"""Calls a task as the operator and the library call it, for the tests of its author."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kalends.executors.pools.calling import Returned, call
from kalends.model.values import Outcome
from kalends.references import check_arguments
from kalends.tasks.context import Cancellation, CurrentRun
from kalends.tasks.registry import why_no_task
from kalends.testing.clock import DEFAULT_START


@dataclass(frozen=True, slots=True)
class TaskRun:
    """The result of a run of a task."""

    outcome: Outcome
    """``Succeeded`` or ``Failed``."""
    attempts: int
    """How often the task was called."""
    value: Any = None
    """What the last call returned."""
    result: str | None = None
    """What the history of a ScheduledJob would show of it."""
    error: str | None = None
    """The text of the failure of the last call, as the history would show it."""
    exception: BaseException | None = None
    """What the last call raised."""

    @property
    def succeeded(self) -> bool:
        """Whether the last call succeeded."""
        return self.outcome is Outcome.SUCCEEDED


def run(  # noqa: PLR0913 - what a task can see
    task: Callable[..., Any],
    args: Iterable[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    retry: int = 0,
    fire_time: datetime = DEFAULT_START,
    namespace: str = "default",
    name: str = "test",
    last_successful: datetime | None = None,
    cancelled: bool = False,
) -> TaskRun:
    """Call a task, with ``current_run()`` set, and again after a failure as often as ``retry`` says. It does not wait.

    What the task raises is a failure, also ``SystemExit``, and does not leave this function. A coroutine is run to its
    end. The arguments are checked before the first call, as the operator checks those of a ScheduledJob.

    Args:
        task: A function, plain or ``async``; whether it is marked with ``@task`` makes no difference.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        retry: How often a failed call is repeated at most.
        fire_time: The fire time that the task sees.
        namespace: The namespace that the task sees; in the library, the alias of the job store.
        name: The name of the ScheduledJob, or the ID of the job, that the task sees.
        last_successful: The last successful fire time that the task sees; None: there is none.
        cancelled: Whether the task finds ``current_run().cancelled`` true: the end of its run was asked for.

    Raises:
        ValueError: The arguments do not fit the task, or ``fire_time`` has no time zone.
        TypeError: It cannot be a task: the message says what can.
    """
    positional, named = tuple(args), dict(kwargs or {})
    refusal = why_no_task(task)
    if refusal is not None:
        raise TypeError(f"{task!r} cannot be a task: {refusal}")
    check_arguments(task, positional, named)
    instant = _seconds(fire_time)
    attempt = 0
    while True:
        attempt += 1
        current = CurrentRun(
            name=f"{name}-{instant}-{attempt}",
            namespace=namespace,
            scheduled_job=name,
            fire_time=instant,
            attempt=attempt,
            last_successful=None if last_successful is None else _seconds(last_successful),
            cancellation=_cancellation(asked=cancelled),
        )
        found = _called(task, positional, named, current)
        if found.error is None or attempt > retry:
            return TaskRun(
                outcome=Outcome.SUCCEEDED if found.error is None else Outcome.FAILED,
                attempts=attempt,
                value=found.value,
                result=found.result,
                error=found.error,
                exception=found.exception,
            )


def _called(task: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], current: CurrentRun) -> Returned:
    """Call the task in a copy of the context: ``current_run()`` has no value after it."""
    context = copy_context()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return context.run(call, task, args, kwargs, current)
    with ThreadPoolExecutor(1, "Kalends task") as thread:  # the loop of an async test runs in this thread
        return thread.submit(context.run, call, task, args, kwargs, current).result()


def _cancellation(*, asked: bool) -> Cancellation:
    found = Cancellation()
    if asked:
        found.ask()
    return found


def _seconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError(f"the moment must have a time zone, got {moment!r}")
    return int(moment.timestamp())
