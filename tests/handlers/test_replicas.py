"""Two replicas over one API server in memory: one acts, the other is ready."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from doubles import JOB, every
from handlers.whole import Cluster, Replica, running, until
from kube.fake_faults import Fault, requests_to

pytestmark = pytest.mark.looptime

ELECTION = {"leader_election": {"enabled": True, "namespace": "kalends"}}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def first(cluster: Cluster) -> Replica:
    return Replica(cluster, "first", dict(ELECTION))


@pytest.fixture
async def second(cluster: Cluster) -> Replica:
    return Replica(cluster, "second", dict(ELECTION))


@asynccontextmanager
async def led_by(leader: Replica, standby: Replica, *, seconds: float) -> AsyncIterator[None]:
    """Let one replica lead, and the other stand by, for so many seconds; in the end the leader does not run."""
    async with running(leader):
        await asyncio.sleep(1)
        standby.start()
        await asyncio.sleep(seconds)
        yield


async def test_one_of_two_acts_and_both_are_ready(cluster: Cluster, first: Replica, second: Replica) -> None:
    await cluster.apply("task", trigger=every(10))
    async with running(first, second):
        await asyncio.sleep(45)
        assert sorted([len(first.pool.started), len(second.pool.started)]) == [0, 4]
        assert sorted([first.operator.leading.scheduling, second.operator.leading.scheduling]) == [False, True]
        assert first.operator.ready() is second.operator.ready() is None
    assert _counts(await cluster.status("task")) == {"due": 4, "started": 4, "succeeded": 4}


async def test_a_crash_is_followed_within_the_lease_and_what_it_cut_is_lost_once(
    cluster: Cluster, first: Replica, second: Replica
) -> None:
    first.pool.seconds = 8.0
    await cluster.apply("task", trigger=every(10))
    async with led_by(first, second, seconds=30.5):
        await first.crash()
        assert await until(lambda: second.operator.leading.scheduling) < 15.1
        await asyncio.sleep(30)
        await second.terminate()
    status = await cluster.status("task")
    assert status["counts"]["lost"] == 1
    assert status["counts"]["active"] == 0
    assert not _runs(first) & _runs(second)


async def test_a_leader_that_is_terminated_hands_over_immediately(
    cluster: Cluster, first: Replica, second: Replica
) -> None:
    first.pool.seconds = 8.0
    await cluster.apply("task", trigger=every(10))
    async with led_by(first, second, seconds=30.5):
        stopping = asyncio.create_task(first.terminate())
        await asyncio.sleep(6)
        assert second.pool.started == []
        await stopping
        assert await until(lambda: second.operator.leading.scheduling) < 0.5
        await asyncio.sleep(20)
    counts = _counts(await cluster.status("task"))
    assert "lost" not in counts
    assert counts["due"] == counts["started"] == 5


async def test_a_paused_leader_writes_nothing_when_it_continues(
    cluster: Cluster, first: Replica, second: Replica
) -> None:
    first.pool.seconds = None
    await cluster.apply("task", trigger=every(10))
    await cluster.apply("job", trigger=every(10), jobTemplate=JOB, concurrencyPolicy="Allow")
    async with led_by(first, second, seconds=24):
        first.connection.cut()
        await asyncio.sleep(40)
        first.clock.pause(40)
        before = len(cluster.api.requests)
        first.connection.repair()
        await asyncio.sleep(5)
        writes = [one for one in cluster.api.requests[before:] if one[0] == "first" and one[1] != "GET"]
        assert writes == []
        assert first.pool.cancelled == [run.name for run in first.pool.started]
        assert second.operator.leading.scheduling
    assert _counts(await cluster.status("task"))["lost"] == 1
    assert len({job["metadata"]["name"] for job in await cluster.jobs()}) == len(await cluster.jobs()) == 7


async def test_runs_continue_while_the_api_server_is_away_and_are_reported_afterwards(
    cluster: Cluster, first: Replica, second: Replica
) -> None:
    first.pool.seconds = 12.0
    await cluster.apply("task", trigger=every(30))
    async with led_by(first, second, seconds=29.5):
        for replica in (first, second):
            replica.connection.cut()
        await asyncio.sleep(20)
        assert not first.operator.leading.scheduling
        for replica in (first, second):
            replica.connection.repair()
        await asyncio.sleep(20)
        (leads,) = [replica for replica in (first, second) if is_scheduling(replica)]
    counts = _counts(await cluster.status("task"))
    assert counts["due"] == counts["started"]
    assert counts.get("succeeded", 0) >= (1 if leads is first else 0)
    assert counts.get("lost", 0) == (0 if leads is first else 1)


async def test_runs_are_stopped_once_another_operator_is_seen_to_lead(
    cluster: Cluster, first: Replica, second: Replica
) -> None:
    first.pool.seconds = None
    await cluster.apply("task", trigger=every(30))
    async with led_by(first, second, seconds=29.5):
        first.connection.cut()
        await asyncio.sleep(30)
        assert first.pool.cancelled == []
        assert second.operator.leading.scheduling
        first.connection.repair()
        await until(lambda: len(first.pool.cancelled) == 1, within=10)


async def test_a_leader_that_wakes_up_late_writes_nothing_before_it_has_noticed(
    cluster: Cluster, first: Replica
) -> None:
    await cluster.apply("job", trigger=every(1), jobTemplate=JOB, concurrencyPolicy="Allow")
    async with running(first):
        await asyncio.sleep(9.5)
        first.clock.pause(40)
        before = len(cluster.api.requests)
        await asyncio.sleep(3)
        writes = [path for _, verb, path in cluster.api.requests[before:] if verb != "GET"]
        assert "/leases/" in writes[0]
        assert first.operator.leading.scheduling


async def test_a_claim_whose_answer_comes_after_a_pause_is_not_started_then(cluster: Cluster, first: Replica) -> None:
    await cluster.apply("task", trigger=every(20))
    async with running(first):
        await asyncio.sleep(19)
        cluster.api.faults.append(Fault(requests_to("PATCH", "/status"), client="first", late_by=1.5))
        await asyncio.sleep(2)
        assert (await cluster.status("task"))["counts"]["active"] == 1
        first.clock.pause(12)
        await asyncio.sleep(0.6)
        assert first.pool.started == []
        await asyncio.sleep(3)  # it leads again: the claim is still its own
        assert len(first.pool.started) == 1
    assert "lost" not in _counts(await cluster.status("task"))


async def test_a_standby_whose_watches_were_silent_makes_no_job_again(
    cluster: Cluster, first: Replica, second: Replica
) -> None:
    await cluster.apply("job", trigger=every(20), jobTemplate=JOB, successfulJobsHistoryLimit=0)
    async with led_by(first, second, seconds=3):
        hang = Fault(lambda request: "watch" in request.params, client="second", delay=float("inf"), times=None)
        cluster.api.faults.append(hang)
        cluster.api.end_watches()
        made: set[str] = set()
        for _ in range(80):
            for job in await cluster.jobs():
                made.add(job["metadata"]["name"])
                await cluster.complete(job)
            await asyncio.sleep(0.5)
        await first.terminate()
        assert await until(lambda: second.operator.leading.scheduling, within=20) < 3
        await asyncio.sleep(1)
        assert len(made) == 2
        assert [one for one in cluster.api.requests if one[0] == "second" and one[1] == "POST"] == []


def is_scheduling(replica: Replica) -> bool:
    return replica.operator.leading.scheduling


@pytest.mark.parametrize("times", [6, pytest.param(50, marks=pytest.mark.slow)])
async def test_the_lead_changes_hands_many_times_and_each_fire_time_has_one_run(cluster: Cluster, times: int) -> None:
    await cluster.apply("task", trigger=every(7), concurrencyPolicy="Queue", maxQueued=100, coalesce="All")
    await cluster.apply("job", trigger=every(11), jobTemplate=JOB, concurrencyPolicy="Allow")
    ran: list[str] = []
    leader = Replica(cluster, "0", dict(ELECTION))
    leader.start()
    for number in range(1, times + 1):
        await until(partial(is_scheduling, leader))
        standby = Replica(cluster, str(number), dict(ELECTION))
        standby.start()
        await asyncio.sleep(1 + number / 7)
        await (leader.terminate() if number % 3 else leader.crash())
        ran += [run.name for run in leader.pool.started]
        leader = standby
    await asyncio.sleep(60)
    await leader.terminate()
    ran += [run.name for run in leader.pool.started]
    counts = (await cluster.status("task"))["counts"]
    assert len(ran) == len(set(ran))
    assert counts["due"] == counts["started"] + counts["missed"] + counts["coalesced"] + counts["skipped"]
    assert len(ran) <= counts["started"] <= len(ran) + counts["lost"]
    assert counts["started"] > times
    jobs = await cluster.jobs()
    assert len(jobs) == (await cluster.status("job"))["counts"]["started"] > times * 0.6


def _runs(replica: Replica) -> set[str]:
    return {run.name for run in replica.pool.started}


def _counts(status: Any) -> dict[str, int]:
    return {name: count for name, count in status["counts"].items() if count}
