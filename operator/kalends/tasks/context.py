"""What a task can know about the run that it is."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class CurrentRun:
    """The run that calls the task."""

    name: str
    namespace: str
    scheduled_job: str
    fire_time: int
    attempt: int
    last_successful: int | None

    @property
    def scheduled_time(self) -> datetime:
        """The fire time, in UTC."""
        return datetime.fromtimestamp(self.fire_time, UTC)


_CURRENT: ContextVar[CurrentRun] = ContextVar("kalends_current_run")


def current_run() -> CurrentRun:
    """Return the run that the calling task is.

    Raises:
        LookupError: The caller is not run by Kalends.
    """
    return _CURRENT.get()


def enter(run: CurrentRun) -> None:
    """Make ``run`` the current one, in this thread's or process' context."""
    _CURRENT.set(run)
