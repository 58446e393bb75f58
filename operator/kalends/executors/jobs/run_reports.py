"""Reads the progress and the end of a run from its Job and pods. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kalends.engine.core.schedule import OWNER_LABEL, QUEUE_LABEL, REQUEST_ANNOTATION
from kalends.engine.core.state import Instant, Ref
from kalends.engine.ports import RunReport
from kalends.executors.jobs.identity import JobKey, controller_of, identity_of, resource_of
from kalends.executors.jobs.job_manifest import ATTEMPT, SCHEDULED_TIME
from kalends.executors.jobs.pod_reports import Termination
from kalends.executors.results import clean
from kalends.model.instants import parse_instant
from kalends.model.reasons import Reason
from kalends.model.values import LONGEST_TOKEN, Outcome

Json = Mapping[str, Any]

LONGEST_REASON = 64
"""Characters that our status takes; Jobs' reasons are words of their controller, or of anybody who wrote one."""
_ENDS = frozenset({"Complete", "Failed"})
_META = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
_STATUS = (
    "startTime", "completionTime", "active", "succeeded", "failed", "ready", "uncountedTerminatedPods",
    "initContainerStatuses", "containerStatuses",
)  # fmt: skip
_SUSPENDED = "Suspended"
_SPEC = ("suspend", "managedBy")
_CONDITIONS = frozenset({*_ENDS, _SUSPENDED, "PodScheduled"})
_ANNOTATIONS = (SCHEDULED_TIME, ATTEMPT, REQUEST_ANNOTATION)
_OWNER = ("apiVersion", "kind", "name", "uid", "controller")
_LONGEST_NAME = 253
"""Characters. The API server bounds neither the name nor the UID in an owner reference."""
_LABELS = (OWNER_LABEL, QUEUE_LABEL)
_JOB_CONTROLLER = "kubernetes.io/job-controller"


def trimmed(obj: Json) -> dict[str, Any]:
    """Return of a Job or a pod what is read from it here: there may be tens of thousands, and all are kept.

    Every user who may create Jobs chooses their annotations and owner references, of up to a megabyte. An annotation
    that is longer than any of Kalends is left out. A name that is cut is that of no object.
    """
    meta, status = obj["metadata"], obj.get("status") or {}
    kept = {name: meta[name] for name in _META if name in meta}
    controller = controller_of(obj)
    kept["ownerReferences"] = [] if controller is None else [_slim_owner(controller)]
    labels = meta.get("labels") or {}
    kept["labels"] = {name: labels[name] for name in _LABELS if name in labels}
    annotations = meta.get("annotations") or {}
    found = {name: annotations[name] for name in _ANNOTATIONS if name in annotations}
    kept["annotations"] = {name: text for name, text in found.items() if len(text) <= LONGEST_TOKEN}
    reported = {name: status[name] for name in _STATUS if status.get(name)}
    reported["conditions"] = [one for one in status.get("conditions") or () if one.get("type") in _CONDITIONS]
    spec = obj.get("spec") or {}
    spec_fields = {name: spec[name] for name in _SPEC if spec.get(name)}
    return {"metadata": kept, "spec": spec_fields, "status": reported}


def _slim_owner(owner: Json) -> dict[str, Any]:
    kept = {name: owner[name] for name in _OWNER if name in owner}
    return {name: value[:_LONGEST_NAME] if isinstance(value, str) else value for name, value in kept.items()}


@dataclass(frozen=True, slots=True)
class SeenJob:
    """What is remembered of a Job."""

    key: JobKey
    version: str
    fire_time: Instant
    attempt: int
    request: str
    created: Instant
    started: Instant
    """When its controller took it up, or until then when it was made."""
    ended: Instant | None
    """When it ended, or None while it is active."""
    succeeded: bool
    reason: str
    message: str
    had_pods: bool
    begun: bool
    """Whether it says itself that a container of it has run."""
    suspended: Instant | None
    """Since when it is suspended, or None while it is not."""
    queue: str
    """The queue of Kueue that it waits in, or waited in."""
    leaving_since: Instant | None
    """When its deletion began, or None while it is not being deleted."""
    labelled: bool
    """Whether it has the label by which Jobs are watched."""

    @property
    def uid(self) -> str:
        """The Job's own UID."""
        return self.key.uid

    @property
    def name(self) -> str:
        """The Job's name, which is that of the attempt."""
        return self.key.name

    @property
    def ended_before_its_deletion(self) -> bool:
        """Whether it had ended when its deletion began, so that no deletion took its pods away."""
        return self.ended is not None and self.leaving_since is not None and self.ended < self.leaving_since


def see_job(job: Json, resource: Ref | None = None) -> SeenJob | None:
    """Return what is to be remembered of a Job, or None if it is no run of a ScheduledJob.

    Args:
        job: The Job.
        resource: The known owner of the Job; by default, its controller reference.
    """
    meta, status, spec = job["metadata"], job.get("status") or {}, job.get("spec") or {}
    created = parse_instant(meta["creationTimestamp"])
    resource = resource or resource_of(job)
    identity = None if resource is None else identity_of(meta, resource.name, created)
    if identity is None:
        return None
    conditions = {one["type"]: one for one in status.get("conditions") or () if one["status"] == "True"}
    end = next((one for kind, one in conditions.items() if kind in _ENDS), None)
    started = parse_instant(status["startTime"]) if status.get("startTime") else created
    ended = None
    if end is not None:
        ended = parse_instant(status.get("completionTime") or end["lastTransitionTime"])
    had_pods = bool(status.get("succeeded") or status.get("failed"))
    uncounted = status.get("uncountedTerminatedPods") or {}
    # Pods of a Job with another controller, such as MultiKueue's, are in another cluster: only the Job reports.
    elsewhere = spec.get("managedBy") not in {None, "", _JOB_CONTROLLER}
    running = status.get("ready") or (elsewhere and status.get("active"))
    return SeenJob(
        key=JobKey(meta.get("namespace", ""), meta["name"], meta["uid"]),
        version=meta["resourceVersion"],
        fire_time=identity.fire_time,
        attempt=identity.attempt,
        request=identity.request,
        created=created,
        started=started,
        ended=None if ended is None else max(ended, started),
        succeeded=end is not None and end["type"] == "Complete",
        reason="" if end is None else end.get("reason") or "",
        message="" if end is None else end.get("message") or "",
        had_pods=had_pods,
        begun=had_pods or bool(running or uncounted.get("succeeded") or uncounted.get("failed")),
        suspended=_suspended_since(conditions, created) if spec.get("suspend") else None,
        queue=(meta.get("labels") or {}).get(QUEUE_LABEL) or "",
        leaving_since=parse_instant(meta["deletionTimestamp"]) if meta.get("deletionTimestamp") else None,
        labelled=OWNER_LABEL in (meta.get("labels") or {}),
    )


def _suspended_since(conditions: Json, created: Instant) -> Instant:
    reported = (conditions.get(_SUSPENDED) or {}).get("lastTransitionTime")
    return created if reported is None else max(created, parse_instant(reported))


def report_of(ref: Ref, job: SeenJob, ended: Iterable[Termination]) -> RunReport | None:
    """Return how a run ended, or None while it is active.

    Its result is the termination message of the container that ended it; of a failure, exit code and reason.
    """
    if job.ended is None:
        return None
    last = _last(job, ended)
    if job.succeeded:
        result = clean(last.message) if last is not None and last.message else None
        return RunReport(ref, job.name, job.fire_time, Outcome.SUCCEEDED, job.started, job.ended, result=result)
    timed_out = job.reason == Reason.DEADLINE_EXCEEDED
    said = job.message
    if last is not None:
        said = f"container {last.container} ended with exit code {last.exit_code} ({last.reason or 'no reason given'})"
        said += f": {last.message}" if last.message else ""
    return RunReport(
        ref,
        job.name,
        job.fire_time,
        Outcome.TIMED_OUT if timed_out else Outcome.FAILED,
        job.started,
        job.ended,
        job.reason[:LONGEST_REASON] or Reason.JOB_FAILED,
        clean(said),
    )


def _last(job: SeenJob, ended: Iterable[Termination]) -> Termination | None:
    informative = [one for one in ended if (one.exit_code == 0) == job.succeeded]
    # Of containers that ended in the same second, prefer a container with a message.
    return max(informative, key=lambda one: (one.finished, bool(one.message)), default=None)
