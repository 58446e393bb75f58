"""A damaged version, UID, time or record affects its job alone: it stays in the store, and can be removed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devcluster.waiting import eventually
from jobstores.damages import CASES, damage_value
from jobstores.places import PLACES, start
from kalends.jobstores.base import JobLookupError, RecordingJobStore
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
from kalends.schedulers.background import BackgroundScheduler
from kalends.testing.contracts.jobs import NOON, job, record, write_of
from kalends.testing.contracts.jobstores import ids
from servers.harness import Servers

RUNS: list[str] = []


def run(name: str) -> None:
    RUNS.append(name)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A store with the jobs a and b, of which a is damaged."""

    store: RecordingJobStore
    place: str
    what: str


@pytest.fixture(params=CASES, ids=" ".join)
def damaged(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[Damaged]:
    name, what = request.param
    kept_in = PLACES[name](servers, tmp_path)
    store = kept_in.new_store()
    start(store)
    store.add_all([job("a", at=NOON - timedelta(hours=1)), job("b")])
    store.write_records([write_of(store.kept_job("b"), record())])
    damage_value(store, name, what, "a")
    yield Damaged(store, name, what)
    store.shutdown()
    kept_in.remove()


def test_a_damaged_value_affects_its_job_alone(damaged: Damaged, caplog: pytest.LogCaptureFixture) -> None:
    store = damaged.store
    kept = {one.id: one for one in store.kept_jobs()}
    assert sorted(kept) == ["a", "b"]
    assert kept["a"].job is None
    assert kept["a"].problem
    assert kept["b"].job is not None
    assert kept["b"].record is not None
    again = store.kept_job("a")
    assert (again.uid, again.version, again.problem) == (kept["a"].uid, kept["a"].version, kept["a"].problem)
    assert "job 'a' cannot be restored from its job store" in caplog.text
    assert ids(store.get_all_jobs()) == ids(store.get_due_jobs(NOON)) == ["b"]
    assert store.get_next_run_time() in {NOON, NOON - timedelta(hours=1)}
    assert store.lookup_job("a") is None
    assert store.kept_versions()["b"] == (kept["b"].uid, kept["b"].version)
    (written,) = store.write_records([write_of(kept["b"], record())])
    assert written == kept["b"].version + 1


def test_a_job_with_a_damaged_value_is_removed_by_its_id(damaged: Damaged) -> None:
    store = damaged.store
    store.remove_job("a")
    assert ids(store.kept_jobs()) == list(store.kept_versions()) == ["b"]
    with pytest.raises(JobLookupError):
        store.remove_job("a")
    store.add_job(job("a"))
    assert ids(store.get_all_jobs()) == ["a", "b"]


def test_a_job_with_a_damaged_value_is_replaced(damaged: Damaged) -> None:
    store = damaged.store
    store.update_job(job("a", name="restored"))
    kept = {one.id: one for one in store.kept_jobs()}
    assert sorted(kept) == ["a", "b"]
    restored = kept["a"].job
    if damaged.what in {"record", "text as record"}:  # a change of a job does not change what was decided
        assert restored is None
        store.remove_job("a")
        store.add_job(job("a", name="restored"))
        restored = store.kept_job("a").job
    assert restored is not None
    assert restored.name == "restored"
    assert dict(store.kept_versions()) == {one.id: (one.uid, one.version) for one in store.kept_jobs()}


def test_all_jobs_are_removed_beside_a_damaged_value(damaged: Damaged) -> None:
    store = damaged.store
    store.remove_all_jobs()
    assert store.kept_jobs() == []
    assert dict(store.kept_versions()) == {}
    store.add_job(job("a"))
    assert ids(store.get_all_jobs()) == ["a"]


def test_a_store_with_a_damaged_value_starts(damaged: Damaged) -> None:
    damaged.store.shutdown()
    start(damaged.store)
    assert ids(damaged.store.get_all_jobs()) == ["b"]


@pytest.mark.parametrize("what", [what for place, what in CASES if place == "sqlite"])
def test_a_scheduler_runs_the_other_jobs_and_leaves_the_damaged_job_as_it_is(what: str, tmp_path: Path) -> None:
    RUNS.clear()
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    store = SQLAlchemyJobStore(url)
    start(store)
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    store.add_all([job(name, func=run, args=[name], at=soon, misfire_grace_time=None) for name in ("a", "b")])
    damage_value(store, "sqlite", what, "a")
    before = store.fetch_row("a")
    scheduler = BackgroundScheduler(jobstores={"default": SQLAlchemyJobStore(url)}, timezone="UTC")
    scheduler.start()
    eventually(lambda: RUNS == ["b"] and store.kept_job("b").record is not None)
    scheduler.shutdown()
    assert store.fetch_row("a") == before
    assert RUNS == ["b"]
    store.shutdown()
