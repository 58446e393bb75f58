"""Bad manifests to test with, and the words in which they are refused."""

from __future__ import annotations

import random

from model.manifests import CRON, GOOD, JOB, TASK, Json, nested

MEMBERS = "`cron`, `interval`, `calendarInterval`, `date`, `anyOf`, `allOf`"
UNITS = "`weeks`, `days`, `hours`, `minutes`, `seconds`"
FEW_LEAVES = (
    "the innermost members of `trigger` and the crons of `exclude` must be at most 32 together; "
    "a field of a cron may list several values, as in `hour: 1,3,5-8`"
)
CRON_FIELDS = "`year`, `month`, `day`, `week`, `dayOfWeek`, `hour`, `minute`, `second`"

BROKEN_RULES: dict[str, tuple[Json, str, str]] = {
    "too many members of members": (
        {"trigger": {"allOf": [CRON, *[{"anyOf": [CRON] * 16}] * 2]}, **TASK},
        "spec",
        FEW_LEAVES,
    ),
    "too many members and excluded crons": (
        {"trigger": {"anyOf": [CRON, {"allOf": [CRON] * 16}]}, "exclude": [{"to": "2027-01-01"}, *[CRON] * 16], **TASK},
        "spec",
        FEW_LEAVES,
    ),
    "too many excluded crons": ({"schedule": "* * * * *", "exclude": [CRON] * 32, **TASK}, "spec", FEW_LEAVES),
    "nothing to run": ({}, "spec", "exactly one of `task`, `jobTemplate` must be set"),
    "two things to run": ({**TASK, **JOB}, "spec", "exactly one of `task`, `jobTemplate` must be set"),
    "two schedules": (
        {"schedule": "@daily", "trigger": CRON, **TASK},
        "spec",
        "at most one of `schedule`, `trigger` may be set",
    ),
    "an empty trigger": ({"trigger": {}, **TASK}, "spec.trigger", f"exactly one of {MEMBERS} must be set"),
    "two triggers in one": (
        {"trigger": {**CRON, "date": {"at": "2027-01-01"}}, **TASK},
        "spec.trigger",
        f"exactly one of {MEMBERS} must be set",
    ),
    "an empty member": (
        {"trigger": {"anyOf": [CRON, {}]}, **TASK},
        "spec.trigger.anyOf[1]",
        f"exactly one of {MEMBERS} must be set",
    ),
    "an empty innermost member": (
        {"trigger": {"anyOf": [{"allOf": [CRON, {}]}]}, **TASK},
        "spec.trigger.anyOf[0].allOf[1]",
        "exactly one of `cron`, `interval`, `calendarInterval`, `date` must be set",
    ),
    "cron without fields": (
        {"trigger": {"cron": {}}, **TASK},
        "spec.trigger.cron",
        f"at least one of {CRON_FIELDS} must be set",
    ),
    "an interval of nothing": (
        {"trigger": {"interval": {"hours": 0}}, **TASK},
        "spec.trigger.interval",
        f"at least one of {UNITS} must be more than 0",
    ),
    "an interval of more than a hundred years": (
        {"trigger": {"interval": {"days": 36_525, "seconds": 1}}, **TASK},
        "spec.trigger.interval",
        "must add up to at most 36525 days, which is a hundred years",
    ),
    "a calendar interval of nothing": (
        {"trigger": {"calendarInterval": {"hour": 3}}, **TASK},
        "spec.trigger.calendarInterval",
        "at least one of `years`, `months`, `weeks`, `days` must be more than 0",
    ),
    "days of the week without weeks": (
        {"trigger": {"calendarInterval": {"days": 1, "daysOfWeek": ["tue"]}}, **TASK},
        "spec.trigger.calendarInterval.daysOfWeek",
        "`daysOfWeek` may be set only with `weeks`, and without `years`, `months` and `days`",
    ),
    "days of the week with another unit": (
        {"trigger": {"calendarInterval": {"weeks": 1, "months": 1, "daysOfWeek": ["tue"]}}, **TASK},
        "spec.trigger.calendarInterval.daysOfWeek",
        "`daysOfWeek` may be set only with `weeks`, and without `years`, `months` and `days`",
    ),
    "an end before the start": (
        {"startTime": "2027-01-01T00:00:00Z", "endTime": "2027-01-01T00:59:59+01:00", **TASK},
        "spec.endTime",
        "`endTime` must not be before `startTime`",
    ),
    "an exclusion that is both": (
        {"exclude": [{"from": "2027-01-01", **CRON}], **TASK},
        "spec.exclude[0]",
        "exactly one of a range (`from`, `to`) and `cron` must be set",
    ),
    "an exclusion that is neither": (
        {"exclude": [{"to": "2027-01-01"}, {}], **TASK},
        "spec.exclude[1]",
        "exactly one of a range (`from`, `to`) and `cron` must be set",
    ),
    "an exclusion that ends before it begins": (
        {"exclude": [{"from": "2027-01-02T00:00:00Z", "to": "2027-01-01T00:00:00Z"}], **TASK},
        "spec.exclude[0].to",
        "`to` must not be before `from`",
    ),
    "a pool for a job": ({"executor": "default", **JOB}, "spec.executor", "`executor` may be set only with `task`"),
    "a deadline for a job": (
        {"activeDeadlineSeconds": 60, **JOB},
        "spec.activeDeadlineSeconds",
        "`activeDeadlineSeconds` may be set only with `task`; a Job has `jobTemplate.spec.activeDeadlineSeconds`",
    ),
    "a pending time-out for a task": (
        {"pendingTimeoutSeconds": 60, **TASK},
        "spec.pendingTimeoutSeconds",
        "`pendingTimeoutSeconds` may be set only with `jobTemplate`",
    ),
    "a limit for what has none": (
        {"concurrencyPolicy": "Allow", "maxInstances": 2, **TASK},
        "spec.maxInstances",
        (
            "`maxInstances` may be set only where `concurrencyPolicy` is not 'Allow', which has no limit; 'Forbid', "
            "'Replace' and 'Queue' say what happens beyond it"
        ),
    ),
    "a member that ends before it starts": (
        {
            "trigger": {
                "anyOf": [CRON, {**CRON, "startTime": "2027-01-02T00:00:00Z", "endTime": "2027-01-01T00:00:00.5Z"}]
            },
            **TASK,
        },
        "spec.trigger.anyOf[1].endTime",
        "`endTime` must not be before `startTime`",
    ),
    "a queue that is not used": (
        {"maxQueued": 3, **TASK},
        "spec.maxQueued",
        "`maxQueued` may be set only where `concurrencyPolicy` is 'Queue'",
    ),
    "a catch-up of one": (
        {"maxCatchUpRuns": 3, "coalesce": "Latest", **TASK},
        "spec.maxCatchUpRuns",
        "`maxCatchUpRuns` may be set only where `coalesce` is 'All'",
    ),
}
"""By what is wrong: the spec, and where and in which words both Kalends and the API server refuse it."""

A_MOMENT = "RFC 3339 like '2027-01-01T00:00:00Z', or wall time like '2027-01-01T00:00:00' or '2027-01-01'"
A_SCHEDULE = "five fields (minute, hour, day of month, month, day of week) or a macro such as @daily or @every 90m"
WRONG_FORMS: dict[str, tuple[Json, str, str]] = {
    "a manager without a domain": (
        {"managedBy": "my-app", **TASK},
        "spec.managedBy",
        "must be a domain, a slash and a path, like 'example.com/my-app', got 'my-app'",
    ),
    "a manager without a path": (
        {"managedBy": "example.com/", **TASK},
        "spec.managedBy",
        "must be a domain, a slash and a path, like 'example.com/my-app', got 'example.com/'",
    ),
    "a date that is a word": (
        {"trigger": {"date": {"at": "tomorrow"}}, **TASK},
        "spec.trigger.date.at",
        f"must be {A_MOMENT}, got 'tomorrow'",
    ),
    "a date that no month has": (
        {"trigger": {"anyOf": [{"date": {"at": "2027-01-32"}}]}, **TASK},
        "spec.trigger.anyOf[0].date.at",
        f"must be {A_MOMENT}, got '2027-01-32'",
    ),
    "a start without digits": ({"startTime": "soon", **TASK}, "spec.startTime", f"must be {A_MOMENT}, got 'soon'"),
    "an end without a day": ({"endTime": "2027-01", **TASK}, "spec.endTime", f"must be {A_MOMENT}, got '2027-01'"),
    "a member's start in other words": (
        {"trigger": {"anyOf": [{"allOf": [{**CRON, "startTime": "1 May"}]}]}, **TASK},
        "spec.trigger.anyOf[0].allOf[0].startTime",
        f"must be {A_MOMENT}, got '1 May'",
    ),
    "an exclusion from a word": (
        {"exclude": [{"from": "Christmas"}], **TASK},
        "spec.exclude[0].from",
        f"must be {A_MOMENT}, got 'Christmas'",
    ),
    "an exclusion to an hour that no day has": (
        {"exclude": [{"to": "2027-01-01T24:00:00Z"}], **TASK},
        "spec.exclude[0].to",
        f"must be {A_MOMENT}, got '2027-01-01T24:00:00Z'",
    ),
    "a schedule of one field": ({"schedule": "99", **TASK}, "spec.schedule", f"must be {A_SCHEDULE}, got '99'"),
    "a schedule of four fields": (
        {"schedule": "0 2 * *", **TASK},
        "spec.schedule",
        f"must be {A_SCHEDULE}, got '0 2 * *'",
    ),
    "a schedule of six fields": (
        {"schedule": "0 0 2 * * *", **TASK},
        "spec.schedule",
        f"must be {A_SCHEDULE}, got '0 0 2 * * *'",
    ),
    "a schedule with a comment": (
        {"schedule": "0 2 * * * # nightly", **TASK},
        "spec.schedule",
        f"must be {A_SCHEDULE}, got '0 2 * * * # nightly'",
    ),
    "a schedule of a template": (
        {"schedule": "{{ .Values.schedule }} * * * *", **TASK},
        "spec.schedule",
        f"must be {A_SCHEDULE}, got '{{{{ .Values.schedule }}}} * * * *'",
    ),
    "a macro without its duration": (
        {"schedule": "@every", **TASK},
        "spec.schedule",
        f"must be {A_SCHEDULE}, got '@every'",
    ),
}
"""By what is wrong with a text: the spec, and where and in which words Kalends refuses it. The API server leaves out
what it got."""

WRONG_VALUES: dict[str, tuple[Json, str, str]] = {
    "more Jobs than may be kept": (
        {"successfulJobsHistoryLimit": 1001, **JOB},
        "spec.successfulJobsHistoryLimit",
        "must be an integer from 0 to 1000, got 1001",
    ),
    "a deadline beyond 64 bits": (
        {"startingDeadlineSeconds": 2**63, **TASK},
        "spec.startingDeadlineSeconds",
        "must be an integer from 0 to 9223372036854775807, got 9223372036854775808",
    ),
    "text for a number": (
        {"jitterSeconds": "30", **TASK},
        "spec.jitterSeconds",
        "must be an integer from 0 to 86400, got '30'",
    ),
    "a negative number": (
        {"startingDeadlineSeconds": -1, **TASK},
        "spec.startingDeadlineSeconds",
        "must be an integer from 0 to 9223372036854775807, got -1",
    ),
    "a truth value for a number": (
        {"maxRuns": True, **TASK},
        "spec.maxRuns",
        "must be an integer from 1 to 2147483647, got true",
    ),
    "a fraction": ({"maxInstances": 1.5, **TASK}, "spec.maxInstances", "must be an integer from 1 to 1000, got 1.5"),
    "text for a truth value": ({"suspend": "yes", **TASK}, "spec.suspend", "must be true or false, got 'yes'"),
    "a word that is no choice": (
        {"concurrencyPolicy": "Never", **TASK},
        "spec.concurrencyPolicy",
        "must be 'Forbid', 'Allow', 'Replace' or 'Queue', got 'Never'",
    ),
    "a choice in lower case": (
        {"daylightSaving": "literal", **TASK},
        "spec.daylightSaving",
        "must be 'Adjust' or 'Literal', got 'literal'",
    ),
    "a list for text": (
        {"schedule": ["@daily"], **TASK},
        "spec.schedule",
        "must be a string of 1 to 4096 characters, got a list",
    ),
    "an empty schedule": (
        {"schedule": "", **TASK},
        "spec.schedule",
        "must be a string of 1 to 4096 characters, got ''",
    ),
    "a schedule that is a book": (
        {"schedule": "*" * 4097, **TASK},
        "spec.schedule",
        "must be a string of 1 to 4096 characters, got 4097 characters",
    ),
    "text for an object": ({"trigger": "hourly", **TASK}, "spec.trigger", "must be an object, got 'hourly'"),
    "an object for a list": (
        {"exclude": {}, **TASK},
        "spec.exclude",
        "must be a list of at most 64 items, got an object",
    ),
    "too many exclusions": (
        {"exclude": [{"to": "2027-01-01"}] * 65, **TASK},
        "spec.exclude",
        "must be a list of at most 64 items, got 65 items",
    ),
    "no members": (
        {"trigger": {"anyOf": []}, **TASK},
        "spec.trigger.anyOf",
        "must be a list of 1 to 16 items, got 0 items",
    ),
    "a field that is neither": (
        {"trigger": {"cron": {"minute": 1.5}}, **TASK},
        "spec.trigger.cron.minute",
        "must be an integer from 0 to 9999 or a string of 1 to 256 characters, got 1.5",
    ),
    "an interval of ages": (
        {"trigger": {"interval": {"weeks": 10**9}}, **TASK},
        "spec.trigger.interval.weeks",
        "must be an integer from 0 to 5217, got 1000000000",
    ),
    "an hour that no day has": (
        {"trigger": {"calendarInterval": {"days": 1, "hour": 24}}, **TASK},
        "spec.trigger.calendarInterval.hour",
        "must be an integer from 0 to 23, got 24",
    ),
    "a day of the week in full": (
        {"trigger": {"calendarInterval": {"weeks": 1, "daysOfWeek": ["Tuesday"]}}, **TASK},
        "spec.trigger.calendarInterval.daysOfWeek[0]",
        "must be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun', got 'Tuesday'",
    ),
    "a date without an instant": ({"trigger": {"date": {}}, **TASK}, "spec.trigger.date.at", "must be set"),
    "a task without a name": ({"task": {"args": []}}, "spec.task.name", "must be set"),
    "a job without a spec": ({"jobTemplate": {}}, "spec.jobTemplate.spec", "must be set"),
    "a label that is a number": (
        {"jobTemplate": {"metadata": {"labels": {"tier": 1}}, "spec": {}}},
        "spec.jobTemplate.metadata.labels.tier",
        "must be a string of at most 63 characters, got 1",
    ),
    "a null among triggers": (
        {"trigger": {"anyOf": [None]}, **TASK},
        "spec.trigger.anyOf[0]",
        "must be an object, got nothing",
    ),
}
"""By what is wrong: the spec, and where and in which words Kalends refuses it. The API server has words of its own."""

UNKNOWN_FIELDS: dict[str, tuple[Json, str, str]] = {
    "a typing error": ({"shedule": "@daily", **TASK}, "spec.shedule", "is not a field; did you mean `schedule`?"),
    "snake case": ({"time_zone": "UTC", **TASK}, "spec.time_zone", "is not a field; did you mean `timeZone`?"),
    "a plural": (
        {"trigger": {"cron": {"minutes": 5, "hour": 1}}, **TASK},
        "spec.trigger.cron.minutes",
        "is not a field; did you mean `minute`?",
    ),
    "nothing like it": (
        {"retry": {"whenever": True}, **TASK},
        "spec.retry.whenever",
        "is not a field; there are `limit`, `backoffSeconds`, `factor`, `maxBackoffSeconds`, `onLost`",
    ),
    "nothing like many": ({"xyzzy": 1, **TASK}, "spec.xyzzy", "is not a field"),
    "a third level": (
        {"trigger": {"anyOf": [nested(2), CRON]}, **TASK},
        "spec.trigger.anyOf[0].anyOf[0].anyOf",
        "is not a field; there are `cron`, `interval`, `calendarInterval`, `date`, `timeZone`, `startTime`, `endTime`",
    ),
}
"""By what is wrong: the spec, and where and in which words Kalends refuses it in a manifest, but not in a cluster."""

PARTS: list[Json] = list(GOOD.values())
PARTS += [spec for table in (BROKEN_RULES, WRONG_VALUES) for spec, _, _ in table.values()]


def mixed(seed: int) -> Json:
    """A spec made of fields of the ones above, good or bad as it happens; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a test wants the same ones every time
    fields = [field for part in chance.sample(PARTS, 4) for field in part.items()]
    return dict(chance.sample(fields, min(len(fields), chance.randint(1, 6))))
