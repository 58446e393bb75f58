"""What every job store offers, under APScheduler's names, and what a store offers that keeps records as well."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from kalends.engine.core.definition import Stored
from kalends.engine.core.state import Instant, State
from kalends.job import Job

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler


class JobLookupError(KeyError):
    """The store has no job of this ID."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"No job by the id of {job_id} was found")


class ConflictingIdError(KeyError):
    """The store has another job of this ID."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Job identifier ({job_id}) conflicts with an existing job")


class TransientJobError(ValueError):
    """The job cannot be stored: no reference leads to its callable, or an argument has no JSON form."""

    def __init__(self, job_id: str, why: str = "") -> None:
        super().__init__(f"Job ({job_id}) cannot be added to this job store{f': {why}' if why else ''}")
        self.why = why


class BaseJobStore(ABC):
    """A job store. Classes that were written for APScheduler's class of this name work with this one.

    A store that implements no more than this has no compare-and-set, so that it serves one scheduler in one process;
    ``RecordingJobStore`` is the base for stores that several processes may share.
    """

    _scheduler: BaseScheduler | None = None
    _alias: str | None = None
    _logger = logging.getLogger("kalends.jobstores")

    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        """Connect, and create what is missing: called when the scheduler starts, or when the store is added to it."""
        self._scheduler = scheduler
        self._alias = alias
        self._logger = logging.getLogger(f"kalends.jobstores.{alias}")

    def shutdown(self) -> None:  # noqa: B027 - most stores have nothing to release
        """Release what ``start`` has taken."""

    @staticmethod
    def _fix_paused_jobs_sorting(jobs: list[Job]) -> None:
        """Put paused jobs last, in place, as ``get_all_jobs`` returns them."""
        jobs.sort(key=lambda job: job.next_run_time is None)

    @abstractmethod
    def lookup_job(self, job_id: str) -> Job | None:
        """Return the job of an ID, or None."""

    @abstractmethod
    def get_due_jobs(self, now: datetime) -> list[Job]:
        """Return the jobs with ``next_run_time`` <= ``now``, the earliest first."""

    @abstractmethod
    def get_next_run_time(self) -> datetime | None:
        """Return the earliest ``next_run_time``, or None if no job has one."""

    @abstractmethod
    def get_all_jobs(self) -> list[Job]:
        """Return all jobs, the earliest ``next_run_time`` first, paused jobs last."""

    @abstractmethod
    def add_job(self, job: Job) -> None:
        """Add a job.

        Raises:
            ConflictingIdError: There is a job of this ID.
        """

    @abstractmethod
    def update_job(self, job: Job) -> None:
        """Replace a job.

        Raises:
            JobLookupError: There is no job of this ID.
        """

    @abstractmethod
    def remove_job(self, job_id: str) -> None:
        """Remove a job.

        Raises:
            JobLookupError: There is no job of this ID.
        """

    @abstractmethod
    def remove_all_jobs(self) -> None:
        """Remove all jobs."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptJob:
    """A job as a store keeps it: what is wanted, and what was decided about it so far."""

    id: str
    uid: str
    """Distinguishes a job from another job that has the same ID later."""
    version: int
    """Changes at each write."""
    generation: int
    """Counts the changes of the job itself."""
    created: Instant
    edited: Instant
    """When the job itself was last changed."""
    job: Job | None
    """None: it cannot be restored, ``problem`` says why."""
    record: State | None = None
    problem: str = ""
    unread: bool = False
    """Whether the record, or what names it, cannot be read, so that nothing may be written in its place."""
    stored: Stored | None = None
    """What the store has read itself, if its jobs have a definition that says more than ``job``: in units of the
    program's engine."""


@dataclass(frozen=True, slots=True)
class RecordWrite:
    """A record to be written in place of the record of a version."""

    id: str
    uid: str
    version: int
    record: State
    before: State | None = None
    """The record that was read; None: there was none, or it could not be read."""
    keeps_unread: bool = False
    """Whether what stands there cannot be read, so that only what ``record`` adds to ``before`` may be written."""


class RecordingJobStore(BaseJobStore):
    """A job store that also keeps the record of each job, and writes both by compare-and-set."""

    blocks = True
    """Whether its calls may wait for a server or a disk, so that they must not be made on an event loop."""
    survives = True
    """Whether what it keeps survives the process."""

    def add_all(self, jobs: Sequence[Job]) -> None:
        """Add jobs, in one transaction if the store has transactions: then all are added, or none.

        Raises:
            ConflictingIdError: There is a job of one of their IDs.
        """
        for job in jobs:
            self.add_job(job)

    @abstractmethod
    def kept_jobs(self) -> Sequence[KeptJob]:
        """Return all jobs with their records."""

    @abstractmethod
    def kept_job(self, job_id: str) -> KeptJob:
        """Return one job with its record.

        Raises:
            JobLookupError: There is no job of this ID.
        """

    @abstractmethod
    def write_records(self, writes: Sequence[RecordWrite]) -> Sequence[int | Exception | None]:
        """Write records, all in one transaction if the store has transactions.

        Returns:
            For each write the new version, or None if the job was removed, or changed since that version. A store
            without transactions may return an exception for a write that failed alone.
        """

    # -- what other schedulers change; only stores that several schedulers may share need it

    def kept_versions(self) -> Mapping[str, tuple[str, int]]:
        """Return the UID and the version of every job, by its ID."""
        return {kept.id: (kept.uid, kept.version) for kept in self.kept_jobs()}

    def change_number(self) -> int | None:
        """Return a number that differs after each addition, change and removal of a job, by whichever process.

        Records, and the removal of jobs that have ended, need not change it. None: the store has no such number, so
        that the versions are compared at each look.
        """
        return None

    def listen(self, changed: Callable[[], None]) -> Callable[[], None] | None:
        """Call a function, from any thread, soon after another process has changed jobs or released a lease.

        It may be called more often than that. Where it may be called less often, because notices can be lost, the
        scheduler notices changes later, by looking. A connection that breaks is made again by the store.

        Returns:
            A function that ends it, or None if the store gives no notices.
        """
        del changed
        return None

    @abstractmethod
    def remove_version(self, job_id: str, uid: str, version: int) -> bool:
        """Remove a job if it still has this version; return whether it had."""
