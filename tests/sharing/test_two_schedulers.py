"""Two schedulers of one process on one store: who acts, and what becomes of active runs when that changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from kalends.clock import MicrosecondClock
from kalends.events import EVENT_JOB_ERROR, EVENT_JOB_SUBMITTED, JobExecutionEvent, JobSubmissionEvent
from kalends.jobstores.base import RecordingJobStore
from kalends.jobstores.memory import MemoryJobStore
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
from kalends.library.shared_stores import SharedStores, SharingOptions
from kalends.schedulers.background import BackgroundScheduler

OPTIONS: dict[str, Any] = {
    "lease_duration": 120.0,
    "lease_renew_deadline": 60.0,
    "lease_retry_period": 0.1,
    "jobstore_poll_interval": 0.1,
    "job_defaults": {"misfire_grace_time": None},
}
"""No scheduler loses its lease, and no fire time is missed, because the machine is busy."""
PATIENCE = 120.0
release = threading.Event()


def wait_for_release() -> None:
    """Is a job that lasts."""
    assert release.wait(PATIENCE)


def until(claim: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + PATIENCE
    while not claim():
        assert time.monotonic() < ends_at, "nothing happened"
        time.sleep(0.01)


class Two:
    """Two schedulers, and the jobs that each has started."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.started: dict[str, list[str]] = {"first": [], "second": []}
        self.failures = {"first": 0, "second": 0}
        self.first, self.second = self.new("first"), self.new("second")

    def new(self, name: str) -> BackgroundScheduler:
        scheduler = BackgroundScheduler(jobstores={"default": SQLAlchemyJobStore(self.url)}, **OPTIONS)

        def note(event: JobSubmissionEvent) -> None:
            self.started[name].append(event.job_id)

        def count(event: JobExecutionEvent) -> None:
            del event
            self.failures[name] += 1

        scheduler.add_listener(note, EVENT_JOB_SUBMITTED)
        scheduler.add_listener(count, EVENT_JOB_ERROR)
        return scheduler

    def start(self) -> None:
        """Start both, the first first."""
        self.first.start()
        until(self.first.acts_for)
        self.second.start()

    def counts(self, job_id: str) -> Any:
        store = SQLAlchemyJobStore(self.url)
        record = store.kept_job(job_id).record
        store.shutdown()
        return None if record is None else record.counts


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    release.clear()
    found = Two(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    yield found
    release.set()
    for scheduler in (found.first, found.second):
        if scheduler.running:
            scheduler.shutdown()


def test_a_job_that_any_scheduler_adds_is_run_by_the_scheduler_that_acts(two: Two) -> None:
    two.start()
    two.second.add_job(len, "interval", seconds=0.2, args=["x"], id="a")
    until(lambda: two.started["first"].count("a") > 1)
    assert not two.second.acts_for()
    two.second.pause_job("a")
    until(lambda: two.first.get_jobs()[0].next_run_time is None)
    two.second.remove_job("a")
    assert two.first.get_jobs() == []
    assert two.started["second"] == []


def test_a_scheduler_that_shuts_down_lets_another_continue_and_records_its_active_runs(two: Two) -> None:
    two.start()
    two.second.add_job(wait_for_release, id="long")
    until(lambda: two.started["first"] == ["long"])
    ending = threading.Thread(target=two.first.shutdown)
    ending.start()
    until(two.second.acts_for)
    two.second.add_job(len, "interval", seconds=0.2, args=["x"], id="a")
    until(lambda: two.started["second"].count("a") > 1)
    counts = two.counts("long")
    assert (counts.started, counts.lost) == (1, 0)
    release.set()
    ending.join()
    assert two.started == {"first": ["long"], "second": ["a"] * len(two.started["second"])}


def test_a_paused_scheduler_lets_another_act(two: Two) -> None:
    two.start()
    two.first.pause()
    until(two.second.acts_for)
    assert not two.first.acts_for()
    two.first.resume()
    two.second.pause()
    until(two.first.acts_for)


def test_a_scheduler_acts_for_no_store_before_it_takes_part_in_its_election(tmp_path: Path) -> None:
    stores: dict[str, RecordingJobStore] = {
        "alone": MemoryJobStore(),
        "shared": SQLAlchemyJobStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}"),
    }
    shared = SharedStores(stores, SharingOptions(), MicrosecondClock(), "me", Mock())
    assert not any(shared.acts_for(alias) or shared.holds(alias) for alias in stores)
    assert not shared.add("alone")
    assert shared.acts_for("alone")
    assert not shared.acts_for("shared")


def test_timing_that_proves_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="lease_duration > renew_deadline"):
        BackgroundScheduler({"kalends.lease_duration": "5", "kalends.lease_renew_deadline": "10"})
    with pytest.raises(ValueError, match="jobstore_poll_interval must be more than 0"):
        BackgroundScheduler(jobstore_poll_interval=0)


def test_a_scheduler_that_is_paused_and_resumed_at_once_acts_again(tmp_path: Path) -> None:
    two = Two(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    two.first.start()
    try:
        until(two.first.acts_for)
        for _ in range(3):
            two.first.pause()
            two.first.resume()
        two.first.add_job(len, args=["x"], id="a")
        until(lambda: two.started["first"] == ["a"])
    finally:
        two.first.shutdown()


def fail_once_released() -> None:
    """Is a job that lasts, and fails."""
    wait_for_release()
    raise RuntimeError("as it is asked to")


def test_a_failure_that_is_tried_again_is_recorded_by_the_scheduler_that_acts_no_more(two: Two) -> None:
    two.start()
    two.first.add_job(fail_once_released, id="a", retry={"limit": 1, "backoff": 0})
    until(lambda: two.started["first"] == ["a"])
    two.first.pause()
    until(two.second.acts_for)
    release.set()
    # The second attempt belongs to the scheduler that acts: then the job has ended.
    until(lambda: two.second.get_jobs() == [])
    assert two.failures == {"first": 0, "second": 1}
