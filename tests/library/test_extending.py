"""Classes that were written for APScheduler's base classes, with the root of the imports changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from typing_extensions import override

from kalends.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    EVENT_JOB_REMOVED,
)
from kalends.executors.base import BaseExecutor, run_job
from kalends.job import Job
from kalends.jobstores.base import BaseJobStore, ConflictingIdError, JobLookupError
from kalends.schedulers.background import BackgroundScheduler
from kalends.triggers.base import BaseTrigger
from narrowing import present

LONG = 120.0
"""Seconds after which a test has failed."""


class Events:
    """Listens, and lets a test wait."""

    def __init__(self, scheduler: BackgroundScheduler) -> None:
        self._heard: list[Any] = []
        self._changed = threading.Condition()
        scheduler.add_listener(self._hear)

    def _hear(self, event: Any) -> None:
        with self._changed:
            self._heard.append(event)
            self._changed.notify_all()

    def of(self, code: int) -> list[Any]:
        return [event for event in self._heard if event.code == code]

    def wait_for(self, code: int, number: int = 1) -> list[Any]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of(code)) >= number, LONG), self._heard
            return self.of(code)


@contextmanager
def running(**options: Any) -> Iterator[tuple[BackgroundScheduler, Events]]:
    # No fire time is missed because the machine is busy.
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults={"misfire_grace_time": None}, **options)
    events = Events(scheduler)
    scheduler.start()
    try:
        yield scheduler, events
    finally:
        scheduler.shutdown()


class EveryTenth(BaseTrigger):
    """Fires each tenth of a second, three times."""

    def __init__(self) -> None:
        self.end: datetime | None = None

    @override
    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        following = (previous_fire_time or now) + timedelta(seconds=0.1)
        if self.end is None:
            self.end = following + timedelta(seconds=0.25)
        return following if following <= self.end else None


def test_a_trigger_of_a_program() -> None:
    with running() as (scheduler, events):
        scheduler.add_job(len, EveryTenth(), args=["abc"], misfire_grace_time=None, coalesce=False)
        ends = events.wait_for(EVENT_JOB_EXECUTED, 3)
        gaps = [(ends[place + 1].scheduled_run_time - ends[place].scheduled_run_time) for place in range(2)]
        assert gaps == [timedelta(seconds=0.1)] * 2
        assert [event.retval for event in ends] == [3] * 3


class ThreadEach(BaseExecutor):
    """Calls each job in a new thread."""

    @override
    def _do_submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        def work() -> None:
            self._run_job_success(job.id, run_job(job, job.jobstore_alias, run_times, self._logger.name))

        threading.Thread(target=work).start()


class Refusing(BaseExecutor):
    """Fails at each job."""

    @override
    def _do_submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        raise OSError("no room")


class Losing(BaseExecutor):
    """Accepts each job, and then reports an error of the executor itself."""

    @override
    def _do_submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        threading.Timer(0.05, self._run_job_error, (job.id, OSError("worker lost"))).start()


def test_an_executor_of_a_program() -> None:
    with running(executors={"default": ThreadEach()}) as (scheduler, events):
        scheduler.add_job(len, args=["abc"])
        (end,) = events.wait_for(EVENT_JOB_EXECUTED)
        assert end.retval == 3


def test_an_executor_that_fails_makes_the_run_fail_and_the_scheduler_continues() -> None:
    executors = {"refusing": Refusing(), "losing": Losing(), "default": ThreadEach()}
    with running(executors=executors) as (scheduler, events):
        scheduler.add_job(len, args=["abc"], executor="refusing", id="refused")
        scheduler.add_job(len, args=["abc"], executor="losing", id="lost")
        errors = {event.job_id: str(event.exception) for event in events.wait_for(EVENT_JOB_ERROR, 2)}
        assert "no room" in errors["refused"]
        assert "worker lost" in errors["lost"]
        scheduler.add_job(len, args=["abc"])
        events.wait_for(EVENT_JOB_EXECUTED)


class Shelf(BaseJobStore):
    """Keeps jobs in a list, and nothing else."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def _at(self, job_id: str) -> int:
        for place, job in enumerate(self.jobs):
            if job.id == job_id:
                return place
        raise JobLookupError(job_id)

    @override
    def lookup_job(self, job_id: str) -> Job | None:
        return next((job for job in self.jobs if job.id == job_id), None)

    @override
    def get_due_jobs(self, now: datetime) -> list[Job]:
        until = now.timestamp()
        return [job for job in self.get_all_jobs() if job.next_run_time and job.next_run_time.timestamp() <= until]

    @override
    def get_next_run_time(self) -> datetime | None:
        return min((job.next_run_time for job in self.jobs if job.next_run_time is not None), default=None)

    @override
    def get_all_jobs(self) -> list[Job]:
        jobs = sorted((job for job in self.jobs), key=lambda job: present(job.next_run_time))
        self._fix_paused_jobs_sorting(jobs)
        return jobs

    @override
    def add_job(self, job: Job) -> None:
        if self.lookup_job(job.id) is not None:
            raise ConflictingIdError(job.id)
        self.jobs.append(job)

    @override
    def update_job(self, job: Job) -> None:
        self.jobs[self._at(job.id)] = job

    @override
    def remove_job(self, job_id: str) -> None:
        del self.jobs[self._at(job_id)]

    @override
    def remove_all_jobs(self) -> None:
        self.jobs.clear()


def test_a_job_store_of_a_program() -> None:
    shelf = Shelf()
    with running(jobstores={"default": shelf}) as (scheduler, events):
        scheduler.add_job(len, "interval", hours=1, args=["abc"], id="hourly")
        scheduler.add_job(len, args=["abc"], id="once")
        (end,) = events.wait_for(EVENT_JOB_EXECUTED)
        assert (end.job_id, end.jobstore) == ("once", "default")
        events.wait_for(EVENT_JOB_REMOVED)
        assert shelf.lookup_job("once") is None
        scheduler.modify_job("hourly", next_run_time=datetime.now(scheduler.timezone))
        events.wait_for(EVENT_JOB_EXECUTED, 2)
        assert present(shelf.get_next_run_time()) > datetime.now(scheduler.timezone)
        scheduler.remove_job("hourly")
        assert shelf.jobs == []


def test_a_job_store_of_a_program_continues_where_it_is_after_a_restart() -> None:
    shelf = Shelf()
    with running(jobstores={"default": shelf}) as (scheduler, events):
        scheduler.add_job(len, "interval", seconds=0.2, args=["abc"], id="often")
        events.wait_for(EVENT_JOB_EXECUTED, 2)
    left = present(shelf.jobs[0].next_run_time)
    with running(jobstores={"default": shelf}) as (_, events):
        first = events.wait_for(EVENT_JOB_EXECUTED)[0]
        assert (first.scheduled_run_time - left) % timedelta(seconds=0.2) == timedelta(0)


def held(scheduler: BackgroundScheduler, **options: Any) -> tuple[threading.Event, Callable[[], None]]:
    """Add a job that holds its worker until the returned function is called; return also the event of its start."""
    started, release = threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        release.wait(LONG)

    scheduler.add_job(hold, **options)
    return started, release.set


def test_a_run_that_waits_for_a_worker_for_longer_than_its_grace_time_is_missed() -> None:
    with running(executors={"default": {"type": "threadpool", "max_workers": 1}}) as (scheduler, events):
        started, release = held(scheduler)
        assert started.wait(LONG)
        scheduler.add_job(len, args=["abc"], misfire_grace_time=1, id="late")
        (missed,) = events.wait_for(EVENT_JOB_MISSED)
        release()
        assert missed.job_id == "late"
        assert not [event for event in events.of(EVENT_JOB_EXECUTED) if event.job_id == "late"]


def test_a_fire_time_is_skipped_while_as_many_runs_as_may_are_active() -> None:
    with running() as (scheduler, events):
        started, release = held(scheduler, trigger="interval", seconds=0.2, max_instances=1, id="slow")
        assert started.wait(LONG)
        skipped = events.wait_for(EVENT_JOB_MAX_INSTANCES)[0]
        release()
        assert skipped.job_id == "slow"
        events.wait_for(EVENT_JOB_EXECUTED, 2)


def test_jitter_delays_runs_and_moves_no_fire_time() -> None:
    scheduler = BackgroundScheduler(timezone="UTC")
    job = scheduler.add_job(len, "cron", hour=0, jitter=3600, args=["abc"])
    assert present(job.next_run_time).strftime("%H:%M:%S.%f") == "00:00:00.000000"


def test_many_jobs_are_added_in_one_call() -> None:
    with running() as (scheduler, events):
        added = scheduler.add_jobs({"func": len, "args": ["abc"], "id": f"job-{place}"} for place in range(20))
        ends = events.wait_for(EVENT_JOB_EXECUTED, 20)
        assert {end.job_id for end in ends} == {job.id for job in added}
        paused = scheduler.add_jobs(
            [{"func": len, "trigger": "interval", "hours": 1, "next_run_time": None, "args": [""]}]
        )
        assert scheduler.get_job(paused[0].id) is paused[0]


def test_of_jobs_that_are_added_together_all_are_checked_first() -> None:
    with running() as (scheduler, _):
        with pytest.raises(ValueError, match="missing"):
            scheduler.add_jobs([{"func": len, "args": ["abc"], "trigger": "interval", "hours": 1}, {"func": len}])
        with pytest.raises(TypeError, match="each job must have 'func'"):
            scheduler.add_jobs([{"args": ["abc"]}])
        assert scheduler.get_jobs() == []
