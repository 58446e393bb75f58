"""An insert that was carried out, and whose answer is an error or was lost: no job is lost, and none stays half."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias
from unittest.mock import patch

import pytest
from etcd3gw.exceptions import Etcd3Exception
from kazoo.exceptions import ConnectionLoss

from jobstores.jobs import job, record, write_of
from jobstores.places import Place, start
from jobstores.test_parts import LARGE, parts_of
from kalends.errors import Unavailable
from kalends.jobstores.base import ConflictingIdError, RecordingJobStore
from kalends.jobstores.common.grouped import GroupedJobStore
from kalends.jobstores.etcd import EtcdJobStore
from kalends.jobstores.zookeeper import ZooKeeperJobStore

in_groups = pytest.mark.parametrize("place", ["etcd", "zookeeper"], indirect=True)
Between: TypeAlias = Callable[[], object]


@contextmanager
def losing_answers(store: RecordingJobStore, number: int, between: Between = lambda: None) -> Iterator[list[str]]:
    """Carry out the transaction of a number, counted from 0, call a function, and raise an error; yield the errors."""
    calls = iter(range(1_000_000))
    raised: list[str] = []

    def lose(answer: Any, error: Exception) -> Any:
        if next(calls) != number:
            return answer
        between()
        raised.append(str(error))
        raise error

    match store:
        case EtcdJobStore():
            carry_out = store.client.transaction

            def transaction(asked: Any) -> Any:
                return lose(carry_out(asked), Etcd3Exception(detail_text="database space exceeded"))

            with patch.object(store.client, "transaction", transaction):
                yield raised
        case ZooKeeperJobStore():
            new_transaction = store.client.transaction

            def new_losing_transaction() -> Any:
                made = new_transaction()
                commit = made.commit_async

                def commit_async() -> Any:
                    answer = commit()
                    answer.wait(10)
                    with suppress(ConnectionLoss):
                        return lose(answer, ConnectionLoss("database space exceeded"))
                    lost = store.client.handler.async_result()
                    lost.set_exception(ConnectionLoss("database space exceeded"))
                    return lost

                made.commit_async = commit_async
                return made

            with patch.object(store.client, "transaction", new_losing_transaction):
                yield raised
        case _:
            raise AssertionError(store)


@contextmanager
def no_proof(store: RecordingJobStore) -> Iterator[None]:
    """Refuse the read that asks whether an insert was carried out."""

    def refuse(*_: object) -> bool:
        raise Unavailable("away")

    with patch.object(store, "_was_inserted", refuse):
        yield


@in_groups
@pytest.mark.parametrize("args", [(), (LARGE,)], ids=["small", "in parts"])
def test_a_job_whose_insert_was_carried_out_is_added(store: RecordingJobStore, args: tuple[str, ...]) -> None:
    store.add_job(job("parts", args=args))
    parts = len(parts_of(store))
    with losing_answers(store, parts) as raised:
        store.add_job(job("a", args=args))
    assert len(raised) == 1
    found = store.lookup_job("a")
    assert found is not None
    assert found.args == args
    assert len(parts_of(store)) == 2 * parts


@in_groups
def test_a_group_whose_insert_was_carried_out_does_not_end_the_groups_after_it(store: RecordingJobStore) -> None:
    jobs = [job(f"job-{number}", args=("x" * 10_000,)) for number in range(200)]
    with losing_answers(store, 0) as raised:
        store.add_all(jobs)
    assert len(raised) == 1
    assert len(store.get_all_jobs()) == 200


@in_groups
@pytest.mark.parametrize("args", [(), (LARGE,)], ids=["small", "in parts"])
def test_what_an_insert_may_have_added_is_removed_before_its_error_is_raised(
    store: RecordingJobStore, args: tuple[str, ...]
) -> None:
    store.add_job(job("parts", args=args))
    parts = len(parts_of(store))
    before = store.change_number()
    with (
        losing_answers(store, parts),
        no_proof(store),
        pytest.raises(Unavailable, match="database space exceeded"),
    ):
        store.add_job(job("a", args=args))
    assert store.lookup_job("a") is None
    assert len(parts_of(store)) == parts
    assert store.change_number() not in {before, None}
    store.add_job(job("a", args=args))


@in_groups
@pytest.mark.parametrize("args", [(), (LARGE,)], ids=["small", "in parts"])
def test_a_job_that_has_a_record_since_is_removed_with_its_parts(place: Place, args: tuple[str, ...]) -> None:
    store, other = place.new_store(), place.new_store()
    for one in (store, other):
        start(one)
    other.add_job(job("parts", args=args))
    parts = len(parts_of(other))
    other.remove_job("parts")

    def decide() -> None:
        other.write_records([write_of(other.kept_job("a"), record())])

    with (
        losing_answers(store, parts, decide),
        no_proof(store),
        pytest.raises(Unavailable, match="database space exceeded"),
    ):
        store.add_job(job("a", args=args))
    assert other.lookup_job("a") is None
    assert len(parts_of(other)) == 0
    for one in (store, other):
        one.shutdown()


@in_groups
def test_parts_that_were_written_before_an_error_are_removed(store: RecordingJobStore) -> None:
    with losing_answers(store, 1), pytest.raises(Unavailable, match="database space exceeded"):
        store.add_job(job("a", args=(LARGE,)))
    assert parts_of(store) == []
    assert store.get_all_jobs() == []


@in_groups
def test_a_conflict_after_a_group_was_added_removes_the_group(store: RecordingJobStore) -> None:
    jobs = [job(f"job-{number}", args=("x" * 10_000,)) for number in range(200)]
    store.add_job(jobs[-1])
    with pytest.raises(ConflictingIdError, match="job-199"):
        store.add_all(jobs)
    assert [one.id for one in store.get_all_jobs()] == ["job-199"]


@in_groups
def test_a_job_is_not_removed_by_the_uid_of_another(store: GroupedJobStore[Any]) -> None:
    store.add_job(job("a"))
    ((uid, _),) = store.kept_versions().values()
    for other in ("", "0", uid[:-1], f"{uid}0", "g" * 32):
        assert not store.remove_row("a", other)
    assert store.remove_row("a", uid)
    assert store.get_all_jobs() == []
