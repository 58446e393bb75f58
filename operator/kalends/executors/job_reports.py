"""What a Job, and the pods that ran for it, tell about how a run went. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kalends.engine.ports import RunReport
from kalends.engine.state import Instant, Ref
from kalends.executors.job_body import SCHEDULED_TIME
from kalends.executors.results import clean
from kalends.model.instants import parse_instant
from kalends.model.reasons import Reason
from kalends.model.status import Outcome

Json = Mapping[str, Any]

LONGEST_REASON = 64
"""Characters that our status takes; Jobs' reasons are words of their controller, or of anybody who wrote one."""


@dataclass(frozen=True, slots=True)
class Termination:
    """How one container of a pod ended."""

    finished: Instant
    container: str
    exit_code: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class SeenJob:
    """What is remembered of a Job."""

    uid: str
    version: str
    name: str
    fire_time: Instant
    created: Instant
    started: Instant
    ended: Instant | None
    """When it ended, or None while it is under way."""
    succeeded: bool
    reason: str
    message: str
    had_pods: bool


def owner_uid(job: Json) -> str | None:
    """Return the UID of the controller that a Job belongs to."""
    for owner in job["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            uid: str = owner["uid"]
            return uid
    return None


def see_job(job: Json) -> SeenJob | None:
    """Return what is to be remembered of a Job, or None if it is not one of ours."""
    meta, status = job["metadata"], job.get("status") or {}
    fire_time = _fire_time(meta)
    if fire_time is None:
        return None
    created = parse_instant(meta["creationTimestamp"])
    end = next(
        (
            one
            for one in status.get("conditions") or ()
            if one["type"] in {"Complete", "Failed"} and one["status"] == "True"
        ),
        None,
    )
    started = parse_instant(status["startTime"]) if status.get("startTime") else created
    ended = None
    if end is not None:
        ended = parse_instant(status.get("completionTime") or end["lastTransitionTime"])
    return SeenJob(
        uid=meta["uid"],
        version=meta["resourceVersion"],
        name=meta["name"],
        fire_time=fire_time,
        created=created,
        started=started,
        ended=None if ended is None else max(ended, started),
        succeeded=end is not None and end["type"] == "Complete",
        reason="" if end is None else end.get("reason") or "",
        message="" if end is None else end.get("message") or "",
        had_pods=bool(status.get("succeeded") or status.get("failed")),
    )


def _fire_time(meta: Json) -> Instant | None:
    text = (meta.get("annotations") or {}).get(SCHEDULED_TIME)
    try:
        return None if text is None else parse_instant(text)
    except ValueError:
        return None


def terminations(pod: Json) -> tuple[Termination, ...]:
    """Return how the containers of a pod have ended, those that were started again included."""
    status = pod.get("status") or {}
    ended = []
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        for state in (container.get("state") or {}, container.get("lastState") or {}):
            told = state.get("terminated")
            if told:
                ended.append(
                    Termination(
                        parse_instant(told["finishedAt"]) if told.get("finishedAt") else 0,
                        container["name"],
                        told.get("exitCode", 0),
                        told.get("reason") or "",
                        told.get("message") or "",
                    )
                )
                break
    return tuple(ended)


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
