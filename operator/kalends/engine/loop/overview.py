"""What a scheduler knows, for metrics, commands and handlers: nothing here changes anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from kalends.engine.core.compiler import Compiler
from kalends.engine.core.schedule import JOBS_EXECUTOR
from kalends.engine.core.state import State
from kalends.engine.loop.entry import Entry
from kalends.engine.loop.queues.inbox import Inbox
from kalends.engine.loop.queues.worker_queue import WorkerQueue
from kalends.model.reasons import Reason

INVALID = "Invalid"
STATES = (
    Reason.ARMED,
    Reason.SUSPENDED,
    Reason.RESTORED,
    Reason.EXHAUSTED,
    Reason.SEARCH_LIMIT,
    Reason.START_REFUSED,
    INVALID,
    Reason.PENDING,
)
"""The states of a resource: that of its condition ``Ready``, or none yet."""


def by_state(records: Iterable[State | None]) -> Mapping[str, int]:
    """Return how many resources are in each state; a state without any has a count of 0."""
    counts = Counter(_state_of(record) for record in records)
    return {str(state): counts[state] for state in STATES}


def _state_of(record: State | None) -> str:
    ready = None if record is None else record.conditions.get("Ready")
    if ready is None:
        return Reason.PENDING
    if not ready.status:
        return Reason.START_REFUSED if ready.reason == Reason.START_REFUSED else INVALID
    return ready.reason if ready.reason in STATES else Reason.ARMED


def runs_by_executor(records: Iterable[State | None]) -> Mapping[str, int]:
    """Return how many runs are recorded as active, by executor; more than a record lists are Jobs."""
    counts: Counter[str] = Counter()
    for record in records:
        if record is not None and record.counts.active:
            counts.update(run.executor for run in record.active)
            counts[JOBS_EXECUTOR] += max(0, record.counts.active - len(record.active))
    return counts


class Overview:
    """A read-only view of all resources of a scheduler, always as they are now."""

    def __init__(
        self,
        entries: Mapping[str, Entry],
        keys: Mapping[str, str],
        inbox: Inbox,
        workers: WorkerQueue,
        acting: Collection[object],
        compiler: Compiler,
    ) -> None:
        self._entries = entries
        self._keys = keys
        self._inbox = inbox
        self._workers = workers
        self._acting = acting
        self._compiler = compiler

    def knows(self, key: str, uid: str, version: str) -> bool:
        """Return whether the scheduler has seen this version or a later one. Its own writes come back as news.

        What was compiled with other surroundings than those of now is not known.
        """
        entry = self._entries.get(key)
        if entry is None or entry.ref.uid != uid:
            return False
        return not entry.snapshot.precedes(version, self._compiler.edition)

    def is_outdated(self, key: str) -> bool:
        """Return whether a newer version of a resource was seen that is not read yet: its starts wait for it."""
        entry = self._entries.get(key)
        return entry is not None and entry.outdated

    def find(self, key: str) -> tuple[str, str, State | None] | None:
        """Return UID, version and record of the resource that has a key, or None."""
        entry = self._entries.get(key)
        return None if entry is None else (entry.ref.uid, entry.version, entry.record)

    def keys_of(self, namespace: str) -> Sequence[str]:
        """Return the keys of the resources of a namespace."""
        return [key for key, entry in self._entries.items() if entry.ref.namespace == namespace]

    def has_runs_here(self, namespace: str) -> bool:
        """Return whether runs of a namespace that were started here are not recorded as ended."""
        return any(entry.runs.here for entry in self._entries.values() if entry.ref.namespace == namespace)

    def uids(self) -> Mapping[str, str]:
        """Return the key of every resource, by UID."""
        return self._keys

    def resources(self) -> Sequence[tuple[str, State | None, str | None]]:
        """Return every resource's key, its record, and why it cannot be carried out, if so; sorted by key."""
        return [
            (key, entry.record, None if entry.problem is None else entry.problem.message)
            for key, entry in sorted(self._entries.items())
        ]

    def records(self) -> Iterator[State | None]:
        """Yield the record of each resource."""
        return (entry.record for entry in self._entries.values())

    def records_with_namespaces(self) -> Iterator[tuple[str, State | None]]:
        """Yield the namespace and the record of each resource."""
        return ((key.partition("/")[0], entry.record) for key, entry in self._entries.items())

    def contested(self) -> int:
        """Return how many resources another operator watches, too."""
        return sum(1 for entry in self._entries.values() if entry.contention)

    def agenda_size(self) -> int:
        """Return how many resources wait for an instant."""
        return self._inbox.later

    def is_idle(self) -> bool:
        """Return whether nothing is active and nothing is scheduled."""
        busy = (
            self._inbox or self._acting or self._inbox.later or any(entry.runs.here for entry in self._entries.values())
        )
        return not busy and not self._workers
