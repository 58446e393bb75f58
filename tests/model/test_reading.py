"""An object of the cluster is read leniently where a newer release may have written it, and quickly."""

import gc
import time
from typing import Any

import pytest

from kalends.conversion.v1alpha1 import when_of
from kalends.errors import InvalidSchedule, InvalidSpec
from kalends.model import (
    ConcurrencyPolicy,
    DaylightSaving,
    ObjectMeta,
    ScheduledJob,
    ScheduledJobSpec,
    check_manifest,
)
from kalends.triggers import build_trigger
from model.manifests import GOOD, JOB, TASK, Json, manifest
from model.refusals import BROKEN_RULES, WRONG_FORMS, WRONG_VALUES, mixed

TYPICAL: Json = {
    **manifest(
        {
            "schedule": "0 2 * * *",
            "timeZone": "Europe/Berlin",
            "concurrencyPolicy": "Forbid",
            "daylightSaving": "Adjust",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
            **JOB,
        }
    ),
    "metadata": {
        "name": "nightly-report",
        "namespace": "reports",
        "uid": "d413838a-1f76-42dc-ba86-ff3db4214529",
        "resourceVersion": "256",
        "generation": 2,
        "creationTimestamp": "2026-11-21T05:35:53Z",
        "labels": {"team": "reports"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}" * 400, "why": "because"},
        "managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:schedule": {}}}}],
    },
    "status": {"counts": {"due": 3, "started": 3, "succeeded": 3}},
}


def read(spec: Json) -> ScheduledJob:
    return ScheduledJob.read(manifest(spec))


def refusal(spec: Json) -> str:
    try:
        read(spec)
    except InvalidSpec as error:
        return str(error)
    return ""


@pytest.mark.parametrize("spec", GOOD.values(), ids=GOOD)
def test_a_good_object_is_read(spec: Json) -> None:
    assert read(spec).metadata.name == "nightly-report"


def test_what_is_unset_has_the_default_of_the_schema() -> None:
    spec = read(TASK).spec
    assert (spec.concurrency_policy, spec.daylight_saving) == (ConcurrencyPolicy.FORBID, DaylightSaving.ADJUST)
    assert (spec.suspend, spec.jitter_seconds, spec.exclude) == (False, 0, ())
    assert (spec.successful_jobs_history_limit, spec.failed_jobs_history_limit) == (3, 1)


def test_what_the_operator_defaults_is_left_unset() -> None:
    spec = read(TASK).spec
    left = (
        spec.max_instances,
        spec.coalesce,
        spec.starting_deadline_seconds,
        spec.executor,
        spec.time_zone,
        spec.retry,
    )
    assert left == (None,) * 6


def test_the_identity_of_an_object_comes_with_it() -> None:
    meta = ScheduledJob.read(TYPICAL).metadata
    assert (meta.namespace, meta.uid[:8], meta.resource_version, meta.generation) == ("reports", "d413838a", "256", 2)
    assert meta.creation_timestamp == 1_795_239_353


def test_the_copy_of_the_manifest_that_kubectl_leaves_is_not_kept() -> None:
    assert ScheduledJob.read(TYPICAL).metadata.annotations == {"why": "because"}


def test_fields_of_a_newer_release_are_ignored() -> None:
    spec = {
        "weather": "sunny",
        "task": {"name": "a", "colour": "blue"},
        "trigger": {"cron": {"hour": 1, "decade": 202}},
    }
    job = ScheduledJob.read(manifest(spec) | {"extra": 1})
    assert job.spec.task is not None
    assert job.spec.task.name == "a"


def test_a_trigger_of_a_newer_release_is_refused_rather_than_run_at_once() -> None:
    with pytest.raises(InvalidSpec, match=r"spec\.trigger: exactly one of"):
        read({"trigger": {"tide": {"harbour": "Hamburg"}}, **TASK})


@pytest.mark.parametrize("field", ["suspend", "exclude", "concurrencyPolicy", "jitterSeconds", "retry", "trigger"])
def test_a_null_is_as_good_as_nothing(field: str) -> None:
    assert read({field: None, **TASK}).spec == read(TASK).spec


def test_a_null_that_a_task_is_given_stays() -> None:
    task = read({"task": {"name": "a", "args": [None], "kwargs": {"b": None}}, "suspend": None}).spec.task
    assert task is not None
    assert (task.args, task.kwargs) == ((None,), {"b": None})


@pytest.mark.parametrize(
    ("spec", "path", "message"), [*BROKEN_RULES.values(), *WRONG_VALUES.values()], ids=[*BROKEN_RULES, *WRONG_VALUES]
)
def test_a_bad_object_is_refused_in_the_words_of_the_manifest_check(spec: Json, path: str, message: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        read(spec)
    assert (caught.value.path, caught.value.message.split("; spec")[0]) == (path, message)


MISREAD_TIMES = {title: spec for title, (spec, _, _) in WRONG_FORMS.items() if "managedBy" not in spec}


@pytest.mark.parametrize("spec", MISREAD_TIMES.values(), ids=MISREAD_TIMES)
def test_a_text_of_the_wrong_form_is_left_to_the_parser_of_schedules_which_says_more(spec: Json) -> None:
    """Such an object is only there if a schema of an older release let it in."""
    assert build_error(read(spec).spec).startswith(("spec.", "must be", "schedule must"))


def build_error(spec: ScheduledJobSpec) -> str:
    with pytest.raises(InvalidSchedule) as refused:
        build_trigger(when_of(spec), created=1_800_000_000, zone="UTC", identity="default/nightly-report")
    return str(refused.value)


def test_an_empty_policy_is_the_default_as_with_cronjob() -> None:
    assert read({"concurrencyPolicy": "", **TASK}).spec.concurrency_policy is ConcurrencyPolicy.FORBID


def test_further_problems_follow_the_first() -> None:
    with pytest.raises(InvalidSpec) as caught:
        read({"suspend": "yes", "jitterSeconds": -1, **TASK})
    assert str(caught.value) == (
        "spec.suspend: must be true or false, got 'yes'; spec.jitterSeconds: must be an integer from 0 to 86400, got -1"
    )


@pytest.mark.parametrize("seed", range(400))
def test_reading_and_checking_agree_on_any_mixture(seed: int) -> None:
    spec = mixed(seed)
    assert refusal(spec) == "; ".join(str(problem) for problem in check_manifest(manifest(spec)))


@pytest.mark.parametrize("nonsense", [None, 3, "text", [], {"history": 3}, {"counts": {"due": -1}}])
def test_a_status_of_nonsense_does_not_hide_what_is_wanted(nonsense: Any) -> None:
    assert ScheduledJob.read(manifest(TASK) | {"status": nonsense}).spec == read(TASK).spec


@pytest.mark.parametrize("metadata", [None, [], {}, {"name": 3}, {"name": "a", "creationTimestamp": "yesterday"}])
def test_an_object_without_usable_metadata_is_refused(metadata: Any) -> None:
    with pytest.raises(InvalidSpec, match="metadata"):
        ScheduledJob.read(manifest(TASK) | {"metadata": metadata})


def test_the_identity_of_an_object_can_be_read_even_if_its_spec_cannot() -> None:
    assert ObjectMeta.read(TYPICAL | {"spec": 3}).uid.startswith("d413838a")


def test_an_object_without_a_spec_is_refused() -> None:
    obj = manifest(TASK)
    del obj["spec"]
    with pytest.raises(InvalidSpec, match="spec: must be an object, got nothing"):
        ScheduledJob.read(obj)


def test_a_resource_that_was_read_does_not_change() -> None:
    spec = read(TASK).spec
    with pytest.raises(ValueError, match="frozen"):
        spec.suspend = True  # type: ignore[misc]  # the assignment is what must fail


def test_ten_thousand_typical_objects_are_read_within_a_second() -> None:
    ScheduledJob.read(TYPICAL)
    gc.collect()
    best = min(_seconds_for(1000) for _ in range(10))
    assert best * 10 < 3.0  # tenfold what it takes: the machine may be slow


def _seconds_for(times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        ScheduledJob.read(TYPICAL)
    return time.process_time() - began
