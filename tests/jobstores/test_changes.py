"""The claims about changes of other processes for every store that several schedulers may share."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from jobstores.jobs import job, record, write_of
from jobstores.places import LASTING, Place, start
from kalends.jobstores.base import RecordingJobStore
from kalends.leases.port import LeaseRecord, LeaseStore

PATIENCE = 120.0
lasting = pytest.mark.parametrize("place", LASTING, indirect=True)


@lasting
def test_each_change_of_a_job_changes_the_number(place: Place, store: RecordingJobStore) -> None:
    other = place.new_store()
    start(other)
    steps: list[Callable[[], object]] = [
        lambda: other.add_job(job("a")),
        lambda: other.add_all([job("b"), job("c")]),
        lambda: other.update_job(job("a", name="changed")),
        lambda: other.remove_job("a"),
        other.remove_all_jobs,
    ]
    numbers = [store.change_number()]
    for step in steps:
        step()
        numbers.append(store.change_number())
    other.shutdown()
    if numbers[0] is not None:
        assert len(set(numbers)) == len(numbers)


@lasting
def test_what_the_acting_scheduler_writes_changes_no_number(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    before = store.change_number()
    store.write_records([write_of(store.kept_job("a"), record())])
    kept = store.kept_job("a")
    assert store.remove_version("a", kept.uid, kept.version)
    assert store.change_number() == before


@lasting
def test_the_versions_are_those_of_the_jobs(store: RecordingJobStore) -> None:
    store.add_all([job("a"), job("b:c")])
    store.update_job(job("a", at=None))
    assert store.kept_versions() == {kept.id: (kept.uid, kept.version) for kept in store.kept_jobs()}


@lasting
def test_those_that_listen_hear_of_changes_and_released_leases(place: Place, store: RecordingJobStore) -> None:
    heard = threading.Event()
    end = store.listen(heard.set)
    if end is None:
        return
    other = place.new_store()
    start(other)
    assert isinstance(other, LeaseStore)
    assert heard.wait(PATIENCE)  # it is connected
    heard.clear()
    other.add_job(job("a"))
    assert heard.wait(PATIENCE)
    heard.clear()
    other.write_lease("scheduler", None, LeaseRecord("", 15.0, 1))
    assert heard.wait(PATIENCE)
    end()
    other.shutdown()
