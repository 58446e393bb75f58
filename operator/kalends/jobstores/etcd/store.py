"""A job store in etcd."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from kalends.clock import Clock
from kalends.engine.core.state import Instant
from kalends.errors import Unavailable, UnknownLayout
from kalends.jobstores.common.grouped import GroupedJobStore
from kalends.jobstores.common.layouts import LAYOUT, migrate
from kalends.jobstores.common.parts import Parts, batches, divided, id_of, name_of, parts_in
from kalends.jobstores.etcd.leases import EtcdLeases
from kalends.jobstores.etcd.requests import (
    Found,
    client_of,
    compare_exists,
    compare_missing,
    compare_prefix,
    compare_value,
    delete,
    delete_below,
    delete_beside,
    put,
    read,
    read_below,
    transaction,
)
from kalends.jobstores.row_values import Row, RowChange, known_version, number, row_of, time_in

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler

MOST_OPERATIONS = 127
"""Operations, and comparisons, of a transaction, less the count of changes: etcd's default ``--max-txn-ops`` is 128."""
MOST_BYTES = 1024 * 1024
"""Bytes of values in a request: etcd's default ``--max-request-bytes`` is 1.5 MiB."""
LARGEST_VALUE = MOST_BYTES // 2
"""A definition above it is stored in parts."""
_KINDS = ("jobs", "versions", "times", "records")
_OPERATIONS_OF_A_READ = len(_KINDS) + 1


@dataclass(slots=True)
class _Write:
    """A row that is to be written, as comparisons and operations of a transaction."""

    id: str
    uid: str
    version: int
    """The version that it has afterwards."""
    compare: list[dict[str, Any]] = field(default_factory=list)
    success: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0
    changes_job: bool = True
    parts: Parts | None = None

    @property
    def expected(self) -> str:
        """The UID and the version that the row must have."""
        return f"{self.uid}:{self.version - 1}"

    @property
    def written(self) -> bytes:
        """The UID and the version that the row has afterwards."""
        return f"{self.uid}:{self.version}".encode()


class EtcdJobStore(EtcdLeases, GroupedJobStore[_Write]):
    """Keeps jobs in keys below a path. Several processes may use it: transactions compare and set versions.

    Args:
        path: The keys begin with ``<path>/``.
        client: An ``etcd3gw.Etcd3Client`` in place of a connection of the store, or a reference to it.
        close_connection_on_exit: Also close a client that was given.
        pickle_protocol: The protocol of pickles.
        serializer: ``"json"`` or ``"pickle"``, see ``RowJobStore``.
        clock: Says when a job was created and edited.
        connect_args: Arguments of ``etcd3gw.Etcd3Client``; ``timeout`` is 10 seconds by default.

    Raises:
        ValueError: The path is empty.
        TypeError: The client is of another package.
    """

    def __init__(
        self,
        path: str = "/kalends",
        client: Any = None,
        close_connection_on_exit: bool = False,  # noqa: FBT001, FBT002 - APScheduler's signature
        pickle_protocol: int = pickle.DEFAULT_PROTOCOL,
        *,
        serializer: str = "json",
        clock: Clock | None = None,
        **connect_args: Any,
    ) -> None:
        super().__init__(serializer, pickle_protocol, clock)
        if not path:
            raise ValueError('The "path" parameter must not be empty')
        self.path = path.rstrip("/")
        self.close_connection_on_exit = close_connection_on_exit
        self._owns_client = client is None
        self.client = client_of(client, connect_args)

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        super().start(scheduler, alias)
        layout = self._key("layout")
        is_missing = compare_missing(layout)
        place = f"the path {self.path!r}"
        any_key = read_below(f"{self.path}/", limit=1, keys_only=True)
        missing, (found,) = self._transaction([is_missing], [any_key], [read(layout)])
        if missing and found:
            raise UnknownLayout(
                f"{place} must be empty or of Kalends, and another program made its keys: use another path"
            )
        if missing:
            # If another process wrote it since, this does nothing.
            _, (found,) = self._transaction([is_missing], [put(layout, str(LAYOUT).encode())], [read(layout)])
        version = int(found[0][1]) if found else LAYOUT
        if migrate(version, self, place=place) != version:
            self._transaction([], [put(layout, str(LAYOUT).encode())])

    @override
    def shutdown(self) -> None:
        if self._owns_client or self.close_connection_on_exit:
            self.client.session.close()

    # -- the operations on rows

    @override
    def _groups(self, writes: Sequence[_Write]) -> Iterable[list[_Write]]:
        return batches(writes, _cost, MOST_OPERATIONS, MOST_BYTES)

    @override
    def _insert(self, group: Sequence[_Write]) -> str | None:
        done, found = self._write(group)
        return None if done else next((write.id for write in group if write.id in found), group[0].id)

    @override
    def _was_inserted(self, group: Sequence[_Write]) -> bool:
        _, found = self._transaction([], [read(self._key("versions", write.id)) for write in group])
        written = zip(group, found, strict=True)
        # Another scheduler may have written a record since, which changes the version.
        return any(keys and keys[0][1].startswith(f"{write.uid}:".encode()) for write, keys in written)

    @override
    def _count_change(self) -> None:
        self._transaction([], [self._change])

    @override
    def fetch_row(self, job_id: str) -> Row | None:
        return next(iter(self._fetch_some([job_id])), None)

    def _fetch_some(self, ids: Sequence[str]) -> list[Row]:
        rows: list[Row] = []
        at_once = MOST_OPERATIONS // _OPERATIONS_OF_A_READ
        for start in range(0, len(ids), at_once):
            reads: list[dict[str, Any]] = []
            for job_id in ids[start : start + at_once]:
                reads += [read(self._key(kind, job_id)) for kind in _KINDS]
                reads.append(read_below(self._parts(job_id)))
            rows += self._rows(self._transaction([], reads)[1])
        return rows

    @override
    def fetch_rows(self) -> Sequence[Row]:
        reads = [read_below(f"{self.path}/{kind}/") for kind in (*_KINDS, "parts")]
        return self._rows(self._transaction([], reads)[1])

    @override
    def fetch_due_rows(self, until: Instant) -> Sequence[Row]:
        due = [job_id for job_id, time in self._times() if time <= until]
        rows = self._fetch_some(due)
        return [row for row in rows if row.next_run_time is not None and row.next_run_time <= until]

    @override
    def earliest_run_time(self) -> Instant | None:
        return min((time for _, time in self._times()), default=None)

    def _times(self) -> list[tuple[str, Instant]]:
        _, (found,) = self._transaction([], [read_below(f"{self.path}/times/")])
        times: list[tuple[str, Instant]] = []
        for key, value in found:
            with suppress(ValueError):  # a damaged time is the problem of its job
                times.append((id_of(key.rpartition("/")[2]), time_in(number(value))))
        return times

    @override
    def change_rows(self, changes: Sequence[RowChange]) -> Sequence[bool]:
        writes = [self._changed(change) for change in changes]
        done: set[str] = set()
        for group in self._groups(writes):
            pending = group
            while pending:
                written, found = self._write(pending)
                if written:
                    done.update(write.id for write in pending)
                    break
                same = [write for write in pending if found.get(write.id) == write.expected]
                # Where each version fits, it was parts that another writer of the same job has removed.
                pending = same if len(same) < len(pending) else [write for write in pending if write.parts is None]
        for write in writes:
            if write.id not in done:
                with suppress(Unavailable):
                    self._drop_parts(write)
        return [change.id in done for change in changes]

    @override
    def remove_row(self, job_id: str, uid: str | None = None, version: int | None = None) -> bool:
        key = self._key("versions", job_id)
        compare = [compare_exists(key)]
        if uid is not None:
            compare = compare_prefix(key, f"{uid}:") if version is None else [compare_value(key, f"{uid}:{version}")]
        deletions = [delete(self._key(kind, job_id)) for kind in _KINDS]
        deletions.append(delete_below(self._parts(job_id)))
        removed = self._transaction(compare, deletions)[0]
        if removed and version is None:  # what the acting scheduler removes it knows
            self._count_removal()
        return removed

    @override
    def clear_rows(self) -> None:
        kinds = (*_KINDS, "parts")
        self._transaction([], [delete_below(f"{self.path}/{kind}/") for kind in kinds])
        self._count_removal()

    def _count_removal(self) -> None:
        """Count a removal apart from it: an etcd that is full refuses each transaction that writes a value.

        If it is not counted, the scheduler that acts notices the removal when it is to decide the next fire time.
        """
        try:
            self._count_change()
        except Unavailable as error:
            self._logger.warning("The removal of jobs is noticed late by other schedulers: %s", error)

    @override
    def kept_versions(self) -> Mapping[str, tuple[str, int]]:
        _, (found,) = self._transaction([], [read_below(f"{self.path}/versions/")])
        parts = [(id_of(key.rpartition("/")[2]), value.decode(errors="replace").partition(":")) for key, value in found]
        return {job_id: known_version(uid, number(known), job_id) for job_id, (uid, _, known) in parts}

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} (client={self.client})>"

    # -- between rows and transactions

    def _key(self, kind: str, job_id: str | None = None) -> str:
        return f"{self.path}/{kind}" if job_id is None else f"{self.path}/{kind}/{name_of(job_id)}"

    def _parts(self, job_id: str) -> str:
        """Return what the keys of the parts of a job begin with."""
        return f"{self._key('parts', job_id)}/"

    @override
    def _new(self, row: Row) -> _Write:
        write = _Write(row.id, row.uid, row.version)
        key = self._key("versions", row.id)
        write.compare.append(compare_missing(key))
        write.success.append(put(key, write.written))
        self._put_time(write, row.next_run_time, is_new=True)
        self._put_definition(write, row.definition)
        if row.record is not None:
            self._put_record(write, row.record)
        return write

    def _changed(self, change: RowChange) -> _Write:
        write = _Write(change.id, change.uid, change.version + 1)
        key = self._key("versions", change.id)
        write.compare.append(compare_value(key, write.expected))
        write.success.append(put(key, write.written))
        self._put_time(write, change.next_run_time, is_new=False)
        write.changes_job = change.definition is not None
        if change.definition is not None:
            self._put_definition(write, change.definition)
        if change.record is not None:
            self._put_record(write, change.record)
        return write

    def _put_time(self, write: _Write, time: Instant | None, *, is_new: bool) -> None:
        key = self._key("times", write.id)
        if time is not None:
            write.success.append(put(key, str(time).encode()))
        elif not is_new:
            write.success.append(delete(key))

    def _put_record(self, write: _Write, record: bytes) -> None:
        write.success.append(put(self._key("records", write.id), record))
        write.size += len(record)

    def _put_definition(self, write: _Write, definition: bytes) -> None:
        """Write a definition, its parts beforehand, and remove all other parts of the job in the same transaction."""
        value, prefix = definition, self._parts(write.id)
        if len(definition) <= LARGEST_VALUE:
            write.success.append(delete_below(prefix))
        else:
            write.parts, parts = divided(definition, MOST_BYTES)
            value = write.parts.value
            keys = [prefix + name for name in write.parts.names]
            self._put_parts(write, dict(zip(keys, parts, strict=True)))
            write.compare += map(compare_exists, keys)
            write.success += delete_beside(prefix, prefix + write.parts.token)
        write.success.append(put(self._key("jobs", write.id), value))
        write.size += len(value)

    def _put_parts(self, write: _Write, parts: Mapping[str, bytes]) -> None:
        try:
            for key, part in parts.items():
                self._transaction([], [put(key, part)])
        except Unavailable:
            with suppress(Unavailable):
                self._drop_parts(write)
            raise

    @override
    def _drop_parts(self, write: _Write) -> None:
        """Remove the parts of a definition, unless it was written. What stays goes with the next definition."""
        if write.parts is not None:
            # No other write has the token in this value.
            is_written = compare_value(self._key("jobs", write.id), write.parts.value.decode())
            self._transaction([is_written], [], [delete_below(self._parts(write.id) + write.parts.token)])

    def _write(self, group: Sequence[_Write]) -> tuple[bool, Mapping[str, str]]:
        """Write rows in one transaction; return whether that was done, and if not, the versions of those that exist."""
        compare = [one for write in group for one in write.compare]
        success = [one for write in group for one in write.success]
        if any(write.changes_job for write in group):
            success.append(self._change)
        reads = [read(self._key("versions", write.id)) for write in group]
        done, answers = self._transaction(compare, success, reads)
        if done:
            return True, {}
        found = zip(group, answers, strict=True)
        return False, {write.id: keys[0][1].decode(errors="replace") for write, keys in found if keys}

    def _transaction(
        self, compare: Sequence[Any], success: Sequence[Any], failure: Sequence[Any] = ()
    ) -> tuple[bool, list[Found]]:
        return transaction(self.client, compare, success, failure)

    def _rows(self, found: Sequence[Found]) -> list[Row]:
        """Return the rows of keys that were read in one transaction."""
        values = {key[len(self.path) + 1 :]: value for keys in found for key, value in keys}
        rows: list[Row] = []
        for key, version in values.items():
            kind, _, name = key.partition("/")
            if kind != "versions":
                continue
            definition = values.get(f"jobs/{name}", b"")
            parts = parts_in(definition)
            if parts is not None:
                definition = b"".join(values.get(f"parts/{name}/{part}", b"") for part in parts.names)
            uid, _, known = version.decode(errors="replace").partition(":")
            time = values.get(f"times/{name}")
            rows.append(
                row_of(
                    id_of(name),
                    uid=uid,
                    version=number(known),
                    next_run_time=None if time is None else number(time),
                    definition=definition,
                    record=values.get(f"records/{name}"),
                )
            )
        return rows


def _cost(write: _Write) -> tuple[int, int]:
    return max(len(write.compare), len(write.success)), write.size
