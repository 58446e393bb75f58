"""A job store in ZooKeeper."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from kalends.clock import Clock
from kalends.engine.core.state import Instant
from kalends.errors import Conflict, Refused, Unavailable, UnknownLayout
from kalends.jobstores.common.grouped import GroupedJobStore
from kalends.jobstores.common.layouts import LAYOUT, migrate
from kalends.jobstores.common.parts import batches, divided, id_of, name_of, parts_in
from kalends.jobstores.row_values import Row, RowChange
from kalends.jobstores.rows import MOST_TRIES
from kalends.jobstores.zookeeper.leases import ZooKeeperLeases
from kalends.jobstores.zookeeper.nodes import UNREADABLE, JobNode, StateNode, is_of, job_in, row_in, state_in
from kalends.jobstores.zookeeper.requests import MOST_BYTES, Create, Delete, Operation, Set, ZooKeeper

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler

MOST_OPERATIONS = 1000
"""Operations of a transaction."""
LARGEST_VALUE = MOST_BYTES // 4
"""A definition above it is stored in parts."""
_OVERHEAD = 200
"""Bytes of an operation beside its value and its path, at most."""


@dataclass(frozen=True, slots=True)
class _Write:
    """A row that is to be written, as the operations of a transaction."""

    id: str
    uid: str
    version: int
    """The version that it has afterwards."""
    operations: tuple[Operation, ...]
    token: str | None
    """Names the parts of its definition."""


class ZooKeeperJobStore(ZooKeeperLeases, GroupedJobStore[_Write]):
    """Keeps jobs in nodes below a path. Several processes may use it: transactions compare the versions of nodes.

    Args:
        path: The node of the store.
        client: A ``kazoo.client.KazooClient`` in place of a connection of the store, or a reference to it.
        close_connection_on_exit: Also close a client that was given.
        pickle_protocol: The protocol of pickles.
        serializer: ``"json"`` or ``"pickle"``, see ``RowJobStore``.
        clock: Says when a job was created and edited.
        connect_args: Arguments of ``kazoo.client.KazooClient``.

    Raises:
        ValueError: The path is empty.
    """

    def __init__(
        self,
        path: str = "/kalends",
        client: Any = None,
        close_connection_on_exit: bool = False,  # noqa: FBT001, FBT002 - APScheduler's signature
        pickle_protocol: int = pickle.HIGHEST_PROTOCOL,
        *,
        serializer: str = "json",
        clock: Clock | None = None,
        **connect_args: Any,
    ) -> None:
        super().__init__(serializer, pickle_protocol, clock)
        if not path:
            raise ValueError('The "path" parameter must not be empty')
        self.path = "/" + path.strip("/")
        self.close_connection_on_exit = close_connection_on_exit
        self._owns_client = client is None
        self._server = ZooKeeper(client, connect_args)
        self.client: Any = self._server.client

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        super().start(scheduler, alias)
        self._server.connect()
        self._server.ensure(self.path)
        layout = self._node("layout")
        found = self._server.get(layout)
        if found is None:
            if self._server.children(self.path) and self._server.get(layout) is None:
                raise UnknownLayout(
                    f"the path {self.path!r} must be empty or of Kalends, and another program made its nodes: "
                    "use another path"
                )
            # Another process that starts now may have made them: then this does nothing.
            nodes = [Create(self._node(kind), b"") for kind in ("jobs", "states", "parts", "leases", "changes")]
            self._server.transaction([Create(layout, str(LAYOUT).encode()), *nodes])
            return
        for kind in ("leases", "changes"):
            self._server.ensure(self._node(kind))
        version = int(found.data)
        if migrate(version, self, place=f"the path {self.path!r}") != version:
            self._server.transaction([Set(layout, str(LAYOUT).encode(), found.version)])

    @override
    def shutdown(self) -> None:
        if self._owns_client or self.close_connection_on_exit:
            self._server.close()

    # -- the operations on rows

    @override
    def _groups(self, writes: Sequence[_Write]) -> Iterable[list[_Write]]:
        return batches(writes, _cost, MOST_OPERATIONS, MOST_BYTES)

    @override
    def _insert(self, group: Sequence[_Write]) -> str | None:
        failed = self._server.transaction(self._operations(group))
        return None if failed is None else _owner(group, failed).id

    @override
    def _was_inserted(self, group: Sequence[_Write]) -> bool:
        self._server.catch_up(self._node("states"))
        found = self._server.versions([self._node("states", write.uid) for write in group])
        return any(version is not None for version in found)

    @override
    def _count_change(self) -> None:
        self.announce()

    def _operations(self, group: Sequence[_Write]) -> list[Operation]:
        """Return the operations of writes, and the count of changes if a job itself is written."""
        operations = [operation for write in group for operation in write.operations]
        changes_job = any(len(write.operations) > 1 for write in group)
        return [*operations, self._change] if changes_job else operations

    @override
    def fetch_row(self, job_id: str) -> Row | None:
        return next(iter(self._fetch_some([name_of(job_id)])), None)

    @override
    def fetch_rows(self) -> Sequence[Row]:
        return self._fetch_some(self._server.children(self._node("jobs")))

    def _fetch_some(self, names: Sequence[str]) -> list[Row]:
        """Return the rows of names. Those that are written while they are read are read again.

        All nodes of a job are written together. So if the node of a job is still the same after its other nodes did not
        fit, the job is damaged, and no other job is affected.
        """
        rows: list[Row] = []
        unfit: set[JobNode] = set()
        for _ in range(MOST_TRIES):
            jobs = self._jobs_of(names)
            paths = [self._node("states", job.uid) for job in jobs]
            again: list[str] = []
            for job, found in zip(jobs, self._server.get_all(paths), strict=True):
                state = None if found is None else state_in(found)
                fits = state is not None and (state.name, state.edition) == (job.name, job.edition)
                definition = self._definition(job) if fits else None
                if state is not None and definition is not None:
                    rows.append(row_in(job, job.uid, state, definition, state.problem))
                elif job in unfit:
                    rows.append(self._damaged(job, state))
                else:
                    unfit.add(job)
                    again.append(job.name)
            if not again:
                return rows
            names = again
        raise Conflict(f"job {id_of(names[0])!r} was written by others {MOST_TRIES} times while it was read")

    def _damaged(self, job: JobNode, state: StateNode | None) -> Row:
        """Return the row of a job whose nodes do not fit, under the UID and the version that ``kept_versions`` has."""
        uid = "" if job.uid == UNREADABLE else job.uid
        problem = "the nodes of its definition, its parts and its state do not fit"
        if state is None:
            uid, state = next(iter(self._states_of(job.name)), (uid, StateNode(job.name, 0, None, None, 0)))
        return row_in(job, uid, state, job.definition, state.problem or problem)

    def _states_of(self, name: str) -> list[tuple[str, StateNode]]:
        return [(uid, state) for uid, state in self._states() if state.name == name]

    def _states(self) -> list[tuple[str, StateNode]]:
        """Return all states with their UIDs."""
        uids = self._server.children(self._node("states"))
        found = zip(uids, self._server.get_all([self._node("states", uid) for uid in uids]), strict=True)
        return [(uid, state_in(node)) for uid, node in found if node is not None]

    def _jobs_of(self, names: Sequence[str]) -> list[JobNode]:
        found = self._server.get_all([self._node("jobs", name) for name in names])
        nodes = [(name, node) for name, node in zip(names, found, strict=True) if node is not None]
        return [job_in(name, node) for name, node in nodes]

    def _definition(self, job: JobNode) -> bytes | None:
        """Return a definition, or None if its parts were removed, as it was replaced."""
        parts = parts_in(job.definition)
        if parts is None:
            return job.definition
        found = self._server.get_all([self._node("parts", f"{job.uid}-{name}") for name in parts.names])
        return None if None in found else b"".join(part.data for part in found if part is not None)

    @override
    def fetch_due_rows(self, until: Instant) -> Sequence[Row]:
        due = [state.name for time, state in self._times() if time <= until]
        rows = self._fetch_some(due)
        return [row for row in rows if row.next_run_time is not None and row.next_run_time <= until]

    @override
    def earliest_run_time(self) -> Instant | None:
        return min((time for time, _ in self._times()), default=None)

    def _times(self) -> list[tuple[Instant, StateNode]]:
        states = (state for _, state in self._states())
        return [(state.next_run_time, state) for state in states if state.next_run_time is not None]

    @override
    def change_rows(self, changes: Sequence[RowChange]) -> Sequence[bool]:
        prepared = self._changed(changes)
        writes = [write for write in prepared if write is not None]
        done: set[str] = set()
        for group in self._groups(writes):
            pending = group
            while pending:
                failed = self._server.transaction(self._operations(pending))
                if failed is None:
                    done.update(write.id for write in pending)
                    break
                stale = _owner(pending, failed)
                pending = self._still_fit([write for write in pending if write is not stale])
        for write in writes:
            if write.id not in done and write.token is not None:
                with suppress(Unavailable):
                    self._server.delete_all(self._parts_of(write.uid, write.token))
        return [change.id in done for change in changes]

    def _still_fit(self, writes: Sequence[_Write]) -> list[_Write]:
        """Return the writes whose rows have the version that they replace."""
        wanted = [operation for write in writes for operation in write.operations[:1] if isinstance(operation, Set)]
        found = self._server.versions([operation.path for operation in wanted])
        checked = zip(writes, wanted, found, strict=True)
        return [write for write, operation, version in checked if operation.version == version]

    @override
    def remove_row(self, job_id: str, uid: str | None = None, version: int | None = None) -> bool:
        for _ in range(MOST_TRIES):
            job = next(iter(self._jobs_of([name_of(job_id)])), None)
            if job is None or uid not in {None, job.uid}:
                return False
            # As the state has the UID in its path, another job of this ID is never removed.
            wanted = -1 if version is None else version - 1
            removal: list[Operation] = [Delete(self._node("states", job.uid), wanted)]
            removal += (Delete(path, -1) for path in [self._node("jobs", job.name), *self._parts_of(job.uid)])
            if version is None:  # what the acting scheduler removes it knows
                removal.append(self._change)
            failed = self._server.transaction(removal)
            if failed is None:
                return True
            if failed == 0 and version is not None:
                return False
            if failed == 0 and self._remove_damaged(job):
                return True
        raise Conflict(f"job {job_id!r} was added again by others {MOST_TRIES} times while it was to be removed")

    def _remove_damaged(self, job: JobNode) -> bool:
        """Remove a job whose node names no state, and what belongs to it; return False if it was written since."""
        uids = [uid for uid, _ in self._states_of(job.name)]
        removal: list[Operation] = [Delete(self._node("jobs", job.name), job.edition)]
        removal += (Delete(self._node("states", uid), -1) for uid in uids)
        removal += (Delete(path, -1) for uid in uids for path in self._parts_of(uid))
        return self._server.transaction([*removal, self._change]) is None

    @override
    def clear_rows(self) -> None:
        jobs = self._jobs_of(self._server.children(self._node("jobs")))
        for start in range(0, len(jobs), MOST_OPERATIONS // 2):
            some = jobs[start : start + MOST_OPERATIONS // 2]
            nodes = [(self._node("states", job.uid), self._node("jobs", job.name)) for job in some]
            if self._server.transaction([Delete(path, -1) for pair in nodes for path in pair]) is not None:
                for job in some:
                    self.remove_row(id_of(job.name))
        self.announce()
        self._server.delete_all(self._node("parts", part) for part in self._server.children(self._node("parts")))

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} (client={self.client})>"

    @override
    def kept_versions(self) -> Mapping[str, tuple[str, int]]:
        states = self._states()
        return {id_of(state.name): (uid, state.version) for uid, state in states if state.name != UNREADABLE}

    # -- between rows and transactions

    def _node(self, kind: str, name: str | None = None) -> str:
        path = f"{self.path.rstrip('/')}/{kind}"
        return path if name is None else f"{path}/{name}"

    @override
    def _new(self, row: Row) -> _Write:
        name = name_of(row.id)
        state = StateNode(name, 0, row.next_run_time, row.record, 1)
        value, token = self._stored(row.uid, row.definition)
        job = Create(self._node("jobs", name), f"{row.uid}\n".encode() + value)
        operations = (job, Create(self._node("states", row.uid), state.data), *self._checks(row.uid, value))
        return _Write(row.id, row.uid, row.version, operations, token)

    def _changed(self, changes: Sequence[RowChange]) -> list[_Write | None]:
        """Return a write for each change, or None if its row is not there, or has another version."""
        # The record alone changes most often, and needs nothing of the node that it replaces but the edition.
        found = self._server.get_all([self._node("states", change.uid) for change in changes])
        writes: list[_Write | None] = []
        for change, node in zip(changes, found, strict=True):
            before = None if node is None else state_in(node)
            if before is None or not is_of(before, change):
                writes.append(None)
                continue
            record = before.record if change.record is None else change.record
            if record is not None and len(record) > MOST_BYTES:
                raise Refused(
                    f"the record of job {change.id!r} must have at most {MOST_BYTES} bytes, got {len(record)}"
                )
            edition = before.edition + (change.definition is not None)
            after = StateNode(before.name, edition, change.next_run_time, record, change.version + 1)
            operations: list[Operation] = [Set(self._node("states", change.uid), after.data, change.version - 1)]
            token = None
            if change.definition is not None:
                replaced = self._parts_of(change.uid)
                value, token = self._stored(change.uid, change.definition)
                data = f"{change.uid}\n".encode() + value
                operations.append(Set(self._node("jobs", before.name), data, before.edition))
                operations += self._checks(change.uid, value)
                # Only in this transaction: the parts of a definition that another writer has written since must stay.
                operations += (Delete(path, -1) for path in replaced)
            writes.append(_Write(change.id, change.uid, change.version + 1, tuple(operations), token))
        return writes

    def _stored(self, uid: str, definition: bytes) -> tuple[bytes, str | None]:
        """Return the value of a definition. If that names parts, they are written before."""
        if len(definition) <= LARGEST_VALUE:
            return definition, None
        named, parts = divided(definition, MOST_BYTES)
        try:
            for name, part in zip(named.names, parts, strict=True):
                self._server.transaction([Create(self._node("parts", f"{uid}-{name}"), part)])
        except Unavailable:
            with suppress(Unavailable):
                self._server.delete_all(self._parts_of(uid, named.token))
            raise
        return named.value, named.token

    def _checks(self, uid: str, value: bytes) -> list[Operation]:
        """Return operations that fail if another writer of the same job has removed the parts of a definition."""
        parts = parts_in(value)
        return [] if parts is None else [Set(self._node("parts", f"{uid}-{name}"), None, 0) for name in parts.names]

    @override
    def _drop_parts(self, write: _Write) -> None:
        """Remove the parts of a definition that was to be added, unless it was."""
        if write.token is not None:
            state = self._node("states", write.uid)
            # ZooKeeper has no comparison for a node that does not exist, but a creation fails if it does.
            removal: list[Operation] = [Create(state, b""), Delete(state, -1)]
            removal += (Delete(path, -1) for path in self._parts_of(write.uid))
            self._server.transaction(removal)

    def _parts_of(self, uid: str, token: str = "") -> list[str]:
        """Return the nodes of the parts of a job, or of those that a token names."""
        prefix = f"{uid}-{token}"
        names = self._server.children(self._node("parts"))
        return [self._node("parts", name) for name in names if name.startswith(prefix)]


def _owner(group: Sequence[_Write], failed: int) -> _Write:
    """Return the write to which an operation of a transaction belongs."""
    owners = [write for write in group for _ in write.operations]
    return owners[failed]


def _cost(write: _Write) -> tuple[int, int]:
    size = sum(len(operation.path) + len(operation.data or b"") + _OVERHEAD for operation in write.operations)
    return len(write.operations), size
