"""ScheduledJobs as users write them: small, dense in fire times, and of every kind that there is."""

from __future__ import annotations

from typing import Any

from simulation.behaviour import Manner
from simulation.chance import Chance
from simulation.instants import rfc3339
from simulation.server import QUEUE

Spec = dict[str, Any]

QUEUED_EACH = 4
"""Of so many resources that run Jobs, one has a queue that admits them."""
PERIODS = (2, 3, 4, 5, 7, 10, 15, 20)


def draw_manner(chance: Chance) -> Manner:
    """Return how the runs of a resource tend to be."""
    usual = chance.pick([(0.02, 0.5), (0.02, 0.5), (0.5, 4.0), (1.0, 12.0), (5.0, 25.0)])
    return Manner(
        usual=usual,
        fails=chance.pick([0.0, 0.1, 0.5, 1.0]),
        hangs=chance.pick([0.0, 0.0, 0.0, 0.05, 0.3]),
        pends=chance.pick([0.0, 0.0, 0.0, 0.05, 0.3]),
    )


def draw_rule(chance: Chance, now: float) -> Spec:  # noqa: PLR0911 - a table
    """Return the rule that names fire times; an empty one fires once, as soon as it is seen."""
    match chance.whole(0, 11):
        case 0 | 1 | 2 | 3 | 4:
            return {"trigger": {"interval": {"seconds": chance.pick(PERIODS)}}}
        case 5 | 6:
            return {"trigger": {"cron": {"second": f"*/{chance.pick((3, 5, 10, 20))}"}}}
        case 7:
            seconds = sorted({chance.whole(0, 59) for _ in range(4)})
            return {"trigger": {"cron": {"second": ",".join(map(str, seconds))}}}
        case 8:
            return {"schedule": chance.pick(["* * * * *", "*/2 * * * *", "@every 7s", "@every 13s"])}
        case 9:
            return {"trigger": {"date": {"at": rfc3339(now + chance.between(-5, 60))}}}
        case 10:
            members = [{"interval": {"seconds": chance.pick(PERIODS)}}, {"cron": {"second": "*/10"}}]
            return {"trigger": {"anyOf": members}}
        case _:
            return {}


def draw_when(chance: Chance, now: float) -> Spec:
    """Return the part of a spec that says when."""
    spec = draw_rule(chance, now)
    if "trigger" in spec and "date" not in spec["trigger"]:
        if chance.happens(0.1):
            spec["startTime"] = rfc3339(now + chance.between(-10, 30))
        if chance.happens(0.15):
            spec["endTime"] = rfc3339(now + chance.between(40, 150))
        if chance.happens(0.15):
            begins = now + chance.between(0, 60)
            spec["exclude"] = [{"from": rfc3339(begins), "to": rfc3339(begins + chance.between(5, 40))}]
    if chance.happens(0.15):
        spec["jitterSeconds"] = chance.pick([1, 2, 5])
    if chance.happens(0.08):
        spec["suspend"] = True
    return spec


def draw_how(chance: Chance) -> Spec:
    """Return the part of a spec that says how."""
    spec: Spec = {}
    if chance.happens(0.35):
        spec["startingDeadlineSeconds"] = chance.pick([0, 1, 2, 5, 10, 30])
    if chance.happens(0.6):
        spec["coalesce"] = chance.pick(["Latest", "Earliest", "All", "All"])
    if spec.get("coalesce") == "All":
        spec["maxCatchUpRuns"] = chance.pick([1, 2, 5, 20])  # of a day's worth: a clock may be stepped by one
    if chance.happens(0.75):
        spec["concurrencyPolicy"] = chance.pick(["Forbid", "Allow", "Replace", "Replace", "Queue", "Queue"])
    if spec.get("concurrencyPolicy") == "Queue" and chance.happens(0.4):
        spec["maxQueued"] = chance.pick([1, 2, 5])
    if chance.happens(0.3):
        spec["maxInstances"] = chance.pick([1, 2, 3])
        if spec.get("concurrencyPolicy") == "Allow":
            del spec["maxInstances"]  # which it refuses; it was drawn so that later draws stay the same
    if chance.happens(0.1):
        spec["maxRuns"] = chance.pick([1, 3, 8])
    if chance.happens(0.3):
        spec["retry"] = {
            "limit": chance.pick([0, 1, 2, 5]),
            "backoffSeconds": chance.pick([0, 1, 3, 8]),
            "factor": chance.pick([1, 2]),
            "maxBackoffSeconds": chance.pick([5, 20]),
            "onLost": chance.happens(0.5),
        }
    return spec


HOW = (
    "startingDeadlineSeconds",
    "coalesce",
    "maxCatchUpRuns",
    "concurrencyPolicy",
    "maxQueued",
    "maxInstances",
    "maxRuns",
    "retry",
)


def draw_where(chance: Chance) -> str:
    """Return where the runs of a resource run."""
    return chance.pick(["jobs", "jobs", "jobs", "default", "default", "heavy"])


def what(where: str, life: int, version: int) -> Spec:
    """Return the part of a spec that says what: it carries the life and the version, so that a run can tell them."""
    if where == "jobs":
        container = {"name": "main", "image": "work"}
        annotations = {"simulation/life": str(life), "simulation/version": str(version)}
        pods = {"spec": {"containers": [container], "restartPolicy": "Never"}}
        metadata: Spec = {"annotations": annotations}
        if life % QUEUED_EACH == 0:
            metadata["labels"] = {QUEUE: "user-queue"}
        return {"jobTemplate": {"metadata": metadata, "spec": {"template": pods}}}
    task = {"name": "simulation.work", "kwargs": {"life": life, "version": version}}
    return {"task": task, "executor": where}


LIMITS = (
    "successfulJobsHistoryLimit",
    "failedJobsHistoryLimit",
    "pendingTimeoutSeconds",
    "admissionTimeoutSeconds",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
)


def draw_limits(chance: Chance, where: str) -> Spec:
    """Return the part of a spec whose fields depend on where it runs."""
    spec: Spec = {}
    if where == "jobs" and chance.happens(0.4):
        spec["successfulJobsHistoryLimit"] = chance.whole(0, 2)
        spec["failedJobsHistoryLimit"] = chance.whole(0, 2)
    if where == "jobs" and chance.happens(0.3):
        spec["pendingTimeoutSeconds"] = chance.pick([2, 5, 15])
    if where == "jobs" and chance.happens(0.5):
        spec["admissionTimeoutSeconds"] = chance.pick([1, 2, 5, 15])
    if where != "jobs" and chance.happens(0.3):
        spec["activeDeadlineSeconds"] = chance.pick([1, 3, 10])
    if chance.happens(0.1):
        spec["ttlSecondsAfterFinished"] = chance.pick([0, 5, 20])
    return spec
