"""A scheduler on a job store with a file: its jobs run, continue after a restart, and can be removed when damaged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest

from devcluster.waiting import eventually
from jobstores.jobs import report
from jobstores.places import damage
from kalends.jobstores.base import JobLookupError
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
from kalends.schedulers.background import BackgroundScheduler

RUNS: list[str] = []


def run(name: str) -> None:
    RUNS.append(name)


def scheduler_on(folder: Path, *, paused: bool = False) -> tuple[BackgroundScheduler, SQLAlchemyJobStore]:
    store = SQLAlchemyJobStore(f"sqlite:///{folder / 'jobs.sqlite'}")
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.start(paused=paused)
    return scheduler, store


def test_a_job_continues_after_a_restart_where_its_record_ends(tmp_path: Path) -> None:
    RUNS.clear()
    scheduler, store = scheduler_on(tmp_path)
    scheduler.add_job(run, "interval", seconds=0.1, args=["first"], id="a", misfire_grace_time=None)
    eventually(lambda: len(RUNS) >= 2)
    scheduler.shutdown()
    scheduler, store = scheduler_on(tmp_path, paused=True)
    before = store.kept_job("a").record
    assert before is not None
    assert before.counts.succeeded >= 1
    scheduler.resume()
    runs = len(RUNS)
    eventually(lambda: len(RUNS) > runs + 1)
    scheduler.shutdown()
    scheduler, store = scheduler_on(tmp_path, paused=True)
    after = store.kept_job("a").record
    assert after is not None
    assert after.counts.succeeded > before.counts.succeeded
    assert after.counts.imbalance() is None
    scheduler.shutdown()


DECORATED = """
from jobstores.test_with_scheduler import DECLARED_ON

@DECLARED_ON[0].scheduled_job("cron", hour=3, id="decorated")
def work(): ...
"""
DECLARED_ON: list[BackgroundScheduler] = []
"""The scheduler to which a module of a test adds its decorated function."""


@pytest.mark.parametrize("started_first", [False, True])
def test_a_decorated_function_is_stored_before_and_after_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, started_first: bool
) -> None:
    store = SQLAlchemyJobStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    monkeypatch.setattr("jobstores.test_with_scheduler.DECLARED_ON", [scheduler])
    name = f"decorated_{'after' if started_first else 'before'}_start"
    (tmp_path / f"{name}.py").write_text(DECORATED)
    monkeypatch.syspath_prepend(tmp_path)
    if started_first:
        scheduler.start()
    module = import_module(name)
    if not started_first:
        scheduler.start()
    stored = store.lookup_job("decorated")
    scheduler.shutdown()
    assert stored is not None
    assert (stored.func_ref, stored.func) == (f"{name}:work", module.work)


def test_a_job_that_has_ended_is_removed(tmp_path: Path) -> None:
    RUNS.clear()
    scheduler, store = scheduler_on(tmp_path)
    soon = datetime.now(UTC) + timedelta(seconds=0.2)
    scheduler.add_job(run, "date", run_date=soon, args=["once"], id="a", misfire_grace_time=None)
    eventually(lambda: RUNS == ["once"] and store.lookup_job("a") is None)
    scheduler.shutdown()


def test_a_job_that_cannot_be_restored_is_removed_by_its_id(tmp_path: Path) -> None:
    scheduler, store = scheduler_on(tmp_path, paused=True)
    scheduler.add_job(report, "interval", hours=1, id="a")
    damage(store, "a", definition=b"{}")
    assert scheduler.get_job("a") is None
    scheduler.remove_job("a")
    assert list(store.kept_jobs()) == []
    with pytest.raises(JobLookupError):
        scheduler.remove_job("a")
    scheduler.shutdown()


def test_a_job_that_cannot_be_restored_does_not_stop_the_others(tmp_path: Path) -> None:
    RUNS.clear()
    scheduler, store = scheduler_on(tmp_path, paused=True)
    scheduler.add_job(report, "interval", hours=1, id="damaged")
    scheduler.add_job(run, "interval", seconds=0.1, args=["sound"], id="sound", misfire_grace_time=None)
    damage(store, "damaged", definition=b"{}")
    scheduler.shutdown()
    scheduler, store = scheduler_on(tmp_path)
    eventually(lambda: "sound" in RUNS)
    scheduler.shutdown()
    assert sorted(kept.id for kept in store.kept_jobs()) == ["damaged", "sound"]
