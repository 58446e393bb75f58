from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles import START
from kalends.engine.core.schedule import JobTemplate
from kalends.engine.core.state import Ref
from kalends.engine.ports import Run
from kalends.executors.jobs.job_manifest import environment, job_body
from kalends.model import format_instant
from kalends.model.instants import LAST_INSTANT, parse_instant

REF = Ref("blue", "nightly", "the-uid")


def body_of(
    spec: Any,
    *,
    labels: dict[str, Any] | None = None,
    annotations: dict[str, Any] | None = None,
    last_successful: int | None = None,
) -> dict[str, Any]:
    template = JobTemplate(labels or {}, annotations or {}, spec)
    run = Run(REF, f"nightly-{START}", START, template, "jobs", last_successful=last_successful)
    return job_body(run, template)


def pod(**container: Any) -> dict[str, Any]:
    return {"template": {"spec": {"containers": [{"name": "main", "image": "busybox", **container}]}}}


def test_a_job_is_named_after_its_fire_time_and_belongs_to_its_resource() -> None:
    meta = body_of(pod())["metadata"]
    assert meta["name"] == f"nightly-{START}"
    assert meta["namespace"] == "blue"
    (owner,) = meta["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == (
        "ScheduledJob",
        "nightly",
        "the-uid",
        True,
    )


def test_a_name_of_52_characters_leaves_room_for_the_fire_time() -> None:
    assert len(f"{'x' * 52}-{9_999_999_999}") == 63


def test_labels_and_annotations_of_the_template_are_never_overwritten_but_for_the_label_of_the_watch() -> None:
    own = {"app.kubernetes.io/managed-by": "me", "team": "blue", "kalends.dev/scheduled-job": "other"}
    meta = body_of(pod(), labels=own, annotations={"batch.kubernetes.io/cronjob-scheduled-timestamp": "mine"})[
        "metadata"
    ]
    assert meta["labels"] == {
        "app.kubernetes.io/managed-by": "me",
        "kalends.dev/scheduled-job": "nightly",
        "team": "blue",
    }
    assert meta["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] == "mine"
    assert meta["annotations"]["kalends.dev/scheduled-time"] == format_instant(START)


def test_a_job_and_its_pods_say_that_kalends_manages_them_unless_the_template_says_otherwise() -> None:
    body = body_of({"template": {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}, **pod()["template"]}})
    assert body["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kalends"
    assert body["spec"]["template"]["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "me",
        "kalends.dev/scheduled-job": "nightly",
    }


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC", "2026-11-18T10:26:00Z"),
        ("Europe/Berlin", "2026-11-18T11:26:00+01:00"),
        ("America/St_Johns", "2026-11-18T06:56:00-03:30"),
        ("Europe/London", "2026-11-18T10:26:00Z"),
    ],
)
def test_the_timestamp_of_cronjob_is_wall_time_with_the_offset_of_the_schedules_zone(zone: str, shown: str) -> None:
    template = JobTemplate({}, {}, pod(), time_zone=zone)
    instant = parse_instant("2026-11-18T10:26:00Z")
    annotations = job_body(Run(REF, "nightly-1", instant, template, "jobs"), template)["metadata"]["annotations"]
    assert annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] == shown
    assert annotations["kalends.dev/scheduled-time"] == "2026-11-18T10:26:00Z"


def test_a_job_at_the_end_of_time_has_a_timestamp_in_every_zone() -> None:
    template = JobTemplate({}, {}, pod(), time_zone="Asia/Tokyo")
    job_body(Run(REF, "nightly-1", LAST_INSTANT, template, "jobs"), template)


def test_a_first_attempt_of_the_schedule_says_no_more_than_its_time() -> None:
    template = JobTemplate({}, {"kalends.dev/attempt": "9", "kalends.dev/run-requested": "mine"}, pod())
    annotations = job_body(Run(REF, f"nightly-{START}", START, template, "jobs"), template)["metadata"]["annotations"]
    assert {name for name in annotations if name.startswith("kalends.dev/")} == {"kalends.dev/scheduled-time"}


def test_a_later_attempt_and_a_requested_run_are_marked() -> None:
    template = JobTemplate({}, {}, pod())
    run = Run(REF, "nightly-m-abcdefgh", START, template, "jobs", attempt=2, request="now")
    body = job_body(run, template)
    assert body["metadata"]["annotations"]["kalends.dev/attempt"] == "2"
    assert body["metadata"]["annotations"]["kalends.dev/run-requested"] == "now"
    (container,) = body["spec"]["template"]["spec"]["containers"]
    assert {"name": "KALENDS_ATTEMPT", "value": "2"} in container["env"]


def test_every_container_receives_the_identity_of_its_run_unless_it_sets_the_variables() -> None:
    spec = pod(env=[{"name": "KALENDS_RUN", "value": "my own"}, {"name": "OTHER", "value": "1"}])
    spec["template"]["spec"]["initContainers"] = [{"name": "first", "image": "busybox"}]
    pod_spec = body_of(spec, last_successful=START - 60)["spec"]["template"]["spec"]
    env = {one["name"]: one["value"] for one in pod_spec["containers"][0]["env"]}
    assert env == {
        "KALENDS_SCHEDULED_TIME": format_instant(START),
        "KALENDS_ATTEMPT": "1",
        "KALENDS_LAST_SUCCESS_TIME": format_instant(START - 60),
        "KALENDS_RUN": "my own",
        "OTHER": "1",
    }
    assert {one["name"] for one in pod_spec["initContainers"][0]["env"]} >= {"KALENDS_RUN", "KALENDS_SCHEDULED_TIME"}


def test_where_no_run_has_succeeded_there_is_no_last_success_to_tell() -> None:
    run = Run(REF, "nightly-1", START, JobTemplate({}, {}, {}), "jobs")
    assert "KALENDS_LAST_SUCCESS_TIME" not in environment(run)


def test_a_jobs_own_suspend_is_the_users() -> None:
    assert "suspend" not in body_of(pod())["spec"]
    assert body_of({"suspend": True, **pod()})["spec"]["suspend"] is True


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["template", "spec", "containers", "env", "metadata", "labels"]), inner)
    ),
    max_leaves=15,
)


@given(JSON)
def test_a_template_that_makes_no_sense_is_passed_on_for_the_api_server_to_refuse(spec: Any) -> None:
    before = copy.deepcopy(spec)
    body_of(spec)
    assert spec == before, "the template was changed"
