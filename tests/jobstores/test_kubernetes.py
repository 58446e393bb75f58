"""The job store of Kubernetes, on an API server in memory: the claims for every store, and its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobstores.jobs import BERLIN, NOON, job, report
from jobstores.kubernetes_place import MANAGER, NAMESPACE, ServedCluster
from jobstores.places import start
from kalends.engine.core.copying import replace
from kalends.engine.core.state import State
from kalends.errors import InvalidSettings, Refused, Unavailable
from kalends.jobstores.base import ConflictingIdError, JobLookupError, KeptJob, RecordWrite, TransientJobError
from kalends.jobstores.kubernetes import KubernetesJobStore
from kalends.kube.client.paths import SCHEDULED_JOBS
from kalends.library.components import JOB_STORE_PLUGINS
from kalends.library.definitions import JobCall, stored_of
from kalends.model.reasons import Reason
from kalends.testing.contracts.jobstore_records import (
    test_a_record_of_a_changed_job_is_not_written,
    test_a_record_of_a_removed_job_is_not_written,
    test_no_records_are_written,
    test_of_two_who_add_an_id_one_wins,
    test_of_two_writers_of_a_record_one_wins,
)
from kalends.testing.contracts.jobstores import (
    test_a_job_that_is_not_there_is_not_found,
    test_a_paused_job_stays_paused_when_it_is_recorded,
    test_a_removed_job_can_be_added_again,
    test_a_removed_job_is_gone,
    test_a_second_job_of_an_id_conflicts,
    test_all_jobs_are_removed,
    test_an_empty_store_has_no_jobs,
    test_due_jobs_come_in_the_order_of_their_times,
    test_no_jobs_are_added_in_one_call,
    test_odd_ids_are_kept,
    test_only_paused_jobs_have_no_next_run_time,
    test_paused_jobs_come_last,
    test_similar_ids_are_distinct,
)
from kalends.triggers.cron.trigger import CronTrigger
from kalends.triggers.described import DescribedTrigger
from kalends.triggers.programs.datetimes import SECOND, microseconds_of
from kube.fake_faults import Fault, requests_to
from kube.fake_objects import Collection

CLAIMS_FOR_EVERY_STORE = (
    test_a_job_that_is_not_there_is_not_found,
    test_a_paused_job_stays_paused_when_it_is_recorded,
    test_a_removed_job_can_be_added_again,
    test_a_removed_job_is_gone,
    test_a_second_job_of_an_id_conflicts,
    test_all_jobs_are_removed,
    test_an_empty_store_has_no_jobs,
    test_due_jobs_come_in_the_order_of_their_times,
    test_no_jobs_are_added_in_one_call,
    test_odd_ids_are_kept,
    test_only_paused_jobs_have_no_next_run_time,
    test_paused_jobs_come_last,
    test_similar_ids_are_distinct,
    test_a_record_of_a_changed_job_is_not_written,
    test_a_record_of_a_removed_job_is_not_written,
    test_no_records_are_written,
    test_of_two_who_add_an_id_one_wins,
    test_of_two_writers_of_a_record_one_wins,
)
"""Those of them that need no fractions of a second."""
KIND = Collection(SCHEDULED_JOBS.api_version, SCHEDULED_JOBS.plural)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[ServedCluster]:
    found = ServedCluster(tmp_path)
    yield found
    found.remove()


@pytest.fixture
def store(place: ServedCluster) -> Iterator[KubernetesJobStore]:
    found = place.new_store()
    start(found)
    yield found
    found.shutdown()


def shown(place: ServedCluster, name: str) -> Any:
    return place.do(lambda: place.api.objects.get(KIND, NAMESPACE, name))


def edit(place: ServedCluster, name: str, **spec: Any) -> None:
    """Change a spec as kubectl does."""
    place.do(lambda: place.api.objects.merge_patch(KIND, NAMESPACE, name, {"spec": spec}, None))


def create(place: ServedCluster, name: str, **spec: Any) -> None:
    given = {"kind": "ScheduledJob", "metadata": {"name": name}, "spec": {"managedBy": MANAGER, **spec}}
    place.do(lambda: place.api.objects.create(KIND, NAMESPACE, given))


def at_noon(kept: KeptJob, **changes: Any) -> RecordWrite:
    return RecordWrite(kept.id, kept.uid, kept.version, replace(State(armed=microseconds_of(NOON)), **changes))


def test_a_job_is_a_scheduledjob(place: ServedCluster, store: KubernetesJobStore) -> None:
    store.add_job(job("nightly", func=report, args=(1, "two"), name="Report", max_instances=3, concurrency="queue"))
    spec = shown(place, "nightly")["spec"]
    assert spec["managedBy"] == MANAGER
    assert spec["task"] == {"name": "jobstores.jobs:report", "args": [1, "two"]}
    assert (spec["trigger"], spec["startTime"]) == ({"interval": {"minutes": 5}}, "2027-03-01T11:00:00Z")
    assert (spec["concurrencyPolicy"], spec["maxInstances"], spec["startingDeadlineSeconds"]) == ("Queue", 3, 30)


def test_a_record_is_kept_in_whole_seconds(place: ServedCluster, store: KubernetesJobStore) -> None:
    store.add_job(job("a"))
    noon = microseconds_of(NOON)
    (version,) = store.write_records([at_noon(store.kept_job("a"), cursor=noon + 5, next_run=noon + 300 * SECOND)])
    kept = store.kept_job("a")
    assert kept.version == version
    assert kept.record is not None
    assert (kept.record.cursor, kept.record.next_run) == (noon, noon + 300 * SECOND)
    assert shown(place, "a")["status"]["decidedUntilTime"] == "2027-03-01T11:00:00Z"


def test_a_changed_job_keeps_what_users_have_set(place: ServedCluster, store: KubernetesJobStore) -> None:
    store.add_job(job("a"))
    edit(place, "a", maxQueued=7, concurrencyPolicy="Queue", exclude=[{"to": "2027-01-01"}])
    store.update_job(job("a", args=(3,), concurrency="queue"))
    spec = shown(place, "a")["spec"]
    assert (spec["maxQueued"], spec["concurrencyPolicy"], spec["task"]["args"]) == (7, "Queue", [3])


def test_a_job_is_changed_from_one_kind_of_trigger_to_another(place: ServedCluster, store: KubernetesJobStore) -> None:
    from kalends.triggers.cron.trigger import CronTrigger

    store.add_job(job("a"))
    following = NOON.replace(hour=7) + timedelta(days=1)
    store.update_job(job("a", trigger=CronTrigger(hour=7, timezone="Europe/Berlin"), at=following))
    spec = shown(place, "a")["spec"]
    assert spec["trigger"] == {"cron": {"hour": "7"}}
    kept = store.kept_job("a")
    assert kept.job is not None
    assert (kept.generation, kept.job.next_run_time) == (2, following)


def test_a_suspended_scheduledjob_is_a_paused_job_and_its_trigger_stays(
    place: ServedCluster, store: KubernetesJobStore
) -> None:
    store.add_job(job("a"))
    edit(place, "a", suspend=True)
    paused = store.lookup_job("a")
    assert paused is not None
    assert paused.next_run_time is None
    edit(place, "a", suspend=False)
    resumed = store.kept_job("a")
    assert resumed.job is not None
    assert repr(resumed.job.trigger) == repr(job("a").trigger)
    assert resumed.stored is not None
    assert resumed.stored.edited is None  # nothing that the program chose earlier moves fire times to before the edit


def test_a_schedule_that_a_user_edits_replaces_the_trigger(place: ServedCluster, store: KubernetesJobStore) -> None:
    store.add_job(job("a"))
    edit(place, "a", trigger={"interval": {"minutes": None, "hours": 1}})
    kept = store.kept_job("a")
    assert kept.job is not None
    assert isinstance(kept.job.trigger, DescribedTrigger)
    assert str(kept.job.trigger) == "schedule[every 1h]"


def test_a_scheduledjob_of_a_user_is_a_job(place: ServedCluster, store: KubernetesJobStore) -> None:
    create(place, "of-a-user", schedule="H 7 * * *", timeZone="Europe/Berlin", task={"name": "jobstores.jobs:report"})
    create(place, "registered", schedule="@daily", task={"name": "kalends.echo", "kwargs": {"a": 1}})
    create(place, "of-another", schedule="@daily", task={"name": "kalends.echo"}, managedBy="example.com/other")
    create(place, "of-the-operator", schedule="@daily", task={"name": "kalends.echo"}, managedBy=None)
    found = {kept.id: kept for kept in store.kept_jobs()}
    assert sorted(found) == ["of-a-user", "registered"]
    one = found["of-a-user"]
    assert one.job is not None
    assert one.job.func is report
    stored = stored_of("default", one)
    assert stored.identity == f"{NAMESPACE}/of-a-user"
    assert stored.definition is not None
    assert isinstance(stored.definition.target, JobCall)
    assert store.lookup_job("of-another") is None
    with pytest.raises(JobLookupError):
        store.remove_job("of-the-operator")


@pytest.mark.parametrize(
    ("spec", "reason", "problem"),
    [
        ({"task": {"name": "missing:task"}}, Reason.UNKNOWN_TASK, "spec.task.name: must be a registered task"),
        ({"task": {"name": "missing"}}, Reason.UNKNOWN_TASK, "spec.task.name: must be a registered task"),
        (
            {"task": {"name": "time:sleep_", "args": []}},
            Reason.UNKNOWN_TASK,
            "spec.task.name: must be a registered task",
        ),
        (
            {"task": {"name": "kalends.jobstores.json_values:decode", "args": []}},
            Reason.INVALID_ARGUMENTS,
            "spec.task.args: the arguments do not fit",
        ),
        ({"jobTemplate": {"spec": {}}}, Reason.INVALID_SPEC, "spec.jobTemplate: must be a `task`"),
        ({"task": {"name": "kalends.echo"}, "schedule": "99 * * * *"}, Reason.INVALID_SCHEDULE, "spec.schedule"),
    ],
)
def test_what_cannot_run_here_is_a_problem_of_its_job(
    place: ServedCluster, store: KubernetesJobStore, spec: dict[str, Any], reason: str, problem: str
) -> None:
    create(place, "bad", **{"schedule": "@daily", **spec})
    kept = store.kept_job("bad")
    assert kept.job is None
    assert problem in kept.problem
    stored = stored_of("default", kept)
    assert stored.definition is None
    assert stored.problem is not None
    assert (stored.problem.reason, stored.problem.message) == (reason, kept.problem)
    store.remove_job("bad")


def test_a_name_that_another_manager_has_is_refused(place: ServedCluster, store: KubernetesJobStore) -> None:
    create(place, "taken", schedule="@daily", task={"name": "kalends.echo"}, managedBy=None)
    with pytest.raises(TransientJobError, match=r"team/taken exists, and is managed by 'kalends.dev/operator'"):
        store.add_job(job("taken"))


def test_of_many_jobs_none_is_left_if_one_conflicts(store: KubernetesJobStore) -> None:
    store.add_job(job("7"))
    with pytest.raises(ConflictingIdError, match="7"):
        store.add_all([job(str(number)) for number in range(10)])
    assert [one.id for one in store.get_all_jobs()] == ["7"]


@pytest.mark.parametrize(
    "options",
    [
        {"exclude": NOON.date()},
        {"daylight_saving": "literal"},
        {"trigger": CronTrigger(minute="H", timezone=BERLIN)},
    ],
    ids=["exclude", "daylight_saving", "H"],
)
def test_options_that_only_a_manifest_has_are_refused(store: KubernetesJobStore, options: Any) -> None:
    with pytest.raises(TransientJobError, match="in its manifest alone"):
        store.add_job(job("a", **options))
    assert store.get_all_jobs() == []


def test_arguments_that_are_too_large_are_refused(store: KubernetesJobStore) -> None:
    with pytest.raises(TransientJobError, match="at most 262,144 bytes"):
        store.add_job(job("a", args=("x" * 300_000,)))
    assert store.get_all_jobs() == []


def test_a_record_that_is_refused_harms_no_other(place: ServedCluster, store: KubernetesJobStore) -> None:
    store.add_all([job("a"), job("b"), job("c")])
    place.api.faults.append(Fault(requests_to("PATCH", "/b/status"), status=422))
    place.api.faults.append(Fault(requests_to("PATCH", "/c/status"), status=403))
    written = store.write_records([at_noon(kept) for kept in store.kept_jobs()])
    assert [type(one) for one in written] == [int, Refused, Unavailable]


def test_only_the_version_that_was_read_is_removed(store: KubernetesJobStore) -> None:
    store.add_job(job("a"))
    kept = store.kept_job("a")
    store.update_job(job("a", name="changed"))
    assert not store.remove_version("a", kept.uid, kept.version)
    now = store.kept_job("a")
    assert not store.remove_version("a", "another", now.version)
    assert store.remove_version("a", now.uid, now.version)
    assert not store.remove_version("a", now.uid, now.version)


def test_missing_permissions_are_named(place: ServedCluster) -> None:
    place.api.forbidden = {("delete", "scheduledjobs", ""), ("patch", "scheduledjobs", "status")}
    with pytest.raises(InvalidSettings) as caught:
        start(place.new_store())
    assert (
        "may not delete scheduledjobs.kalends.dev; patch scheduledjobs.kalends.dev/status in the namespace 'team'"
        in str(caught.value)
    )
    assert 'resources: ["scheduledjobs/status"], verbs: [patch]' in str(caught.value)


def test_a_missing_crd_is_named(place: ServedCluster) -> None:
    place.api.faults.append(Fault(requests_to("GET", "/scheduledjobs"), times=None, status=404))
    with pytest.raises(InvalidSettings, match="the CRD of ScheduledJob is not installed in this cluster"):
        start(place.new_store())


def test_a_crd_without_managed_by_is_refused(place: ServedCluster) -> None:
    def without(_: Collection, given: Any) -> Any:
        return {**given, "spec": {name: value for name, value in given["spec"].items() if name != "managedBy"}}

    place.api.objects.admit = without
    with pytest.raises(InvalidSettings, match=r"the CRD is older than Kalends: it has no spec\.managedBy"):
        start(place.new_store())


@pytest.mark.parametrize(
    "managed_by", ["my-app", "example.com/", "kalends.dev/operator", "example.com/" + "x" * 60, ""]
)
def test_a_manager_that_is_none_is_refused(managed_by: str) -> None:
    with pytest.raises(InvalidSettings, match="managed_by must be a domain, a slash and a path"):
        KubernetesJobStore(managed_by)


def test_the_namespace_is_that_of_the_kubeconfig(place: ServedCluster, store: KubernetesJobStore) -> None:
    assert store.namespace == NAMESPACE


def test_the_alias_makes_a_store(place: ServedCluster) -> None:
    made = JOB_STORE_PLUGINS.create("kubernetes", {"managed_by": MANAGER, "kubeconfig": place.kubeconfig})
    assert isinstance(made, KubernetesJobStore)


def test_a_store_that_was_shut_down_starts_again(place: ServedCluster) -> None:
    store = place.new_store()
    for _ in range(2):
        start(store)
        store.shutdown()
    assert store.namespace == NAMESPACE
