"""Edits of users and changes by a program that meet: neither loses what the other has changed."""

from __future__ import annotations

import orjson
import pytest

from jobstores.jobs import NOON, job, record, write_of
from jobstores.kubernetes_place import ServedCluster
from jobstores.test_kubernetes import edit, place, shown, store
from kalends.clock import MicrosecondClock
from kalends.job import Job
from kalends.jobstores.kubernetes import KubernetesJobStore
from kalends.library.job_book import JobBook
from kalends.triggers.described import DescribedTrigger
from kalends.triggers.interval import IntervalTrigger

FIXTURES = (place, store)


def read(store: KubernetesJobStore, job_id: str) -> Job:
    found = store.lookup_job(job_id)
    assert found is not None
    return found


def test_a_schedule_that_a_user_edits_while_the_program_changes_the_name_stays(
    place: ServedCluster, store: KubernetesJobStore
) -> None:
    store.add_job(job("a"))
    found = read(store, "a")
    edit(place, "a", trigger=None, startTime=None, schedule="0 3 * * *", timeZone="Europe/Berlin")
    found.modified(name="changed")
    store.update_job(found)
    spec = shown(place, "a")["spec"]
    assert (spec["schedule"], spec["timeZone"], "trigger" in spec) == ("0 3 * * *", "Europe/Berlin", False)
    now = read(store, "a")
    assert (now.name, type(now.trigger)) == ("changed", DescribedTrigger)
    assert now.next_run_time is not None
    assert (now.next_run_time.hour, now.next_run_time.minute) == (3, 0)


def test_a_job_that_a_user_suspends_while_the_program_changes_it_stays_suspended(
    place: ServedCluster, store: KubernetesJobStore
) -> None:
    store.add_job(job("a"))
    found = read(store, "a")
    edit(place, "a", suspend=True, maxRuns=7)
    found.modified(max_instances=4)
    store.update_job(found)
    spec = shown(place, "a")["spec"]
    assert (spec["suspend"], spec["maxRuns"], spec["maxInstances"]) == (True, 7, 4)
    assert read(store, "a").next_run_time is None


def test_the_program_has_the_last_word_on_what_both_change(place: ServedCluster, store: KubernetesJobStore) -> None:
    store.add_job(job("a"))
    found = read(store, "a")
    edit(place, "a", trigger=None, startTime=None, schedule="0 3 * * *", startingDeadlineSeconds=600)
    found.modified(trigger=IntervalTrigger(hours=2), misfire_grace_time=60)
    store.update_job(found)
    spec = shown(place, "a")["spec"]
    assert (spec["trigger"], "schedule" in spec) == ({"interval": {"hours": 2}}, False)
    assert spec["startingDeadlineSeconds"] == 60
    assert type(read(store, "a").trigger) is IntervalTrigger


def test_a_job_that_the_program_pauses_keeps_the_schedule_of_a_user(
    place: ServedCluster, store: KubernetesJobStore
) -> None:
    store.add_job(job("a"))
    found = read(store, "a")
    edit(place, "a", trigger=None, startTime=None, schedule="0 3 * * *")
    found.modified(next_run_time=None)
    store.update_job(found)
    spec = shown(place, "a")["spec"]
    assert (spec["schedule"], spec["suspend"]) == ("0 3 * * *", True)
    assert type(read(store, "a").trigger) is DescribedTrigger


@pytest.mark.parametrize("changes", [2, 3])
def test_each_change_of_a_job_that_was_read_once_is_written(store: KubernetesJobStore, changes: int) -> None:
    store.add_job(job("a"))
    found = read(store, "a")
    for number in range(2, 2 + changes):
        found.modified(max_instances=number)
        store.update_job(found)
        assert read(store, "a").max_instances == number


def test_other_fire_times_of_the_same_spec_do_not_change_it(place: ServedCluster, store: KubernetesJobStore) -> None:
    store.add_job(job("a"))
    edit(place, "a", daylightSaving="Adjust")  # the API server writes this default
    before = shown(place, "a")
    found = read(store, "a")
    found.modified(trigger=IntervalTrigger(minutes=5, start_date=NOON, timezone="UTC"))
    store.update_job(found)
    after = shown(place, "a")
    note = orjson.loads(after["metadata"]["annotations"]["kalends.dev/job"])
    assert after["spec"] == before["spec"]
    assert note["generation"] == after["metadata"]["generation"] == before["metadata"]["generation"]


def book_on(store: KubernetesJobStore) -> JobBook:
    """Return the jobs of a scheduler that has only this store."""
    book = JobBook(MicrosecondClock())
    book.stores["default"] = book.recording["default"] = store
    return book


def test_a_schedule_that_a_user_edits_during_a_change_by_the_scheduler_stays(
    place: ServedCluster, store: KubernetesJobStore
) -> None:
    store.add_job(job("a"))
    book = book_on(store)
    found, alias = book.find("a", None, started=True)
    assert alias is not None
    first = found.first_fire_time
    edit(place, "a", trigger=None, startTime=None, schedule="0 3 * * *", timeZone="Europe/Berlin")
    found.modified(name="changed")
    kept = book.update(found, alias, first)
    spec = shown(place, "a")["spec"]
    assert (spec["schedule"], "trigger" in spec) == ("0 3 * * *", False)
    assert kept.job is not None
    assert kept.job.name == "changed"


def test_a_fire_time_that_is_decided_during_a_change_does_not_move_the_phase(
    place: ServedCluster, store: KubernetesJobStore
) -> None:
    store.add_job(job("a"))
    book = book_on(store)
    before = shown(place, "a")["spec"]
    found, alias = book.find("a", None, started=True)
    assert alias is not None
    first = found.first_fire_time
    store.write_records([write_of(store.kept_job("a"), record())])
    found.modified(max_instances=3)
    kept = book.update(found, alias, first)
    assert shown(place, "a")["spec"] == {**before, "maxInstances": 3}
    assert kept.record is not None
