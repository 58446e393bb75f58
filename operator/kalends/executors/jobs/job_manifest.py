"""Builds the Job manifest of a run: the user's template, and what Kalends adds to it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kalends.engine.core.schedule import OWNER_LABEL, REQUEST_ANNOTATION, JobTemplate
from kalends.engine.ports import Run
from kalends.model.instants import format_instant
from kalends.model.values import API_VERSION, KIND
from kalends.triggers import zone_info

Json = dict[str, Any]

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "kalends"
SCHEDULED_TIME = "kalends.dev/scheduled-time"
ATTEMPT = "kalends.dev/attempt"
"""Which attempt at its run a Job is; only from the second one on."""
CRONJOB_SCHEDULED_TIME = "batch.kubernetes.io/cronjob-scheduled-timestamp"
SELECTOR = OWNER_LABEL
"""What the watches select by. `app.kubernetes.io/managed-by` is not part of it: other tools write that label."""


def job_body(run: Run, template: JobTemplate) -> Json:
    """Return the Job of a run. Labels, annotations and environment variables of the template are never overwritten.

    Exceptions are the label by which the operator finds its Jobs and their pods, and the annotations that say which run
    a Job is.
    """
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": run.name,
            "namespace": run.ref.namespace,
            "labels": _labels(run, template.labels),
            "annotations": _annotations(run, template),
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": KIND,
                    "name": run.ref.name,
                    "uid": run.ref.uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": _job_spec(run, template.spec),
    }


def _labels(run: Run, given: Mapping[str, str]) -> dict[str, str]:
    return {MANAGED_BY_LABEL: MANAGED_BY, **given, OWNER_LABEL: run.ref.name}


def _annotations(run: Run, template: JobTemplate) -> dict[str, str]:
    # The identity of a request's Job is read from this annotation, so it has the fire time, not the data time.
    ours = {SCHEDULED_TIME: format_instant(run.fire_time)}
    if run.attempt > 1:
        ours[ATTEMPT] = str(run.attempt)
    if run.request:
        ours[REQUEST_ANNOTATION] = run.request
    kept = {name: value for name, value in template.annotations.items() if name not in {ATTEMPT, REQUEST_ANNOTATION}}
    return {CRONJOB_SCHEDULED_TIME: _wall_time(run.data_time, template.time_zone), **kept, **ours}


def _wall_time(instant: int, zone: str) -> str:
    """Return RFC 3339 with the zone's offset, and `Z` where that is zero: what the CronJob controller writes."""
    try:
        wall = datetime.fromtimestamp(instant, UTC).astimezone(zone_info(zone))
    except OverflowError:  # in the last hours of the year 9999, east of Greenwich
        return format_instant(instant)
    return wall.isoformat().replace("+00:00", "Z")


def _job_spec(run: Run, spec: Any) -> Any:
    pods = _mapping(spec, "template")
    metadata = _mapping(pods, "metadata")
    labels = _mapping(metadata, "labels")
    if pods is None or metadata is None or labels is None:
        return spec  # the API server says best what is wrong with it
    completed: Json = {**pods, "metadata": {**metadata, "labels": _labels(run, labels)}}
    if isinstance(pods.get("spec"), dict):
        completed["spec"] = _pod_spec(run, pods["spec"])
    return {**spec, "template": completed}


def _mapping(within: Any, name: str) -> Json | None:
    """Return a member that is an object, an empty one where it is unset, or None where it is anything else."""
    found = (within.get(name) or {}) if isinstance(within, dict) else None
    return found if isinstance(found, dict) else None


def _pod_spec(run: Run, spec: Json) -> Json:
    variables = environment(run)
    completed = dict(spec)
    for field in ("initContainers", "containers"):
        containers = spec.get(field)
        if isinstance(containers, list):
            completed[field] = [_container(one, variables) for one in containers]
    return completed


def _container(container: Any, variables: dict[str, str]) -> Any:
    if not isinstance(container, dict):
        return container
    given = container.get("env") or []
    if not isinstance(given, list):
        return container
    names = {one.get("name") for one in given if isinstance(one, dict)}
    added = [{"name": name, "value": value} for name, value in variables.items() if name not in names]
    return {**container, "env": [*added, *given]}


def environment(run: Run) -> dict[str, str]:
    """Return the environment variables of every container of a run."""
    variables = {
        "KALENDS_SCHEDULED_TIME": format_instant(run.data_time),
        "KALENDS_RUN": run.name,
        "KALENDS_ATTEMPT": str(run.attempt),
    }
    if run.last_successful is not None:
        variables["KALENDS_LAST_SUCCESS_TIME"] = format_instant(run.last_successful)
    return variables
