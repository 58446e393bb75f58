"""Two operators, each with a Lease, that watch the same ScheduledJobs: one decides, and neither harms the other."""

import asyncio
from typing import Any

import pytest

from doubles import JOB, every
from handlers.whole import Cluster, Replica, running, until
from kalends.kube.client.paths import LEASES, SCHEDULED_JOBS
from kube.fake_faults import Fault, requests_to

pytestmark = pytest.mark.looptime


def election(namespace: str, **more: Any) -> dict[str, Any]:
    return {"leader_election": {"enabled": True, "namespace": namespace, **more}}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def prod(cluster: Cluster) -> Replica:
    return Replica(cluster, "prod", election("prod"), seconds=2.0)


@pytest.fixture
async def staging(cluster: Cluster) -> Replica:
    return Replica(cluster, "staging", election("staging"), seconds=2.0)


def total(*statuses: Any) -> dict[str, int]:
    names = sorted({name for status in statuses for name in status["counts"]})
    sums = {name: sum(status["counts"][name] for status in statuses) for name in names}
    return {name: count for name, count in sums.items() if count}


def other_operator(status: Any) -> Any:
    return next((one for one in status["conditions"] if one["type"] == "OtherOperator"), None)


async def test_two_operators_that_start_together_lose_nothing_and_run_nothing_twice(
    cluster: Cluster, prod: Replica, staging: Replica
) -> None:
    names = [f"task-{n}" for n in range(6)]
    for name in names:
        await cluster.apply(name, trigger=every(4))
    await cluster.apply("job", trigger=every(4), jobTemplate=JOB, concurrencyPolicy="Allow", maxInstances=100)
    async with running(prod, staging):
        await asyncio.sleep(43)
        statuses = [await cluster.status(name) for name in names]
        job = await cluster.status("job")
    assert {status["operator"] for status in [*statuses, job]} <= {"prod/kalends", "staging/kalends"}
    counted = total(*statuses)
    assert counted["due"] == counted["started"] == counted["succeeded"] + counted.get("active", 0) >= 54
    started = [run.name for replica in (prod, staging) for run in replica.pool.started]
    assert len(started) == len(set(started)) == counted["started"]
    jobs = [one["metadata"]["name"] for one in await cluster.jobs()]
    assert len(jobs) == len(set(jobs)) == job["counts"]["started"] == job["counts"]["due"]


async def test_both_say_what_is_wrong_and_then_write_no_more(cluster: Cluster, prod: Replica, staging: Replica) -> None:
    await cluster.apply("task", schedule="0 0 1 1 *")
    async with running(prod):
        await asyncio.sleep(5)
        assert "operator" in await cluster.status("task")
        staging.start()
        await asyncio.sleep(30)
        condition = other_operator(await cluster.status("task"))
        assert condition["status"] == "True"
        assert "prod/kalends decides" in condition["message"]
        assert "staging/kalends watches" in condition["message"]
        for replica in (prod, staging):
            assert b"kalends_foreign_holders 1.0" in replica.operator.metrics.page()
        events = [one for one in await _events(cluster) if one["reason"] == "OtherOperator"]
        assert {one["reportingInstance"] for one in events} == {"prod", "staging"}
        before = len(cluster.api.requests)
        await asyncio.sleep(300)
        writes = [one for one in cluster.api.requests[before:] if one[1] != "GET" and "leases" not in str(one)]
        assert writes == []


async def test_an_operator_takes_over_when_the_other_one_has_been_gone_for_long_enough(
    cluster: Cluster, prod: Replica, staging: Replica
) -> None:
    await cluster.apply("task", trigger=every(10))
    await cluster.apply("resting", schedule="0 0 1 1 *")
    async with running(prod):
        await asyncio.sleep(15)
        staging.start()
        await asyncio.sleep(30)
        assert staging.pool.started == []
        await prod.terminate()
        await asyncio.sleep(100)
        assert staging.pool.started == []
        await until(lambda: bool(staging.pool.started), within=60)
        await asyncio.sleep(30)
        task, resting = await cluster.status("task"), await cluster.status("resting")
        await staging.terminate()
    assert task["operator"] == resting["operator"] == "staging/kalends"
    assert other_operator(task) is other_operator(resting) is None
    assert "otherOperator" not in task
    assert "lost" not in total(task)


async def test_what_a_crashed_operator_ran_is_lost_only_when_it_is_known_to_be_gone(
    cluster: Cluster, prod: Replica, staging: Replica
) -> None:
    prod.pool.seconds = None
    await cluster.apply("task", trigger=every(3600))
    async with running(prod):
        await asyncio.sleep(10)
        await cluster.request("PATCH", SCHEDULED_JOBS.named("default", "task"), _asked("now"))
        await asyncio.sleep(1)
        assert total(await cluster.status("task"))["active"] == 1
        staging.start()
        await asyncio.sleep(10)
        await prod.crash()
        await asyncio.sleep(100)
        assert "lost" not in total(await cluster.status("task"))
        await asyncio.sleep(60)
        status = await cluster.status("task")
        await staging.terminate()
    assert total(status)["lost"] == 1
    assert status["history"][0]["reason"] == "HolderGone"
    assert "prod/kalends/prod" in status["history"][0]["message"]


async def test_an_operator_that_was_taken_for_gone_stops_what_it_runs_and_decides_no_more(
    cluster: Cluster, prod: Replica, staging: Replica
) -> None:
    prod.pool.seconds = None
    await cluster.apply("task", trigger=every(30))
    async with running(prod):
        await asyncio.sleep(31)
        staging.start()
        await asyncio.sleep(5)
        prod.connection.cut()
        await asyncio.sleep(160)
        assert (await cluster.status("task"))["operator"] == "staging/kalends"
        prod.connection.repair()
        await asyncio.sleep(40)
        assert prod.pool.cancelled == [prod.pool.started[0].name]
        assert len(prod.pool.started) == 1
        status = await cluster.status("task")
        await staging.terminate()
    assert total(status)["lost"] == 1
    assert status["operator"] == "staging/kalends"


async def test_a_lease_that_may_not_be_read_leaves_its_resources_alone_unless_it_is_replaced(cluster: Cluster) -> None:
    prod = Replica(cluster, "prod", election("prod"))
    staging = Replica(cluster, "staging", election("staging"))
    heir = Replica(cluster, "heir", election("heir", replaces=["prod/kalends"]))
    forbidden = Fault(requests_to("GET", LEASES.named("prod", "kalends")), times=None, status=403)
    await cluster.apply("task", trigger=every(10))
    async with running(prod):
        await asyncio.sleep(15)
        await prod.terminate()
        cluster.api.faults.append(forbidden)
        staging.start()
        await asyncio.sleep(300)
        assert staging.pool.started == []
        await staging.terminate()
        heir.start()
        await asyncio.sleep(30)
        assert heir.pool.started
        assert (await cluster.status("task"))["operator"] == "heir/kalends"
        await heir.terminate()


def _asked(token: str) -> Any:
    return {"metadata": {"annotations": {"kalends.dev/run-requested": token}}}


async def _events(cluster: Cluster) -> list[Any]:
    return list((await cluster.request("GET", "/apis/events.k8s.io/v1/namespaces/default/events"))["items"])
