"""Specs that are refused, each with the words that answer it: by the API server, or by a condition of the resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cluster.operator_process import job_template

Json = dict[str, Any]

ECHO = {"name": "kalends.echo"}
MINUTELY: Json = {"schedule": "* * * * *", "task": ECHO}


def with_containers(*containers: Json) -> Json:
    pod: Json = {"restartPolicy": "Never"}
    if containers:
        pod["containers"] = list(containers)
    return {"spec": {"template": {"spec": pod}}}


@dataclass(frozen=True)
class Bad:
    """A spec, words of its error message, and the corrected spec."""

    spec: Json
    says: tuple[str, ...]
    reason: str = ""
    corrected: Json = field(default_factory=lambda: MINUTELY)


REFUSED_BY_THE_API_SERVER = {
    "schedule-and-trigger": Bad(
        {**MINUTELY, "trigger": {"interval": {"seconds": 5}}}, ("at most one of `schedule`, `trigger` may be set",)
    ),
    "two-triggers": Bad(
        {"task": ECHO, "trigger": {"interval": {"seconds": 5}, "date": {"at": "2027-01-01T00:00:00Z"}}},
        ("spec.trigger", "exactly one of `cron`, `interval`", "must be set"),
    ),
    "task-and-job-template": Bad(
        {**MINUTELY, "jobTemplate": job_template()}, ("exactly one of `task`, `jobTemplate` must be set",)
    ),
    "neither-task-nor-job-template": Bad(
        {"schedule": "* * * * *"}, ("exactly one of `task`, `jobTemplate` must be set",)
    ),
    "end-before-start": Bad(
        {**MINUTELY, "startTime": "2027-02-01T00:00:00Z", "endTime": "2027-01-01T00:00:00Z"},
        ("spec.endTime", "`endTime` must not be before `startTime`"),
    ),
    "date-of-a-word": Bad(
        {"task": ECHO, "trigger": {"date": {"at": "tomorrow"}}},
        ("spec.trigger.date.at", "must be RFC 3339 like '2027-01-01T00:00:00Z', or wall time"),
    ),
    "schedule-of-four-fields": Bad(
        {"schedule": "0 2 * *", "task": ECHO},
        ("spec.schedule", "must be five fields (minute, hour, day of month, month, day of week)"),
    ),
    "schedule-of-a-number": Bad({"schedule": "99", "task": ECHO}, ("spec.schedule", "must be five fields")),
    "limit-where-there-is-none": Bad(
        {**MINUTELY, "concurrencyPolicy": "Allow", "maxInstances": 2},
        ("spec.maxInstances", "`maxInstances` may be set only where `concurrencyPolicy` is not 'Allow'"),
    ),
    "negative-interval": Bad(
        {"task": ECHO, "trigger": {"interval": {"seconds": -5}}},
        ("spec.trigger.interval.seconds", "greater than or equal to 0"),
    ),
    "zero-interval": Bad(
        {"task": ECHO, "trigger": {"interval": {"seconds": 0}}},
        ("spec.trigger.interval", "at least one of `weeks`, `days`, `hours`, `minutes`, `seconds` must be more than 0"),
    ),
    "interval-of-ages": Bad(
        {"task": ECHO, "trigger": {"interval": {"days": 10**9}}},
        ("spec.trigger.interval.days", "less than or equal to 36525"),
    ),
}

REFUSED_BY_A_CONDITION = {
    "minute-61": Bad(
        {"schedule": "61 * * * *", "task": ECHO},
        ("spec.schedule", "minute must be", "a number from 0 to 59", "'61'"),
        "InvalidSchedule",
    ),
    "february-30": Bad(
        {"schedule": "0 0 30 2 *", "task": ECHO},
        ("spec.schedule", "must name a day that some year has", "'0 0 30 2 *'"),
        "InvalidSchedule",
    ),
    "unknown-zone": Bad(
        {**MINUTELY, "timeZone": "Europe/Atlantis"},
        ("spec.timeZone", "must be an IANA time zone name such as", "'Europe/Atlantis'"),
    ),
    "end-before-start-on-the-wall": Bad(
        {**MINUTELY, "startTime": "2027-02-01T00:00:00", "endTime": "2027-01-01T00:00:00"},
        ("spec.endTime", "must not be before startTime", "'2027-01-01T00:00:00'"),
        "InvalidSchedule",
    ),
    "unknown-task": Bad(
        {**MINUTELY, "task": {"name": "kalends.ecko"}},
        ("spec.task.name", "must be the name of a registered task", "'kalends.ecko'", "did you mean 'kalends.echo'?"),
        "UnknownTask",
    ),
    "unfit-arguments": Bad(
        {**MINUTELY, "task": {"name": "kalends.sleep", "kwargs": {"hours": 3}}},
        ("must fit kalends.sleep(seconds", "missing a required argument: 'seconds'"),
        "InvalidArguments",
    ),
    "unknown-executor": Bad(
        {**MINUTELY, "executor": "procs"},
        ("spec.executor", "must be the name of a configured executor ('default', 'processes')", "'procs'"),
        "UnknownExecutor",
    ),
    "no-containers": Bad(
        {"schedule": "0 0 1 1 *", "jobTemplate": with_containers()},
        ("spec.jobTemplate", "spec.template.spec.containers: Required value"),
        "InvalidJobTemplate",
        corrected={"schedule": "0 0 1 1 *", "jobTemplate": job_template()},
    ),
    "image-that-is-no-string": Bad(
        {"schedule": "0 0 1 1 *", "jobTemplate": with_containers({"name": "main", "image": 5})},
        ("spec.jobTemplate", "cannot unmarshal number", "containers.image of type string"),
        "InvalidJobTemplate",
        corrected={"schedule": "0 0 1 1 *", "jobTemplate": job_template()},
    ),
}
