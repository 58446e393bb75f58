"""What a Job, and the pods that ran for it, tell about how a run goes and went. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kalends.engine.ports import RunReport
from kalends.engine.state import Instant, Ref
from kalends.executors.job_identity import identity_of
from kalends.executors.job_pods import Termination
from kalends.executors.results import clean
from kalends.model.instants import parse_instant
from kalends.model.reasons import Reason
from kalends.model.status import Outcome

Json = Mapping[str, Any]

LONGEST_REASON = 64
"""Characters that our status takes; Jobs' reasons are words of their controller, or of anybody who wrote one."""
_ENDS = frozenset({"Complete", "Failed"})
_META = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
_STATUS = (
    "startTime", "completionTime", "succeeded", "failed", "ready", "uncountedTerminatedPods",
    "initContainerStatuses", "containerStatuses",
)  # fmt: skip
_CONDITIONS = frozenset({*_ENDS, "PodScheduled"})
_OUR_ANNOTATIONS = "kalends.dev/"


def slim(obj: Json) -> dict[str, Any]:
    """Return of a Job or a pod what is read from it here: there may be tens of thousands, and all are kept."""
    meta, status = obj["metadata"], obj.get("status") or {}
    kept = {name: meta[name] for name in _META if name in meta}
    kept["ownerReferences"] = [one for one in meta.get("ownerReferences") or () if one.get("controller")]
    annotations = meta.get("annotations") or {}
    kept["annotations"] = {name: text for name, text in annotations.items() if name.startswith(_OUR_ANNOTATIONS)}
    told = {name: status[name] for name in _STATUS if status.get(name)}
    told["conditions"] = [one for one in status.get("conditions") or () if one.get("type") in _CONDITIONS]
    suspended = (obj.get("spec") or {}).get("suspend")
    return {"metadata": kept, "spec": {"suspend": True} if suspended else {}, "status": told}


@dataclass(frozen=True, slots=True)
class SeenJob:
    """What is remembered of a Job."""

    uid: str
    version: str
    name: str
    fire_time: Instant
    attempt: int
    request: str
    created: Instant
    started: Instant
    """When its controller took it up, or until then when it was made."""
    ended: Instant | None
    """When it ended, or None while it is under way."""
    succeeded: bool
    reason: str
    message: str
    had_pods: bool
    begun: bool
    """Whether it says itself that a container of it has run."""
    suspended: bool
    leaving: bool
    """Whether it is being deleted."""


def owner_uid(obj: Json) -> str | None:
    """Return the UID of the controller that a Job or a pod belongs to."""
    owner = owner_of(obj)
    return None if owner is None else str(owner["uid"])


def owner_of(obj: Json) -> Json | None:
    """Return the controller that a Job or a pod belongs to, as its owner reference names it."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            found: Json = owner
            return found
    return None


def see_job(job: Json) -> SeenJob | None:
    """Return what is to be remembered of a Job, or None if it is not one of ours."""
    meta, status = job["metadata"], job.get("status") or {}
    created = parse_instant(meta["creationTimestamp"])
    owner = owner_of(job)
    identity = None if owner is None else identity_of(meta, owner["name"], created)
    if identity is None:
        return None
    conditions = status.get("conditions") or ()
    end = next((one for one in conditions if one["type"] in _ENDS and one["status"] == "True"), None)
    started = parse_instant(status["startTime"]) if status.get("startTime") else created
    ended = None
    if end is not None:
        ended = parse_instant(status.get("completionTime") or end["lastTransitionTime"])
    had_pods = bool(status.get("succeeded") or status.get("failed"))
    uncounted = status.get("uncountedTerminatedPods") or {}
    return SeenJob(
        uid=meta["uid"],
        version=meta["resourceVersion"],
        name=meta["name"],
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
        begun=had_pods or bool(status.get("ready") or uncounted.get("succeeded") or uncounted.get("failed")),
        suspended=bool((job.get("spec") or {}).get("suspend")),
        leaving="deletionTimestamp" in meta,
    )


def report_of(ref: Ref, job: SeenJob, ended: Iterable[Termination]) -> RunReport | None:
    """Return how a run ended, or None while it goes on.

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
    telling = [one for one in ended if (one.exit_code == 0) == job.succeeded]
    # Of containers that ended in the same second, the one that has something to say ended it.
    return max(telling, key=lambda one: (one.finished, bool(one.message)), default=None)
