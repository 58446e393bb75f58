"""Records for a job store that keeps jobs alone: they are kept in memory, beside it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from typing_extensions import override

from kalends.clock import Clock
from kalends.engine.core.copying import replace
from kalends.job import Job
from kalends.jobstores.base import BaseJobStore, JobLookupError, KeptJob, RecordingJobStore, RecordWrite
from kalends.triggers.programs.datetimes import datetime_of

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler


class RecordsBeside(RecordingJobStore):
    """A store that was written for APScheduler's interface, with its records in memory. One process may use it.

    A record that is lost with the process is a record of nothing to come: after a restart, each job continues from the
    ``next_run_time`` that the store has.
    """

    blocks = True
    survives = False

    def __init__(self, store: BaseJobStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._kept: dict[str, KeptJob] = {}
        self._lock = threading.RLock()

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        self._store.start(scheduler, alias)

    @override
    def shutdown(self) -> None:
        self._store.shutdown()

    @override
    def lookup_job(self, job_id: str) -> Job | None:
        return self._store.lookup_job(job_id)

    @override
    def get_due_jobs(self, now: datetime) -> list[Job]:
        return self._store.get_due_jobs(now)

    @override
    def get_next_run_time(self) -> datetime | None:
        return self._store.get_next_run_time()

    @override
    def get_all_jobs(self) -> list[Job]:
        return self._store.get_all_jobs()

    @override
    def add_job(self, job: Job) -> None:
        with self._lock:
            self._store.add_job(job)
            self._kept[job.id] = self._new(job)

    @override
    def update_job(self, job: Job) -> None:
        with self._lock:
            self._store.update_job(job)
            kept = self._kept.get(job.id) or self._new(job)
            now = int(self._clock.now())
            self._kept[job.id] = replace(
                kept, version=kept.version + 1, generation=kept.generation + 1, edited=now, job=job
            )

    @override
    def remove_job(self, job_id: str) -> None:
        with self._lock:
            self._store.remove_job(job_id)
            self._kept.pop(job_id, None)

    @override
    def remove_all_jobs(self) -> None:
        with self._lock:
            self._store.remove_all_jobs()
            self._kept.clear()

    @override
    def kept_jobs(self) -> Sequence[KeptJob]:
        with self._lock:
            jobs = {job.id: job for job in self._store.get_all_jobs()}
            self._kept = {job_id: self._kept.get(job_id) or self._new(job) for job_id, job in jobs.items()}
            return list(self._kept.values())

    @override
    def kept_job(self, job_id: str) -> KeptJob:
        with self._lock:
            job = self._store.lookup_job(job_id)
            if job is None:
                raise JobLookupError(job_id)
            kept = self._kept.get(job_id) or self._new(job)
            self._kept[job_id] = kept
            return kept

    def _new(self, job: Job) -> KeptJob:
        now = int(self._clock.now())
        return KeptJob(id=job.id, uid=uuid4().hex, version=1, generation=1, created=now, edited=now, job=job)

    @override
    def write_records(self, writes: Sequence[RecordWrite]) -> Sequence[int | None]:
        with self._lock:
            return [self._write(write) for write in writes]

    def _write(self, write: RecordWrite) -> int | None:
        kept = self._kept.get(write.id)
        if kept is None or (kept.uid, kept.version) != (write.uid, write.version) or kept.job is None:
            return None
        job, upcoming = kept.job, write.record.next_run
        if job.next_run_time is not None and upcoming is not None:
            at = datetime_of(upcoming, job.next_run_time.tzinfo or UTC)
            if at != job.next_run_time:
                job.next_run_time = at
                try:
                    self._store.update_job(job)
                except JobLookupError:
                    return None
        self._kept[write.id] = replace(kept, version=kept.version + 1, record=write.record)
        return kept.version + 1

    @override
    def remove_version(self, job_id: str, uid: str, version: int) -> bool:
        with self._lock:
            kept = self._kept.get(job_id)
            if kept is None or (kept.uid, kept.version) != (uid, version):
                return False
            try:
                self.remove_job(job_id)
            except JobLookupError:
                return False
            return True
