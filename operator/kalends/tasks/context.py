"""What a task can know about the run that it is, and how it learns that its end is wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime


class Cancellation:
    """Carries the wish that a run end to the thread that it is in. Asking again changes nothing."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._wake: Callable[[], None] | None = None

    def __reduce__(self) -> tuple[type[Cancellation], tuple[()]]:
        # A request to stop does not reach another process: such a process is killed.
        return Cancellation, ()

    @property
    def asked(self) -> bool:
        """Whether the end was asked for."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask for the end."""
        with self._lock:
            self._asked.set()
            wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    def wait(self, seconds: float) -> bool:
        """Wait until the end is asked for, for so many seconds at most; return whether it was."""
        return self._asked.wait(seconds)

    def on_ask(self, wake: Callable[[], None] | None) -> None:
        """Have ``wake`` called, in the asking thread, when the end is asked for; at once if it was. None: no more."""
        with self._lock:
            self._wake = wake
            asked = self._asked.is_set()
        if asked and wake is not None:
            wake()


@dataclass(frozen=True, slots=True)
class CurrentRun:
    """The run that calls the task."""

    name: str
    namespace: str
    scheduled_job: str
    fire_time: int
    attempt: int
    last_successful: int | None
    request: str = ""
    """The token of the request, for a requested run."""
    data_time: int | None = None
    """The instant that the run works for; None: its fire time."""
    cancellation: Cancellation = field(default_factory=Cancellation, compare=False, repr=False)

    @property
    def scheduled_time(self) -> datetime:
        """The instant that the run works for, in UTC: the fire time, or the instant of the request."""
        return datetime.fromtimestamp(self.fire_time if self.data_time is None else self.data_time, UTC)

    @property
    def cancelled(self) -> bool:
        """Whether the end of this run is wanted: it was cancelled, or took longer than it may.

        A plain function in a thread cannot be stopped from outside: one that takes long looks here now and then, and
        returns. An ``async`` one is cancelled as asyncio does it, and a process is killed: neither needs to look.
        """
        return self.cancellation.asked

    def wait(self, seconds: float) -> bool:
        """Sleep for so many seconds, or until the end of this run is wanted; return whether it is."""
        return self.cancellation.wait(seconds)


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
