"""Definitions above the limit of a value: stored in parts, which are read whole, and removed with their job."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kazoo.protocol.serialization import SetData

from jobstores.jobs import NOON, job, record, write_of
from jobstores.places import Place, start
from kalends.jobstores.base import ConflictingIdError, JobLookupError, RecordingJobStore
from kalends.jobstores.common.parts import batches, divided, id_of, name_of, parts_in
from kalends.jobstores.etcd import EtcdJobStore
from kalends.jobstores.zookeeper import ZooKeeperJobStore

in_parts = pytest.mark.parametrize("place", ["etcd", "zookeeper"], indirect=True)
LARGE = "0123456789abcdef" * (3 * 1024 * 1024 // 16)


def parts_of(store: RecordingJobStore) -> list[str]:
    """Return the names of all parts that a store has."""
    match store:
        case EtcdJobStore():
            found = store.client.get_prefix(f"{store.path}/parts/")
            return [str(metadata["key"]) for _, metadata in found]
        case ZooKeeperJobStore():
            return list(store.client.get_children(f"{store.path}/parts"))
    raise AssertionError(store)


@in_parts
def test_the_parts_of_a_definition_are_replaced_with_it(store: RecordingJobStore) -> None:
    store.add_job(job("a", args=(LARGE,)))
    before = parts_of(store)
    assert len(before) >= 3
    store.update_job(job("a", args=(LARGE[1:],)))
    assert len(parts_of(store)) == len(before)
    assert not set(parts_of(store)) & set(before)
    found = store.lookup_job("a")
    assert found is not None
    assert found.args == (LARGE[1:],)
    store.write_records([write_of(store.kept_job("a"), record())])
    assert [one.args for one in store.get_due_jobs(NOON)] == [(LARGE[1:],)]
    store.update_job(job("a"))
    assert parts_of(store) == []


@in_parts
def test_the_parts_of_a_removed_job_are_removed(store: RecordingJobStore) -> None:
    store.add_all([job("a", args=(LARGE,)), job("a/b", args=(LARGE,)), job("c", args=(LARGE,))])
    number = len(parts_of(store))
    store.remove_job("a")
    assert len(parts_of(store)) == number * 2 // 3
    kept = store.kept_job("a/b")
    assert kept.job is not None
    assert kept.job.args == (LARGE,)
    assert store.remove_version("a/b", kept.uid, kept.version)
    assert len(parts_of(store)) == number // 3
    store.remove_all_jobs()
    assert parts_of(store) == []


@in_parts
def test_a_job_whose_parts_are_lost_has_a_problem_and_no_other_job_is_affected(store: RecordingJobStore) -> None:
    store.add_all([job("a", args=(LARGE,)), job("b")])
    match store:
        case EtcdJobStore():
            (_, metadata), *_ = store.client.get_prefix(f"{store.path}/parts/")
            store.client.delete(metadata["key"])
        case ZooKeeperJobStore():
            store.client.delete(f"{store.path}/parts/{parts_of(store)[0]}")
    assert [one.id for one in store.get_all_jobs()] == ["b"]
    assert [one.id for one in store.get_due_jobs(NOON)] == ["b"]
    assert "cannot be restored" in store.kept_job("a").problem
    assert store.kept_versions().keys() == {"a", "b"}
    store.update_job(job("a", args=(LARGE,)))
    assert [one.id for one in store.get_all_jobs()] == ["a", "b"]


@in_parts
def test_no_parts_stay_of_a_definition_that_was_not_written(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    with pytest.raises(ConflictingIdError):
        store.add_job(job("a", args=(LARGE,)))
    with pytest.raises(JobLookupError):
        store.update_job(job("b", args=(LARGE,)))
    assert parts_of(store) == []
    found = store.lookup_job("a")
    assert found is not None
    assert found.args == ()


@in_parts
def test_a_definition_whose_parts_another_writer_removed_is_written_again(place: Place) -> None:
    stores = [place.new_store() for _ in range(2)]
    for one in stores:
        start(one)
    stores[0].add_job(job("a", name="0"))
    from kalends.testing.contracts.jobstore_records import in_threads

    def change(writer: int) -> None:
        for number in range(5):
            stores[writer].update_job(job("a", name=f"{writer}-{number}", args=(LARGE,)))

    assert in_threads([lambda: change(0), lambda: change(1)]) == [None, None]
    kept = stores[0].kept_job("a")
    assert kept.job is not None
    assert kept.job.name in {"0-4", "1-4"}
    assert (kept.job.args, kept.generation) == ((LARGE,), 11)
    assert len({name.rpartition("-")[0] for name in parts_of(stores[0])}) == 1
    for one in stores:
        one.shutdown()


@pytest.mark.parametrize("place", ["zookeeper"], indirect=True)
def test_the_parts_of_a_writer_stay_that_wrote_right_after_another(place: Place) -> None:
    store, other = place.new_store(), place.new_store()
    for one in (store, other):
        start(one)
    store.add_job(job("a"))
    assert isinstance(store, ZooKeeperJobStore)
    new_transaction = store.client.transaction

    def new_transaction_followed_by_another_writer() -> Any:
        made = new_transaction()
        commit = made.commit_async

        def commit_async() -> Any:
            is_last = any(isinstance(one, SetData) for one in made.operations)
            answer = commit()
            answer.wait(10)
            if is_last:
                other.update_job(job("a", name="other", args=(LARGE,)))
            return answer

        made.commit_async = commit_async
        return made

    with patch.object(store.client, "transaction", new_transaction_followed_by_another_writer):
        store.update_job(job("a", name="first", args=(LARGE,)))
    found = other.lookup_job("a")
    assert found is not None
    assert (found.name, found.args) == ("other", (LARGE,))
    assert len({name.rpartition("-")[0] for name in parts_of(other)}) == 1
    for one in (store, other):
        one.shutdown()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_different_ids_have_different_names(job_id: str) -> None:
    name = name_of(job_id)
    assert id_of(name) == job_id
    assert name.isascii()
    assert name.isprintable()
    assert "/" not in name
    assert name not in {".", ".."}


@given(st.binary(min_size=1), st.integers(1, 10))
def test_a_definition_is_the_sum_of_its_parts(definition: bytes, size: int) -> None:
    named, parts = divided(definition, size)
    assert b"".join(parts) == definition
    assert max(map(len, parts)) <= size
    assert parts_in(named.value) == named
    assert len(set(named.names)) == len(parts)
    assert parts_in(definition.removeprefix(b"\0")) is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99))))
def test_batches_keep_the_order_and_the_limits(items: list[Any]) -> None:
    groups = list(batches(items, lambda item: item, 12, 120))
    assert [item for group in groups for item in group] == items
    for group in groups:
        within = sum(one for one, _ in group) <= 12 and sum(size for _, size in group) <= 120
        assert within or len(group) == 1
