"""Job stores with a server or a file: jobs as rows, and all of the interface over a few operations on rows."""

from __future__ import annotations

import base64
import logging
import pickle
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from secrets import token_hex
from typing import Any

import orjson
from typing_extensions import override

from kalends.clock import Clock, MicrosecondClock
from kalends.engine.core.state import Instant
from kalends.errors import Conflict
from kalends.job import Job
from kalends.jobstores.base import (
    ConflictingIdError,
    JobLookupError,
    KeptJob,
    RecordingJobStore,
    RecordWrite,
    TransientJobError,
)
from kalends.jobstores.common.ids import check_id, is_id
from kalends.jobstores.common.lease_rows import LeaseRows
from kalends.jobstores.row_values import Row, RowChange, time_in
from kalends.jobstores.serialization import job_from_json, job_to_json, record_from_json, record_to_json
from kalends.triggers.programs.datetimes import datetime_of, microseconds_of

SERIALIZERS = ("json", "pickle")
DEFINITION_VERSION = 1
MOST_TRIES = 100
"""How often a job is read and written again because others wrote in between."""


@dataclass(frozen=True, slots=True)
class _Header:
    """What a definition says beside the job."""

    generation: int
    created: Instant
    edited: Instant


class RowJobStore(RecordingJobStore, LeaseRows):
    """A job store that keeps rows. A subclass implements the operations on rows; any thread may call them.

    Several schedulers may share it, as it keeps leases, too (``LeaseRows``).

    A row that cannot be restored (its callable was renamed, its document was damaged) is never deleted: the scheduler
    reports its problem, and runs the job again once the cause is removed. It can be replaced and removed by its ID.

    Args:
        serializer: ``"json"``, or ``"pickle"``, which also keeps arguments that have no JSON form. **Anyone who can
            write to a store with pickles can run any code in every program that reads it**, as soon as it is read. A
            store with ``"json"`` refuses rows that were pickled; a store with ``"pickle"`` reads both.
        pickle_protocol: The protocol of pickles.
        clock: Says when a job was created and edited.
    """

    def __init__(
        self,
        serializer: str = "json",
        pickle_protocol: int = pickle.HIGHEST_PROTOCOL,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        if serializer not in SERIALIZERS:
            raise ValueError(f"serializer must be one of {', '.join(map(repr, SERIALIZERS))}, got {serializer!r}")
        self.serializer = serializer
        self.pickle_protocol = pickle_protocol
        self._clock = clock or MicrosecondClock()
        self._reported: dict[str, int] = {}
        """The versions of the rows whose problem is in the log."""

    # -- the operations on rows

    @abstractmethod
    def insert_rows(self, rows: Sequence[Row]) -> None:
        """Add rows, all or none if the server can. Their IDs are distinct.

        Raises:
            ConflictingIdError: There is a row of one of the IDs.
        """

    @abstractmethod
    def fetch_row(self, job_id: str) -> Row | None:
        """Return the row of an ID."""

    @abstractmethod
    def fetch_rows(self) -> Sequence[Row]:
        """Return all rows."""

    @abstractmethod
    def fetch_due_rows(self, until: Instant) -> Sequence[Row]:
        """Return the rows with ``next_run_time`` <= ``until``."""

    @abstractmethod
    def earliest_run_time(self) -> Instant | None:
        """Return the earliest ``next_run_time``.

        Raises:
            ValueError: A value that is no time comes before.
        """

    @abstractmethod
    def change_rows(self, changes: Sequence[RowChange]) -> Sequence[bool]:
        """Replace each row that still has the UID and the version of its change; return for each whether it had.

        The version of a replaced row grows by 1. The changes are of distinct rows, and may be many.
        """

    @abstractmethod
    def remove_row(self, job_id: str, uid: str | None = None, version: int | None = None) -> bool:
        """Remove a row, if it still has this UID and version where they are given; return whether it was removed."""

    @abstractmethod
    def clear_rows(self) -> None:
        """Remove all rows."""

    # -- the interface

    @override
    def lookup_job(self, job_id: str) -> Job | None:
        row = self._row(job_id)
        return None if row is None else self._restored(row).job

    @override
    def get_due_jobs(self, now: datetime) -> list[Job]:
        return [job for job in self._jobs(self.fetch_due_rows(microseconds_of(now))) if job.next_run_time is not None]

    @override
    def get_next_run_time(self) -> datetime | None:
        try:
            earliest = self.earliest_run_time()
        except ValueError:
            times = [row.next_run_time for row in self.fetch_rows() if row.next_run_time is not None]
            earliest = min(times, default=None)
        return None if earliest is None else datetime_of(earliest, self._timezone)

    @override
    def get_all_jobs(self) -> list[Job]:
        return self._jobs(self.fetch_rows())

    @override
    def add_job(self, job: Job) -> None:
        self.insert_rows([self._new_row(job)])

    @override
    def add_all(self, jobs: Sequence[Job]) -> None:
        known: set[str] = set()
        for job in jobs:
            if job.id in known:
                raise ConflictingIdError(job.id)
            known.add(job.id)
        if jobs:
            self.insert_rows([self._new_row(job) for job in jobs])

    @override
    def update_job(self, job: Job) -> None:
        check_id(job.id)
        document = self._written(job)
        next_run_time = _instant_or_none(job.next_run_time)
        for _ in range(MOST_TRIES):
            row = self._row(job.id)
            if row is None:
                raise JobLookupError(job.id)
            header = self._header(row)
            definition = _definition(document, _Header(header.generation + 1, header.created, self._now()))
            change = RowChange(
                id=row.id, uid=row.uid, version=row.version, next_run_time=next_run_time, definition=definition
            )
            if list(self.change_rows([change])) == [True]:
                return
            if row.problem:
                # A version or a UID that is damaged equals none: the row is removed, whatever it is, and added anew.
                self.remove_row(job.id)
                with suppress(ConflictingIdError):  # another scheduler has added it since
                    self.insert_rows([self._new_row(job)])
                    return
        raise Conflict(f"job {job.id!r} was written by others {MOST_TRIES} times while it was to be changed")

    @override
    def remove_job(self, job_id: str) -> None:
        if not is_id(job_id) or not self.remove_row(job_id):
            raise JobLookupError(job_id)

    @override
    def remove_all_jobs(self) -> None:
        self.clear_rows()

    @override
    def kept_jobs(self) -> Sequence[KeptJob]:
        return [self._restored(row) for row in self.fetch_rows()]

    @override
    def kept_job(self, job_id: str) -> KeptJob:
        row = self._row(job_id)
        if row is None:
            raise JobLookupError(job_id)
        return self._restored(row)

    @override
    def write_records(self, writes: Sequence[RecordWrite]) -> Sequence[int | None]:
        changes = [
            RowChange(
                id=write.id,
                uid=write.uid,
                version=write.version,
                next_run_time=write.record.next_run,
                record=record_to_json(write.record),
            )
            for write in writes
            if not write.keeps_unread
        ]
        done = iter(self.change_rows(changes) if changes else [])
        # What cannot be read stays as it is: a row has no room for anything beside it.
        return [write.version if write.keeps_unread else write.version + 1 if next(done) else None for write in writes]

    @override
    def remove_version(self, job_id: str, uid: str, version: int) -> bool:
        return is_id(job_id) and self.remove_row(job_id, uid, version)

    # -- between jobs and rows

    def _row(self, job_id: str) -> Row | None:
        return self.fetch_row(job_id) if is_id(job_id) else None

    def _now(self) -> Instant:
        return int(self._clock.now())

    @property
    def _timezone(self) -> tzinfo:
        zone = None if self._scheduler is None else getattr(self._scheduler, "timezone", None)
        return zone if isinstance(zone, tzinfo) else UTC

    def _new_row(self, job: Job) -> Row:
        check_id(job.id)
        now = self._now()
        return Row(
            id=job.id,
            uid=token_hex(16),
            version=1,
            next_run_time=_instant_or_none(job.next_run_time),
            definition=_definition(self._written(job), _Header(1, now, now)),
            record=None,
        )

    def _written(self, job: Job) -> dict[str, Any]:
        if self.serializer == "json":
            return {"serializer": "json", "job": job_to_json(job)}
        try:
            pickled = pickle.dumps(job, self.pickle_protocol)
        except Exception as error:  # a class of the program may raise anything when it is pickled
            raise TransientJobError(job.id, f"it cannot be pickled: {type(error).__name__}: {error}") from error
        return {"serializer": "pickle", "job": base64.b64encode(pickled).decode()}

    def _header(self, row: Row) -> _Header:
        """Return the header of a definition. If that cannot be read, a header that differs from every earlier one."""
        try:
            document = orjson.loads(row.definition)
            created, edited = time_in(document["created"]), time_in(document["edited"])
            return _Header(int(document["generation"]), created, edited)
        except (ValueError, TypeError, KeyError):
            now = self._now()
            return _Header(row.version, now, now)

    def _restored(self, row: Row) -> KeptJob:
        job, record, problem = None, None, ""
        unread = True
        try:
            if row.problem:
                raise ValueError(row.problem)  # noqa: TRY301 - it is reported as the others are
            record = None if row.record is None else record_from_json(row.record)
            unread = False
            job = self._read_job(row.definition)
        except Exception as error:  # noqa: BLE001 - an import of the program may raise anything
            problem = f"job {row.id!r} cannot be restored from its job store: {type(error).__name__}: {error}"
            job = None
            self._report(row, problem)
        if job is not None:
            job.belongs_to(self._scheduler, self._alias)
            if job.next_run_time is not None and row.next_run_time is not None:
                job.next_run_time = datetime_of(row.next_run_time, job.next_run_time.tzinfo or UTC)
        header = self._header(row)
        return KeptJob(
            id=row.id,
            uid=row.uid,
            version=row.version,
            generation=header.generation,
            created=header.created,
            edited=header.edited,
            job=job,
            record=record,
            problem=problem,
            unread=unread,
        )

    def _report(self, row: Row, problem: str) -> None:
        if self._reported.get(row.id) != row.version:
            self._reported[row.id] = row.version
            self._logger.log(logging.ERROR, "%s; it stays in the store", problem)

    def _read_job(self, definition: bytes) -> Job:
        document = orjson.loads(definition)
        version = document["version"]
        if version != DEFINITION_VERSION:
            raise ValueError(f"the row has version {version!r}, this version of Kalends reads {DEFINITION_VERSION}")
        if document["serializer"] == "json":
            return job_from_json(document["job"])
        if document["serializer"] != "pickle" or self.serializer != "pickle":
            raise ValueError(
                f"it was written with serializer={document['serializer']!r}, and this store has "
                f"serializer={self.serializer!r}"
            )
        job = pickle.loads(base64.b64decode(document["job"]))  # noqa: S301 - the program chose pickles
        if not isinstance(job, Job):
            raise TypeError(f"the pickle must be of a job, got {type(job).__name__}")
        return job

    def _jobs(self, rows: Sequence[Row]) -> list[Job]:
        """Return the jobs of rows, the earliest first, paused jobs last. Those with a problem are left out."""
        found = [kept.job for kept in map(self._restored, rows) if kept.job is not None]
        return sorted(found, key=_order)


def _order(job: Job) -> tuple[bool, Instant, str]:
    at = job.next_run_time
    return at is None, 0 if at is None else microseconds_of(at), job.id


def _definition(document: dict[str, Any], header: _Header) -> bytes:
    return orjson.dumps(
        {
            "version": DEFINITION_VERSION,
            "generation": header.generation,
            "created": header.created,
            "edited": header.edited,
            **document,
        }
    )


def _instant_or_none(moment: datetime | None) -> Instant | None:
    return None if moment is None else microseconds_of(moment)
