"""The claims about jobs for every job store: what APScheduler's interface promises.

Fixtures: ``place``, a ``kalends.testing.contracts.places.Place``, and ``store`` of that module.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kalends.jobstores.base import ConflictingIdError, JobLookupError, RecordingJobStore, TransientJobError
from kalends.testing.contracts.jobs import BERLIN, MICROSECOND, NOON, job, record, write_of
from kalends.testing.contracts.places import lasting
from kalends.triggers.cron import CronTrigger
from kalends.triggers.programs.datetimes import microseconds_of
from kalends.triggers.programs.exclusions import exclusions_state, read_exclusions


def ids(jobs: Sequence[Any]) -> list[str]:
    return [one.id for one in jobs]


def test_an_empty_store_has_no_jobs(store: RecordingJobStore) -> None:
    assert store.get_all_jobs() == []
    assert store.get_due_jobs(NOON) == []
    assert store.get_next_run_time() is None
    assert list(store.kept_jobs()) == []


def test_a_job_that_was_added_is_found(store: RecordingJobStore) -> None:
    store.add_job(job("a", args=(1, "two"), name="Report", max_instances=3, concurrency="queue", time_limit=2.5))
    found = store.lookup_job("a")
    assert found is not None
    assert found.__getstate__()["trigger"].interval == timedelta(minutes=5)
    assert (found.args, found.name, found.max_instances) == ((1, "two"), "Report", 3)
    assert (found.concurrency, found.time_limit, found.misfire_grace_time) == ("queue", 2.5, 30)
    assert found.next_run_time == found.first_fire_time == NOON


def test_what_a_job_excludes_is_kept(store: RecordingJobStore) -> None:
    weekend = CronTrigger(day_of_week="sat,sun", timezone=BERLIN)
    store.add_job(job("a", exclude=[weekend, NOON.date()], daylight_saving="literal"))
    found = store.lookup_job("a")
    assert found is not None
    assert exclusions_state(found.exclude) == exclusions_state(read_exclusions([weekend, NOON.date()], BERLIN))
    assert found.daylight_saving == "literal"


def test_a_second_job_of_an_id_conflicts(store: RecordingJobStore) -> None:
    store.add_job(job("a", name="first"))
    with pytest.raises(ConflictingIdError, match="a"):
        store.add_job(job("a", name="second"))
    assert [one.name for one in store.get_all_jobs()] == ["first"]


def test_many_jobs_are_added_in_one_call(store: RecordingJobStore) -> None:
    store.add_all([job(str(number)) for number in range(1200)])
    assert len(store.kept_jobs()) == 1200


def test_no_jobs_are_added_in_one_call(store: RecordingJobStore) -> None:
    store.add_all([])
    assert store.get_all_jobs() == []


@lasting
def test_of_many_jobs_none_is_added_if_one_conflicts(store: RecordingJobStore) -> None:
    store.add_job(job("270"))
    with pytest.raises(ConflictingIdError, match="270"):
        store.add_all([job(str(number)) for number in range(300)])
    assert ids(store.get_all_jobs()) == ["270"]


@lasting
def test_of_many_jobs_none_is_added_if_two_have_one_id(store: RecordingJobStore) -> None:
    with pytest.raises(ConflictingIdError, match="a"):
        store.add_all([job("a"), job("b"), job("a")])
    assert store.get_all_jobs() == []


def test_a_job_that_is_not_there_is_not_found(store: RecordingJobStore) -> None:
    assert store.lookup_job("missing") is None
    with pytest.raises(JobLookupError, match="missing"):
        store.kept_job("missing")
    with pytest.raises(JobLookupError, match="missing"):
        store.update_job(job("missing"))
    with pytest.raises(JobLookupError, match="missing"):
        store.remove_job("missing")


def test_a_changed_job_is_found_changed(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    before = store.kept_job("a")
    store.update_job(job("a", at=NOON + MICROSECOND, name="changed"))
    after = store.kept_job("a")
    assert after.job is not None
    assert (after.job.name, after.job.next_run_time) == ("changed", NOON + MICROSECOND)
    assert store.get_next_run_time() == NOON + MICROSECOND
    assert (after.uid, after.created) == (before.uid, before.created)
    assert after.version != before.version
    assert (before.generation, after.generation) == (1, 2)
    assert after.edited >= before.edited


def test_a_removed_job_is_gone(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    store.add_job(job("b"))
    store.remove_job("a")
    assert ids(store.get_all_jobs()) == ["b"]
    assert store.lookup_job("a") is None


def test_a_removed_job_can_be_added_again(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    before = store.kept_job("a")
    store.write_records([write_of(before, record())])
    store.remove_job("a")
    store.add_job(job("a"))
    after = store.kept_job("a")
    assert after.uid != before.uid
    assert after.record is None


def test_all_jobs_are_removed(store: RecordingJobStore) -> None:
    store.add_all([job("a"), job("b", at=None)])
    store.remove_all_jobs()
    assert store.get_all_jobs() == []
    assert store.get_next_run_time() is None
    store.add_job(job("a"))
    assert ids(store.get_all_jobs()) == ["a"]


def test_due_jobs_come_in_the_order_of_their_times(store: RecordingJobStore) -> None:
    for id_, seconds in (("c", 2), ("a", 0), ("b", 1), ("d", 3)):
        store.add_job(job(id_, at=NOON + timedelta(seconds=seconds)))
    store.add_job(job("paused", at=None))
    assert ids(store.get_due_jobs(NOON + timedelta(seconds=2))) == ["a", "b", "c"]
    assert store.get_next_run_time() == NOON


def test_paused_jobs_come_last(store: RecordingJobStore) -> None:
    store.add_job(job("a-paused", at=None))
    store.add_job(job("z", at=NOON))
    store.add_job(job("y", at=NOON + timedelta(days=1)))
    assert ids(store.get_all_jobs()) == ["z", "y", "a-paused"]
    paused = store.lookup_job("a-paused")
    assert paused is not None
    assert paused.next_run_time is None


def test_only_paused_jobs_have_no_next_run_time(store: RecordingJobStore) -> None:
    store.add_job(job("a", at=None))
    assert store.get_next_run_time() is None
    assert store.get_due_jobs(NOON + timedelta(days=10_000)) == []


def test_a_paused_job_stays_paused_when_it_is_recorded(store: RecordingJobStore) -> None:
    store.add_job(job("a", at=None))
    store.write_records([write_of(store.kept_job("a"), record(next_run=None))])
    (found,) = store.get_all_jobs()
    assert found.next_run_time is None


@pytest.mark.parametrize(
    "at",
    [
        datetime(1962, 7, 1, 1, 2, 3, 456789, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 11, 28, 10, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 11, 28, 10, 0, 0, 999_999, tzinfo=UTC),
        datetime(2200, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(9990, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_times_are_exact_to_the_microsecond(store: RecordingJobStore, at: datetime) -> None:
    store.add_job(job("a", at=at))
    store.add_job(job("b", at=at + MICROSECOND))
    assert store.get_next_run_time() == at
    assert ids(store.get_due_jobs(at)) == ["a"]
    assert store.get_due_jobs(at - MICROSECOND) == []
    assert [one.next_run_time for one in store.get_all_jobs()] == [at, at + MICROSECOND]


def test_both_hours_of_a_fold_are_distinct(store: RecordingJobStore) -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    store.add_job(job("first", at=first))
    store.add_job(job("second", at=first.replace(fold=1)))
    found = store.lookup_job("second")
    assert found is not None
    assert found.next_run_time is not None
    assert microseconds_of(found.next_run_time) == microseconds_of(first.replace(fold=1))
    assert ids(store.get_due_jobs(first.astimezone(UTC))) == ["first"]


def test_the_next_run_time_follows_the_record(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    later = NOON + timedelta(minutes=5, microseconds=3)
    store.write_records([write_of(store.kept_job("a"), record(next_run=later))])
    found = store.lookup_job("a")
    assert found is not None
    assert (found.next_run_time, found.first_fire_time) == (later, NOON)
    assert store.get_next_run_time() == later
    assert store.get_due_jobs(NOON) == []


ODD_IDS = [
    "a/b/../c",
    ".",
    "..",
    "a:b{c}*[d]?",
    "%2f %00 $where",
    "'; DROP TABLE kalends_jobs; --",
    "line\nbreak\ttab\x7f",
    " ",
    "größe 时间 🕰",
    "x" * 300,
    "é" * 512,
]


@pytest.mark.parametrize("id_", ODD_IDS, ids=lambda id_: id_.encode("unicode_escape").decode()[:20])
def test_odd_ids_are_kept(store: RecordingJobStore, id_: str) -> None:
    store.add_job(job(id_))
    kept = store.kept_job(id_)
    assert kept.id == id_
    assert list(store.write_records([write_of(kept, record())])) != [None]
    assert ids(store.get_all_jobs()) == ids(store.get_due_jobs(NOON)) == [id_]
    store.remove_job(id_)
    assert store.get_all_jobs() == []


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "A"), ("a", "a "), ("a", " a"), ("a", "a\t"), ("é", "e\u0301"), ("a/b", "a%2Fb"), ("ß", "ss")],
)
def test_similar_ids_are_distinct(store: RecordingJobStore, one: str, other: str) -> None:
    store.add_job(job(one, name="one"))
    store.add_job(job(other, name="other"))
    store.remove_job(one)
    assert [found.name for found in store.get_all_jobs()] == ["other"]
    assert store.lookup_job(one) is None


@lasting
@pytest.mark.parametrize(
    ("id_", "problem"),
    [("a\0b", "must not contain NUL"), ("x" * 513, "from 1 to 512 characters"), ("\ud800", "Unicode")],
)
def test_an_id_that_no_server_could_keep_is_refused(store: RecordingJobStore, id_: str, problem: str) -> None:
    with pytest.raises(TransientJobError, match=problem):
        store.add_job(job(id_))
    assert store.lookup_job(id_) is None
    with pytest.raises(JobLookupError):
        store.remove_job(id_)
    assert store.remove_version(id_, "", 1) is False


def test_arguments_of_two_megabytes_are_kept(store: RecordingJobStore) -> None:
    text = "0123456789abcdef" * (2 * 1024 * 1024 // 16)
    store.add_job(job("a", args=(text,)))
    found = store.lookup_job("a")
    assert found is not None
    assert found.args == (text,)


@lasting
def test_a_lambda_is_refused(store: RecordingJobStore) -> None:
    with pytest.raises(TransientJobError, match="no reference leads"):
        store.add_job(job("a", func=lambda: None))
    assert store.get_all_jobs() == []


@lasting
def test_an_argument_without_a_json_form_is_refused(store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    for write in (store.add_job, store.update_job):
        with pytest.raises(TransientJobError, match=r"args\[0\]\['lock'\] must be"):
            write(job("a", args=({"lock": threading.Lock()},)))
    kept = store.kept_job("a")
    assert kept.generation == 1
