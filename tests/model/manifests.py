"""Manifests to test with: good ones."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

TASK: Json = {"task": {"name": "reports.nightly"}}
JOB: Json = {
    "jobTemplate": {
        "spec": {
            "template": {
                "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "registry/main:1"}]}
            }
        }
    }
}
CRON: Json = {"cron": {"minute": "*/5"}}


def manifest(spec: Json, name: str = "nightly-report") -> Json:
    return {"apiVersion": "kalends.dev/v1alpha1", "kind": "ScheduledJob", "metadata": {"name": name}, "spec": spec}


def nested(depth: int) -> Json:
    """A trigger in which anyOf stands within anyOf, so many times."""
    return CRON if depth == 0 else {"anyOf": [nested(depth - 1)]}


GOOD: dict[str, Json] = {
    "as many members as may be": {"trigger": {"allOf": [{"anyOf": [CRON] * 16}] * 2}, **TASK},
    "as many excluded crons as may be": {"trigger": CRON, "exclude": [{"to": "2027-01-01"}, *[CRON] * 31], **TASK},
    "as many ranges as may be": {"trigger": CRON, "exclude": [{"to": "2027-01-01"}] * 64, **TASK},
    "a task as soon as it is seen": TASK,
    "a schedule and a job": {"schedule": "0 2 * * mon-fri", **JOB},
    "every field of a task": {
        "schedule": "@every 90m",
        "timeZone": "Europe/Berlin",
        "startTime": "2027-01-01",
        "endTime": "2027-12-31T23:59:59",
        "exclude": [{"from": "2027-04-01", "to": "2027-04-05"}, {"to": "2027-02-01"}, {"cron": {"dayOfWeek": "sun"}}],
        "jitterSeconds": 30,
        "daylightSaving": "Literal",
        "suspend": True,
        "startingDeadlineSeconds": 300,
        "coalesce": "All",
        "concurrencyPolicy": "Queue",
        "maxInstances": 2,
        "maxCatchUpRuns": 10,
        "maxQueued": 5,
        "maxRuns": 1000,
        "task": {"name": "reports.nightly", "args": [1, "two", None, {"three": [3.5]}], "kwargs": {"dry": True}},
        "executor": "default",
        "retry": {"limit": 3, "backoffSeconds": 10, "factor": 2, "maxBackoffSeconds": 300, "onLost": True},
        "activeDeadlineSeconds": 600,
        "successfulJobsHistoryLimit": 0,
        "failedJobsHistoryLimit": 0,
        "ttlSecondsAfterFinished": 0,
        "managedBy": "example.com/my-app",
    },
    "every field of a job": {
        "trigger": {"calendarInterval": {"months": 1, "hour": 3}},
        "pendingTimeoutSeconds": 900,
        "jobTemplate": {
            "metadata": {"labels": {"team": "reports"}, "annotations": {"why": "because"}},
            "spec": JOB["jobTemplate"]["spec"],
        },
    },
    "numbers and expressions as fields": {"trigger": {"cron": {"minute": 0, "hour": "9-17"}}, **TASK},
    "an interval of a hundred years": {"trigger": {"interval": {"days": 36_525}}, **TASK},
    "a date": {"trigger": {"date": {"at": "2027-01-01T00:00:00"}}, **TASK},
    "combinations two deep": {"trigger": {"allOf": [nested(1), CRON]}, **TASK},
    "members with bounds and zones of their own": {
        "trigger": {
            "anyOf": [
                {**CRON, "timeZone": "Europe/Berlin", "startTime": "2027-01-01T00:00:00.000Z"},
                {"allOf": [{**CRON, "endTime": "2027-12-31"}, {"interval": {"hours": 1}}], "timeZone": "UTC"},
            ]
        },
        **TASK,
    },
    "instants as JavaScript and Python write them": {
        "startTime": "2027-01-01T00:00:00.123Z",
        "endTime": "2027-12-31T23:59:59.123456+00:00",
        "exclude": [{"from": "2027-03-01T00:00:00.5", "to": "2027-03-02t00:00:00.500000000z"}],
        "trigger": {"date": {"at": "2027-02-01 09:00"}},
        **TASK,
    },
    "every other week on two days": {
        "trigger": {"calendarInterval": {"weeks": 2, "daysOfWeek": ["tue", "thu"], "hour": 3}},
        **TASK,
    },
    "a policy that is empty": {"schedule": "@daily", "concurrencyPolicy": "", **JOB},
    "the longest deadline of a CronJob": {"schedule": "@daily", "startingDeadlineSeconds": 2**63 - 1, **JOB},
    "all metadata that the template of a CronJob may have": {
        "schedule": "@daily",
        "jobTemplate": {
            "metadata": {
                "name": "hello",
                "generateName": "hello-",
                "namespace": "default",
                "labels": {"team": "reports"},
                "annotations": {"why": "because"},
                "finalizers": ["example.com/hold"],
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b", "controller": True}
                ],
                "creationTimestamp": "2027-01-01T00:00:00Z",
                "deletionTimestamp": "2027-01-01T00:00:00Z",
                "deletionGracePeriodSeconds": 30,
                "generation": 2**63 - 1,
                "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:metadata": {}}}],
                "resourceVersion": "1",
                "selfLink": "/apis",
                "uid": "0b3f2c1e",
            },
            "spec": JOB["jobTemplate"]["spec"],
        },
    },
    "a long schedule": {"schedule": ",".join(["0"] * 2000) + " * * * *", **JOB},
    "as many Jobs as may be kept": {
        "schedule": "@daily",
        "successfulJobsHistoryLimit": 1000,
        "failedJobsHistoryLimit": 1000,
        **JOB,
    },
    "a range that ends where it begins": {
        "startTime": "2027-01-01T00:00:00Z",
        "endTime": "2027-01-01T01:00:00+01:00",
        **TASK,
    },
    "a range in two notations": {"startTime": "2027-01-01T00:00:00Z", "endTime": "2026-01-01", **TASK},
}
"""By what they show. An order of times in different notations is for the operator to judge."""
