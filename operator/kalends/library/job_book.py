"""The jobs of a scheduler: those in its job stores, and those that wait for its start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from kalends.clock import Clock
from kalends.engine.core.state import State
from kalends.job import Job
from kalends.jobstores.base import BaseJobStore, ConflictingIdError, JobLookupError, KeptJob, RecordingJobStore
from kalends.library.records_beside import RecordsBeside
from kalends.triggers.programs.datetimes import datetime_of, microseconds_of

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler


class JobBook:
    """Finds and changes jobs. The scheduler holds its lock during each call."""

    def __init__(self, clock: Clock) -> None:
        self.stores: dict[str, BaseJobStore] = {}
        """As the program gave them."""
        self.recording: dict[str, RecordingJobStore] = {}
        """Those that were started, as the engine sees them."""
        self.pending: list[tuple[Job, str, bool]] = []
        """Jobs that wait for the start: the job, the alias of its store, and whether it may replace another."""
        self._clock = clock

    def start(self, alias: str, scheduler: BaseScheduler) -> bool:
        """Start a store; return whether it keeps records itself."""
        store = self.stores[alias]
        store.start(scheduler, alias)
        keeps_records = isinstance(store, RecordingJobStore)
        self.recording[alias] = store if isinstance(store, RecordingJobStore) else RecordsBeside(store, self._clock)
        return keeps_records

    def store(self, alias: str) -> BaseJobStore:
        """Return a store.

        Raises:
            KeyError: There is no store of this alias.
        """
        if alias not in self.stores:
            raise KeyError(f"No such job store: {alias}")
        return self.stores[alias]

    # -- one job

    def add(self, job: Job, alias: str, *, replace: bool) -> KeptJob:
        """Add a job to a store.

        Raises:
            ConflictingIdError: There is another job of its ID, which it may not replace.
            KeyError: There is no such store.
        """
        self.store(alias)
        recording = self.recording[alias]
        try:
            recording.add_job(job)
        except ConflictingIdError:
            if not replace:
                raise
            known = recording.kept_job(job.id).job
            if known is not None and known.next_run_time is not None and same_trigger(known, job):
                job.keep_phase_of(known)
            recording.update_job(job)
        job.belongs_to(None, alias)
        return recording.kept_job(job.id)

    def add_all(self, jobs: Sequence[Job], alias: str) -> None:
        """Add jobs to a store.

        Raises:
            ConflictingIdError: There is a job of one of their IDs.
            KeyError: There is no such store.
        """
        self.store(alias)
        self.recording[alias].add_all(jobs)
        for job in jobs:
            job.belongs_to(None, alias)

    def update(self, job: Job, alias: str, first: datetime | None) -> KeptJob:
        """Write a job that was changed.

        Args:
            job: The job.
            alias: The alias of its store.
            first: Its first fire time as the program read it. Only if the program has changed it, it counts from what
                was decided: a user may have edited the schedule since, or a fire time may have been decided.

        Raises:
            JobLookupError: It was removed.
        """
        recording = self.recording[alias]
        if job.first_fire_time is not None and job.first_fire_time != first:
            job.count_from(_undecided(recording.kept_job(job.id).record, job.first_fire_time))
        recording.update_job(job)
        return recording.kept_job(job.id)

    def find(self, job_id: str, alias: str | None, *, started: bool) -> tuple[Job, str | None]:
        """Return a job and the alias of its store, None while it waits for the start.

        Args:
            job_id: Its ID.
            alias: The alias of its store. None: the first store that has it.
            started: Whether the scheduler was started.

        Raises:
            JobLookupError: There is no such job.
            KeyError: There is no such store.
        """
        if not started:
            for job, of, _ in self.pending:
                if job.id == job_id and alias in {None, of}:
                    return job, None
            raise JobLookupError(job_id)
        for of in self.stores if alias is None else [alias]:
            found = self.store(of).lookup_job(job_id)
            if found is not None:
                return found, of
        raise JobLookupError(job_id)

    def alias_of(self, job_id: str, alias: str | None, *, started: bool) -> str | None:
        """Return the alias of the store of a job, also of a job that cannot be restored; None while it waits.

        The arguments and errors are those of ``find``.
        """
        if not started:
            return self.find(job_id, alias, started=False)[1]
        for of in self.stores if alias is None else [alias]:
            self.store(of)
            with suppress(JobLookupError):
                self.recording[of].kept_job(job_id)
                return of
        raise JobLookupError(job_id)

    def remove(self, job_id: str, alias: str | None) -> None:
        """Remove a job from its store, or from those that wait (None)."""
        if alias is None:
            self.pending = [one for one in self.pending if one[0].id != job_id]
        else:
            self.recording[alias].remove_job(job_id)

    # -- all jobs

    def jobs(self, alias: str | None, *, started: bool) -> Iterator[tuple[Job, str | None]]:
        """Yield jobs with the aliases of their stores: those of all stores, or of one."""
        if not started:
            yield from ((job, None) for job, of, _ in self.pending if alias in {None, of})
            return
        for of in self.stores if alias is None else [alias]:
            yield from ((job, of) for job in self.store(of).get_all_jobs())

    def clear(self, alias: str | None, *, started: bool) -> list[str]:
        """Remove all jobs, or those of one store; return the aliases of the stores that were emptied."""
        if not started:
            self.pending = [one for one in self.pending if alias not in {None, one[1]}]
            return []
        aliases = list(self.recording) if alias is None else [alias]
        for of in aliases:
            self.store(of)
            self.recording[of].remove_all_jobs()
        return aliases


def same_trigger(one: Job, other: Job) -> bool:
    """Return whether two jobs have the same fire times, so that one may continue where the other is."""
    return (
        type(one.trigger) is type(other.trigger)
        and one.fire_time_options == other.fire_time_options
        and _without_start(one) == _without_start(other)
    )


def _without_start(job: Job) -> object:
    return str(job.trigger), getattr(job.trigger, "timezone", None), getattr(job.trigger, "end_date", None)


def _undecided(record: State | None, first: datetime) -> datetime:
    """Return a first fire time that was not decided before: what was decided stays so."""
    cursor = None if record is None else record.cursor
    if cursor is None or first.tzinfo is None or microseconds_of(first) > cursor:
        return first
    return datetime_of(cursor + 1, first.tzinfo)
