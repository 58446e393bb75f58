"""A namespace that is being deleted, and stays so because of a finalizer: nothing can be created in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import pytest

from doubles import JOB, every
from handlers.whole import Cluster, Replica, running

pytestmark = pytest.mark.looptime

SPECS: Mapping[str, Mapping[str, object]] = {
    "creates": {"trigger": every(10), "jobTemplate": JOB, "concurrencyPolicy": "Allow"},
    "skips": {"trigger": every(10), "jobTemplate": JOB},
    "misses": {"trigger": every(10), "startingDeadlineSeconds": 1, "concurrencyPolicy": "Queue", "maxQueued": 1},
}
"""``creates`` has a new Job each time, ``skips`` a Job that never ends, ``misses`` a task that hangs: each fire time of
the last two is an Event and a line of the log."""


async def applied(cluster: Cluster) -> None:
    for name, spec in SPECS.items():
        await cluster.apply(name, **spec)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.INFO and "kalends" in one.name]


async def test_a_namespace_that_is_being_deleted_costs_one_line_and_no_requests(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = Cluster()
    replica = Replica(cluster, "a", seconds=None)
    await applied(cluster)
    async with running(replica):
        await asyncio.sleep(12)
        assert cluster.api.count_of("POST", "/jobs") > 0
        cluster.api.terminating.add("default")
        with caplog.at_level(logging.INFO):
            before = cluster.api.count_of("POST", "/namespaces/default/")
            await asyncio.sleep(30)
            tries = cluster.api.count_of("POST", "/namespaces/default/") - before
            assert tries <= 2 * len(SPECS)  # those that were on their way before the first answer
            known = [line for line in lines(caplog) if line.startswith("namespace default is being deleted")]
            assert len(known) == 1
            caplog.clear()
            await asyncio.sleep(1800)
            assert cluster.api.count_of("POST", "/namespaces/default/") - before == tries
            assert lines(caplog) == []


async def test_jobs_and_events_are_created_in_a_namespace_that_was_created_anew() -> None:
    cluster = Cluster()
    replica = Replica(cluster, "a", seconds=None)
    await applied(cluster)
    async with running(replica):
        await asyncio.sleep(35)
        cluster.api.terminating.add("default")
        await asyncio.sleep(60)
        for name in SPECS:
            await cluster.delete(name)
        await asyncio.sleep(5)
        cluster.api.terminating.clear()
        jobs, events = (cluster.api.count_of("POST", path) for path in ("/jobs", "/events"))
        await applied(cluster)
        await asyncio.sleep(35)
        assert cluster.api.count_of("POST", "/jobs") - jobs > len(SPECS)
        assert cluster.api.count_of("POST", "/events") - events > 0
