"""The claims about records for every job store: compare-and-set, several writers, restarts.

Fixtures: ``place``, a ``kalends.testing.contracts.places.Place``, and ``store`` of that module.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from kalends.jobstores.base import ConflictingIdError, RecordingJobStore
from kalends.testing.contracts.jobs import NOON, job, record, write_of
from kalends.testing.contracts.places import Place, lasting, start


def ids(jobs: Sequence[Any]) -> list[str]:
    return [one.id for one in jobs]


def test_a_record_is_kept_as_it_was_written(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    before = store.kept_job("a")
    (version,) = store.write_records([write_of(before, record(missed=3))])
    after = store.kept_job("a")
    assert (after.version, after.record) == (version, record(missed=3))
    assert (after.generation, after.edited) == (before.generation, before.edited)
    assert list(store.kept_jobs()) == [after]


def test_a_record_of_a_stale_version_is_not_written(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    kept = store.kept_job("a")
    store.write_records([write_of(kept, record(missed=1))])
    assert list(store.write_records([write_of(kept, record(missed=2))])) == [None]
    assert store.kept_job("a").record == record(missed=1)


def test_a_record_of_a_changed_job_is_not_written(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    kept = store.kept_job("a")
    store.update_job(job("a", at=None))
    assert list(store.write_records([write_of(kept, record())])) == [None]
    assert store.kept_job("a").record is None


def test_a_record_of_a_removed_job_is_not_written(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    kept = store.kept_job("a")
    store.remove_job("a")
    assert list(store.write_records([write_of(kept, record())])) == [None]
    store.add_job(job("a"))
    assert list(store.write_records([write_of(kept, record())])) == [None]
    assert store.kept_job("a").record is None


def test_of_many_records_all_but_the_stale_are_written(store: RecordingJobStore) -> None:
    store.add_all([job(str(number)) for number in range(10)])
    kept = {one.id: one for one in store.kept_jobs()}
    store.write_records([write_of(kept["3"], record(missed=1))])
    store.remove_job("7")
    order = [str(number) for number in (9, 3, 0, 7, 1, 2, 4, 5, 6, 8)]
    written = list(store.write_records([write_of(kept[id_], record(missed=2)) for id_ in order]))
    assert [id_ for id_, version in zip(order, written, strict=True) if version is None] == ["3", "7"]
    after = {one.id: one.record for one in store.kept_jobs()}
    assert after == {id_: record(missed=1 if id_ == "3" else 2) for id_ in kept if id_ != "7"}


def test_more_records_than_one_call_of_the_engine_are_written(store: RecordingJobStore) -> None:
    store.add_all([job(str(number)) for number in range(1200)])
    written = store.write_records([write_of(kept, record()) for kept in store.kept_jobs()])
    assert len(written) == 1200
    assert None not in written


def test_no_records_are_written(store: RecordingJobStore) -> None:
    assert list(store.write_records([])) == []


def test_a_changed_job_keeps_its_record(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    store.write_records([write_of(store.kept_job("a"), record(missed=3))])
    store.update_job(job("a", name="changed"))
    assert store.kept_job("a").record == record(missed=3)


def test_only_the_version_that_was_read_is_removed(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    kept = store.kept_job("a")
    store.update_job(job("a"))
    assert not store.remove_version("a", kept.uid, kept.version)
    now = store.kept_job("a")
    assert not store.remove_version("a", "another", now.version)
    assert store.remove_version("a", now.uid, now.version)
    assert not store.remove_version("a", now.uid, now.version)
    assert store.get_all_jobs() == []


def in_threads(calls: Sequence[Any]) -> list[Any]:
    """Call functions at the same time; return what each returned, or the exception that it raised."""
    results: list[Any] = [None] * len(calls)
    ready = threading.Barrier(len(calls))

    def run(number: int) -> None:
        ready.wait()
        try:
            results[number] = calls[number]()
        except Exception as error:  # noqa: BLE001 - the test judges it
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def two_stores(place: Place, store: RecordingJobStore) -> list[RecordingJobStore]:
    """Return two stores of a place; of memory, which no other store sees, one store twice."""
    other = place.new_store() if store.survives else store
    if other is not store:
        start(other)
    return [store, other]


def test_of_two_writers_of_a_record_one_wins(place: Place, store: RecordingJobStore) -> None:
    store.add_all([job(str(number)) for number in range(100)])
    kept = sorted(store.kept_jobs(), key=lambda one: one.id)
    stores = two_stores(place, store)
    writes = [[write_of(one, record(missed=writer)) for one in kept] for writer in (1, 2)]
    first, second = in_threads([lambda s=s, w=w: list(s.write_records(w)) for s, w in zip(stores, writes, strict=True)])
    assert [(a is None) != (b is None) for a, b in zip(first, second, strict=True)] == [True] * 100
    stores[1].shutdown()


def test_of_two_who_add_an_id_one_wins(place: Place, store: RecordingJobStore) -> None:
    stores = two_stores(place, store)
    for number in range(20):
        results = in_threads([lambda s=s, n=number: s.add_job(job(str(n))) for s in stores])
        assert sorted(map(type, results), key=str) == sorted([type(None), ConflictingIdError], key=str)
    stores[1].shutdown()


def test_a_change_is_not_lost_beside_records(place: Place, store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    stores = two_stores(place, store)

    def change() -> None:
        for number in range(20):
            stores[0].update_job(job("a", name=f"change {number}"))

    def write() -> int:
        return sum(
            version is not None
            for _ in range(40)
            for version in stores[1].write_records([write_of(stores[1].kept_job("a"), record())])
        )

    changed, written = in_threads([change, write])
    assert changed is None
    kept = store.kept_job("a")
    assert kept.job is not None
    assert (kept.job.name, kept.generation) == ("change 19", 21)
    if store.survives:  # memory gives versions from one counter
        assert kept.version == 1 + 20 + written
    stores[1].shutdown()


@lasting
def test_stores_that_start_at_the_same_time_share_a_new_place(place: Place) -> None:
    stores = [place.new_store() for _ in range(4)]
    assert in_threads([lambda s=s: start(s) for s in stores]) == [None] * 4
    stores[0].add_job(job("a"))
    assert [ids(one.get_all_jobs()) for one in stores] == [["a"]] * 4
    for one in stores:
        one.shutdown()


@lasting
def test_a_restart_keeps_everything(place: Place, store: RecordingJobStore) -> None:
    store.add_all([job("a", args=(b"\0\xff", NOON)), job("paused", at=None)])
    store.write_records([write_of(store.kept_job("a"), record(missed=3))])
    before = {kept.id: kept for kept in store.kept_jobs()}
    store.shutdown()
    again = place.new_store()
    start(again)
    after = {kept.id: kept for kept in again.kept_jobs()}
    assert after == before
    first = after["a"].job
    assert first is not None
    assert first.args == (b"\0\xff", NOON)
    again.shutdown()


@lasting
def test_a_store_that_was_shut_down_starts_again(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    store.shutdown()
    start(store)
    assert ids(store.get_all_jobs()) == ["a"]


@lasting
def test_a_job_whose_callable_was_renamed_works_again_with_it(
    store: RecordingJobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kalends.testing.contracts import jobs

    store.add_job(job("a", func=jobs.renamed))
    with monkeypatch.context() as without:
        without.delattr(jobs, "renamed")
        kept = store.kept_job("a")
        assert kept.job is None
        assert f"{jobs.__name__}:renamed" in kept.problem
    assert ids(store.get_all_jobs()) == ["a"]
