"""A job store in memory: it keeps any job, also lambdas and open connections, as long as the process lives."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from typing_extensions import override

from kalends.clock import Clock, MicrosecondClock
from kalends.engine.core.copying import replace
from kalends.job import Job
from kalends.jobstores.base import ConflictingIdError, JobLookupError, KeptJob, RecordingJobStore, RecordWrite
from kalends.triggers.programs.datetimes import datetime_of, microseconds_of


class MemoryJobStore(RecordingJobStore):
    """Keeps the jobs themselves, not copies. Any thread may use it."""

    blocks = False
    survives = False

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self._clock = clock or MicrosecondClock()
        self._kept: dict[str, KeptJob] = {}
        self._lock = threading.RLock()  # a signal handler may interrupt a call and use the scheduler
        self._version = 0

    @override
    def shutdown(self) -> None:
        self.remove_all_jobs()

    @override
    def lookup_job(self, job_id: str) -> Job | None:
        kept = self._kept.get(job_id)
        return None if kept is None else kept.job

    @override
    def get_due_jobs(self, now: datetime) -> list[Job]:
        until = microseconds_of(now)  # two datetimes of a zone are compared by their wall time
        return [job for job in self.get_all_jobs() if job.next_run_time and microseconds_of(job.next_run_time) <= until]

    @override
    def get_next_run_time(self) -> datetime | None:
        times = (kept.job.next_run_time for kept in self._values() if kept.job is not None)
        return min((at for at in times if at is not None), key=microseconds_of, default=None)

    @override
    def get_all_jobs(self) -> list[Job]:
        return sorted((kept.job for kept in self._values() if kept.job is not None), key=_order)

    def _values(self) -> list[KeptJob]:
        with self._lock:
            return list(self._kept.values())

    @override
    def add_job(self, job: Job) -> None:
        now = int(self._clock.now())
        with self._lock:
            if job.id in self._kept:
                raise ConflictingIdError(job.id)
            self._kept[job.id] = KeptJob(
                id=job.id, uid=uuid4().hex, version=self._next(), generation=1, created=now, edited=now, job=job
            )

    @override
    def update_job(self, job: Job) -> None:
        now = int(self._clock.now())
        with self._lock:
            kept = self._find(job.id)
            self._kept[job.id] = replace(
                kept, version=self._next(), generation=kept.generation + 1, edited=now, job=job
            )

    @override
    def remove_job(self, job_id: str) -> None:
        with self._lock:
            del self._kept[self._find(job_id).id]

    @override
    def remove_all_jobs(self) -> None:
        with self._lock:
            self._kept.clear()

    @override
    def kept_jobs(self) -> Sequence[KeptJob]:
        return self._values()

    @override
    def kept_job(self, job_id: str) -> KeptJob:
        with self._lock:
            return self._find(job_id)

    @override
    def write_records(self, writes: Sequence[RecordWrite]) -> Sequence[int | None]:
        with self._lock:
            return [self._write(write) for write in writes]

    def _write(self, write: RecordWrite) -> int | None:
        kept = self._kept.get(write.id)
        if kept is None or (kept.uid, kept.version) != (write.uid, write.version):
            return None
        kept = self._kept[write.id] = replace(kept, version=self._next(), record=write.record)
        job, upcoming = kept.job, write.record.next_run
        if job is not None and job.next_run_time is not None and upcoming is not None:
            job.next_run_time = datetime_of(upcoming, job.next_run_time.tzinfo or UTC)
        return kept.version

    @override
    def remove_version(self, job_id: str, uid: str, version: int) -> bool:
        with self._lock:
            kept = self._kept.get(job_id)
            if kept is None or (kept.uid, kept.version) != (uid, version):
                return False
            del self._kept[job_id]
            return True

    def _find(self, job_id: str) -> KeptJob:
        kept = self._kept.get(job_id)
        if kept is None:
            raise JobLookupError(job_id)
        return kept

    def _next(self) -> int:
        self._version += 1
        return self._version


def _order(job: Job) -> tuple[bool, int, str]:
    at = job.next_run_time
    return at is None, 0 if at is None else microseconds_of(at), job.id
