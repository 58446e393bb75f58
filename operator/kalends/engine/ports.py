"""The ports for job stores and listeners, and the values that all ports exchange; ``executor_ports`` has the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from kalends.engine.core.definition import Change, Definition, Problem, Stored
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import Instant, Ref, State
from kalends.engine.core.target import Target
from kalends.model.reasons import Reason
from kalends.model.values import Outcome
from kalends.model.versions import is_newer


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A resource as it now is, compiled: the level, never the difference."""

    ref: Ref
    version: str
    """A write is refused once the resource has another version."""
    generation: int
    created: Instant
    schedule: Schedule | None
    """None where the spec cannot be carried out: ``problem`` says why."""
    state: State | None
    """None where nothing is recorded yet, or where the record cannot be read (``record_problem``)."""
    problem: Problem | None = None
    record_problem: Problem | None = None
    operator: str = ""
    """Which operator decides, also where the rest of the record cannot be read."""
    incomplete: bool = False
    """Whether the resource has only a part of ``state``, which is to be written again."""
    restored: bool = False
    """Whether it is marked as coming from a backup, also where its spec cannot be carried out."""
    request: str = ""
    """The token of the request for a run, also where its spec cannot be carried out."""
    requested_later: bool = False
    """Whether the request is known to have been made after the creation, so that it did not come with the resource."""
    compiled_with: int = 0
    """The number of the surroundings (defaults, what can run here) that it was compiled with: with others it is news,
    even under the same version."""

    def precedes(self, version: str, compiled_with: int) -> bool:
        """Return whether a version of the resource, compiled with these surroundings, is newer than this snapshot."""
        return compiled_with != self.compiled_with if version == self.version else is_newer(version, self.version)


class JobStore(Protocol):
    """Where the records of resources live: what was decided about each."""

    async def write(
        self, ref: Ref, version: str, before: State | None, after: State, *, keeps_unread: bool = False
    ) -> str:
        """Record ``after`` in place of ``before`` (None: nothing), if the resource still has this version.

        If ``keeps_unread``, what stands there cannot be read: only what ``after`` adds to ``before`` is written.

        Returns:
            The new version.

        Raises:
            Conflict: There was another write since ``version``.
            Gone: There is no resource of this name and UID.
            Unavailable: The store cannot be reached; the write may or may not have happened.
        """
        ...

    async def read(self, ref: Ref) -> Stored:
        """Return the resource as it now is.

        Raises:
            Gone: As above.
            Unavailable: As above.
        """
        ...

    async def delete(self, ref: Ref, version: str) -> None:
        """Delete the resource itself, if it still has this version.

        Raises:
            Conflict: There was another write since ``version``.
            Gone: As above.
            Unavailable: As above.
        """
        ...


class Catalogue(Protocol):
    """Where the definitions of resources live: what is wanted. It is the other half of a store, beside ``JobStore``.

    Memory and SQLite implement it. The catalogue of a cluster is the API server: there, users put and remove resources,
    the operator only lists and watches them (``handlers/resources.py``), and nothing of it is a ``Catalogue``.
    """

    async def load(self) -> Sequence[Stored]:
        """Return every resource as it now is.

        Raises:
            Unavailable: The store cannot be reached.
        """
        ...

    async def put(self, namespace: str, name: str, definition: Definition, *, replace: bool = True) -> Stored:
        """Add a resource, or change what is wanted of the one of this name, whose record stays.

        An equal definition changes nothing, not even the version.

        Raises:
            AlreadyExists: It exists, and must not be replaced.
            InvalidSpec: This store cannot keep such a definition.
            Unavailable: The store cannot be reached.
        """
        ...

    async def remove(self, ref: Ref) -> None:
        """Delete a resource, whatever its version is.

        Raises:
            Gone: There is no resource of this name and UID.
            Unavailable: The store cannot be reached.
        """
        ...

    def watch(self) -> AsyncIterator[Change]:
        """Return the changes from this call on, in their order; the watch ends when the iterator is dropped.

        Records that the engine writes are no changes. To miss nothing, watch first, then load.
        """
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at executing a schedule's target, for one fire time or one request."""

    ref: Ref
    name: str
    """Unique within the namespace, and the same whenever it is worked out: resource, fire time and attempt make it."""
    fire_time: Instant
    target: Target
    executor: str
    attempt: int = 1
    last_successful: Instant | None = None
    request: str = ""
    """The token of the request, for a requested run."""
    time_limit: int | None = None
    """Seconds that a task may take (``activeDeadlineSeconds``); then it is stopped and reported as timed out."""
    start_by: Instant | None = None
    """The last instant at which it may start, for the first attempt of a run that has a deadline."""
    works_for: Instant | None = None
    """The data time, if it is not the fire time."""

    @property
    def data_time(self) -> Instant:
        """The instant that the run works for, and that its task or its containers see as their scheduled time.

        Identity, name and order come from the fire time, which for a request is the instant of the request.
        """
        return self.fire_time if self.works_for is None else self.works_for


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run ended."""

    ref: Ref
    name: str
    fire_time: Instant
    outcome: Outcome
    started: Instant
    completed: Instant
    reason: str = ""
    message: str = ""
    result: str | None = None
    value: Any = field(default=None, compare=False, repr=False)
    """What the callable returned, where it ran in a thread of this process. It is for listeners, not for the record."""
    exception: BaseException | None = field(default=None, compare=False, repr=False)
    """What the callable raised, likewise."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A Job that is suspended: something is to let it start, such as Kueue."""

    since: Instant
    queue: str = ""
    """The queue of Kueue that its label names."""
    again: bool = False
    """Whether it had been resumed before, according to its controller."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A Kubernetes Job of a resource, as far as deciding needs it."""

    name: str
    fire_time: Instant
    created: Instant
    report: RunReport | None = None
    """How it ended; None while it is active."""
    attempt: int = 1
    request: str = ""
    """The token of the request, for a requested run."""
    pending_since: Instant | None = None
    """Since when it has been waiting for a first container of its pods to start; None once one has, and while the Job
    is suspended, as a user wants."""
    pending_message: str = ""
    """What the pods say they wait for."""
    leaving: bool = False
    """Whether it is being deleted."""
    admission: Admission | None = None
    """Set while the Job is suspended."""
    unsure: bool = False
    """Whether no watch shows it any more although it was not seen to end: it is to be read."""
    altered: bool = False
    """Whether it continues without the label by which Jobs are watched, or without its controller reference."""
    disowned: bool = False
    """Whether its controller reference was removed or changed: it counts for its run, and is not deleted afterwards."""
    uid: str = ""
    """The Job's own UID."""


class Verdict(StrEnum):
    """What became of a due fire time: each gets one of them, ``Queued`` before another."""

    STARTED = "Started"
    MISSED = "Missed"
    COALESCED = "Coalesced"
    SKIPPED = "Skipped"
    QUEUED = "Queued"


@dataclass(frozen=True, slots=True)
class Decided:
    """Fire times that were decided alike, in one go."""

    ref: Ref
    verdict: Verdict
    count: int
    fire_time: Instant
    """The last of them."""
    reason: str = ""
    message: str = ""
    delay: float = 0.0
    """For a start: how late it was decided, in seconds."""
    run: str = ""
    """The name of the run, if this is about one fire time or request, also where it did not start."""
    request: str = ""
    """The token of the request, for a requested run."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is recorded as ended."""

    report: RunReport
    executor: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Retried:
    """An attempt that failed, and is followed by another attempt."""

    report: RunReport
    executor: str
    attempt: int
    """The number of the next attempt."""
    at: Instant
    """When it may start."""


@dataclass(frozen=True, slots=True)
class ReadinessChanged:
    """A resource became ready, invalid, suspended or exhausted."""

    ref: Ref
    reason: str
    message: str
    ready: bool
    warns: bool = False
    """It is ready, and yet unlikely to be what was meant."""


@dataclass(frozen=True, slots=True)
class Delayed:
    """What is to be done about a resource has failed several times in a row, and is tried again."""

    ref: Ref
    message: str


@dataclass(frozen=True, slots=True)
class StartPutOff:
    """A start was refused for a reason that may pass; it is tried again."""

    ref: Ref
    executor: str
    message: str


@dataclass(frozen=True, slots=True)
class JobAnomaly:
    """A Job that is ignored, or that is followed although its label or its controller was changed."""

    ref: Ref
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Contested:
    """Another operator watches the same resource."""

    ref: Ref
    message: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A resource whose schedule had ended, and that was deleted as its ``ttlSecondsAfterFinished`` asks."""

    ref: Ref
    message: str


Notice = Decided | Ended | Retried | ReadinessChanged | Delayed | StartPutOff | JobAnomaly | Contested | Removed


class Listener(Protocol):
    """Receives recorded decisions. It must not block, and its exceptions are logged and ignored."""

    def notice(self, notice: Notice) -> None:
        """Take note."""
        ...
