"""The ports for executors: pools, whose runs are in this process, and clusters, whose runs continue without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from kalends.engine.core.state import Ref
from kalends.engine.ports import JobView, Run, RunReport
from kalends.model.reasons import Reason


def always() -> bool:
    """Return that a start is wanted."""
    return True


class ExecutorEvents(Protocol):
    """Receives the events of one executor, in the thread of the event loop. No method blocks."""

    def ended(self, report: RunReport, /) -> None:
        """Receive how a run of a pool ended. Its slot is free, unless its worker is stuck."""
        ...

    def changed(self, ref: Ref, /) -> None:
        """Receive a resource whose runs in a cluster changed."""
        ...

    def freed(self) -> None:
        """Receive that a slot may be free."""
        ...


class Executor(Protocol):
    """What pools and clusters have in common. One scheduler at a time uses an executor."""

    async def open(self, events: ExecutorEvents) -> None:
        """Accept runs, and report to ``events`` from now on. If it is open already, only the events are replaced."""
        ...

    async def close(self, grace: float) -> None:
        """Accept no runs until it is opened again.

        A pool lets its runs end for up to ``grace`` seconds, then stops them, and has reported all of them when this
        returns. The runs of a cluster continue.
        """
        ...

    def free_slots(self) -> int:
        """Return how many more runs can start at once."""
        ...

    async def check(self, run: Run) -> None:
        """Check a run of a resource that is new or was changed, without starting it.

        Raises:
            StartRefused: No run of it could start: its message becomes the resource's condition.
            Unavailable: It cannot be checked now.
        """
        ...

    async def start(self, run: Run) -> None:
        """Start a run. Starting an active run changes nothing.

        Raises:
            StartRefused: It can never be started.
            StartDeferred: It cannot be started now, and was not.
            Unavailable: It cannot be started now. In a cluster it may have been started nevertheless.
        """
        ...

    async def cancel(self, run_name: str, ref: Ref, reason: Reason, *, job_uid: str = "") -> None:
        """Ask for the end of a run. Asking again changes nothing, and a run that does not exist is no error.

        ``job_uid`` is the UID of its Job, if it is recorded.

        A run ends when it is gone, and not before: a process is killed; a thread is asked, and continues until
        it returns; a Job is deleted, and exists until its pods are gone. A pool then reports the run as cancelled, with
        ``reason``.

        Raises:
            Unavailable: It cannot be asked now.
        """
        ...


class Pool(Executor, Protocol):
    """Runs in this process. Each run is claimed in the record, then started: the process may die in between."""

    def obstacle(self) -> str:
        """Return why no run can start until an administrator intervenes, or ``""``; for messages about waiting runs."""
        ...


class Cluster(Executor, Protocol):
    """Runs that continue without this process, such as Kubernetes Jobs, which it observes.

    Each run is started first and recorded then: starting it twice starts it once, and an existing run
    that is not recorded is found by its name.
    """

    async def start(self, run: Run, is_wanted: Callable[[], bool] = always) -> None:
        """Start a run, as every executor does.

        ``is_wanted`` is asked immediately before the run is sent to the cluster. A start can wait for its turn, and the
        resource may be edited, suspended or deleted before that, or the deadline of the run may pass.

        Raises:
            NoLongerWanted: It is not wanted any more, and was not sent.
        """
        ...

    def views(self, ref: Ref) -> Sequence[JobView] | None:
        """Return the Jobs whose controller is this resource, or None until all Jobs have been listed.

        A Job belongs to a resource only if its controller reference has the resource's kind, name and UID, and both are
        in the same namespace. Asking has no side effects.
        """
        ...

    def orphans(self, ref: Ref) -> Sequence[JobView]:
        """Return the Jobs without any controller that only their label and their name assign to this resource."""
        ...

    def is_gone(self, ref: Ref, job: str) -> bool:
        """Return whether a Job is known not to exist: it was seen to go, or was looked for."""
        ...

    async def look(self, ref: Ref, job: str, uid: str = "") -> None:
        """Read a Job that no watch shows: it may exist without its label, or without its controller reference.

        The Job with the recorded ``uid`` belongs to the resource whatever its controller reference says. Any other Job
        belongs to it only if the resource is its controller.

        Raises:
            Unavailable: It cannot be read now.
        """
        ...

    async def delete(self, ref: Ref, job: str) -> None:
        """Delete a Job that is beyond its history limit.

        Raises:
            Unavailable: It cannot be deleted now.
        """
        ...
