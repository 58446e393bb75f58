"""Fifty ScheduledJobs of all kinds that fire every one to five seconds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from cluster.operator_process import job_template, scheduled_job

Json = dict[str, Any]


def work(mark: str = "v1", executor: str = "default", **kwargs: Any) -> Json:
    """Return the part of a spec that runs the ledger's task."""
    return {"task": {"name": "ledger.work", "kwargs": {"mark": mark, **kwargs}}, "executor": executor}


def job(mark: str = "v1", *, suspended: bool = False, keep: int = 1000, standin: dict[str, str] | None = None) -> Json:
    """Return the part of a spec that makes Jobs; by default they are all kept. The stand-in node does as it is told."""
    template = job_template(
        suspended=suspended, annotations={f"standin/{name}": text for name, text in (standin or {}).items()}
    )
    template["metadata"] = {"annotations": {"audit/mark": mark}}
    return {"jobTemplate": template, "successfulJobsHistoryLimit": keep, "failedJobsHistoryLimit": keep}


def every(seconds: int) -> Json:
    """Return an interval."""
    return {"trigger": {"interval": {"seconds": seconds}}}


def cron(second: str) -> Json:
    """Return a cron of seconds."""
    return {"trigger": {"cron": {"second": second}}}


TRIGGERS: tuple[Json, ...] = (
    every(1),
    cron("*/2"),
    every(3),
    {"trigger": {"anyOf": [{"cron": {"second": "*/4"}}, {"interval": {"seconds": 3}}]}},
    {"trigger": {"allOf": [{"cron": {"second": "*/2"}}, {"interval": {"seconds": 1}}]}},
    every(5),
    {**cron("*"), "exclude": [{"cron": {"second": "*/2"}}]},
    {**every(2), "jitterSeconds": 1},
)
"""From one fire time a second to one in five."""
TASKS: tuple[Json, ...] = (
    {},
    {"concurrencyPolicy": "Allow", "coalesce": "All"},
    {"startingDeadlineSeconds": 2},
    {"coalesce": "Earliest"},
    {"concurrencyPolicy": "Allow", "coalesce": "All", "startingDeadlineSeconds": 4},
    {"concurrencyPolicy": "Queue", "coalesce": "All", "maxQueued": 5},
    {"concurrencyPolicy": "Replace"},
    {"retry": {"limit": 2, "backoffSeconds": 1, "factor": 1, "onLost": True}},
    {"maxInstances": 2, "coalesce": "All"},
    {"concurrencyPolicy": "Queue", "startingDeadlineSeconds": 3, "maxInstances": 2},
    {"activeDeadlineSeconds": 1},
    {"retry": {"limit": 1, "backoffSeconds": 1}},
)
"""What may be decided about tasks."""
LENGTHS: tuple[Json, ...] = (
    {"seconds": 0.05},
    {"seconds": 0.4, "fail_every": 3},
    {"seconds": 1.6},
    {"seconds": 0.2, "good_attempt": 2},
)
"""How long they take, and how they end."""
JOBS: tuple[Json, ...] = (
    {"concurrencyPolicy": "Allow", "coalesce": "All"},
    {},
    {"startingDeadlineSeconds": 3},
    {"concurrencyPolicy": "Queue"},
    {"concurrencyPolicy": "Replace"},
    {"coalesce": "Earliest", "maxInstances": 2},
    {"retry": {"limit": 1, "backoffSeconds": 1}},
)
"""What may be decided about Jobs."""


def fleet(
    namespace: str, *, size: int = 50, jobs: int = 14, processes: int = 6, longest: float = math.inf
) -> list[Json]:
    """Return so many ScheduledJobs: first those that make Jobs, then those that run in processes, then in threads.

    No task takes longer than ``longest`` seconds.
    """
    tasks = _tasks(namespace, size - jobs, processes, longest)
    made: Iterator[Json] = itertools.chain(_jobs(namespace, jobs), tasks)
    return list(made)


def _jobs(namespace: str, count: int) -> Iterator[Json]:
    for n in range(count):
        policy = JOBS[n % len(JOBS)]
        fails = {"exit-code": "1"} if n % 5 == 4 or "retry" in policy else {}
        yield scheduled_job(
            f"job-{n}", namespace, **every(3 + n % 3), **policy, **job(keep=(1000, 2)[n % 2], standin=fails)
        )


def _tasks(namespace: str, count: int, processes: int, longest: float) -> Iterator[Json]:
    for n in range(count):
        executor = "processes" if n < processes else "default"
        # Three lists whose lengths share no factor with each other's: combinations do not repeat for a long time.
        trigger, policy, length = TRIGGERS[n % 7 if n % 5 else 7], TASKS[n % 12], LENGTHS[n * 7 // 5 % 4]
        at_most = min(longest, 0.4) if executor == "processes" else longest
        length = {**length, "seconds": min(length["seconds"], at_most)}
        yield scheduled_job(f"task-{n}", namespace, **trigger, **policy, **work("v1", executor, **length))
