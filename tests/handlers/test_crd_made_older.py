"""A CRD that is replaced by an older one under an operator that leads: it stops, loses nothing, and continues."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from handlers.test_older_crd import EVERY_SECOND, install, older_crd, page
from handlers.whole import Cluster, Replica, running
from kalends.kube.client.paths import SCHEDULED_JOBS
from kalends.kube.wire.transport import Request
from kalends.model.crd.definition import crd_manifest
from kube.fake_faults import Fault, requests_to

pytestmark = pytest.mark.looptime
LACKING = ("coalesced", "queued")
NAMES = ("first", "second", "third")
SELDOM = {"trigger": {"interval": {"seconds": 3600}}, "task": {"name": "kalends.echo"}}


@dataclass
class World:
    """A cluster with an operator at work on schedules that fire each second."""

    cluster: Cluster
    replica: Replica

    def make_older(self, *lacking: str) -> None:
        lacking = lacking or LACKING
        install(self.cluster, older_crd(*lacking))
        self.cluster.api.objects.drops = frozenset(f"counts.{name}" for name in lacking)

    def repair(self) -> None:
        install(self.cluster, crd_manifest())
        self.cluster.api.objects.drops = frozenset()

    def writes(self) -> int:
        return self.cluster.api.count_of("PATCH", "/status")

    async def statuses(self) -> list[Any]:
        return [await self.cluster.status(name) for name in NAMES]

    async def assert_whole(self) -> None:
        for status in await self.statuses():
            counts = status["counts"]
            assert set(LACKING) <= set(counts)
            assert counts["lost"] == counts["failed"] == 0
            (ready,) = [one for one in status["conditions"] if one["type"] == "Ready"]
            assert (ready["status"], ready["reason"]) == ("True", "Armed"), ready


@asynccontextmanager
async def at_work(*, readable: bool = True) -> AsyncIterator[World]:
    cluster = Cluster()
    install(cluster, crd_manifest())
    if not readable:
        definition = requests_to("GET", "customresourcedefinitions")
        cluster.api.faults.append(Fault(definition, times=None, client="a", status=403, reason="Forbidden"))
    for name in NAMES:
        await cluster.apply(name, **EVERY_SECOND)
    replica = Replica(cluster, "a")
    async with running(replica):
        await asyncio.sleep(5)
        yield World(cluster, replica)


@pytest.mark.parametrize("readable", [True, False], ids=["the CRD may be read", "the CRD may not be read"])
async def test_nothing_is_decided_or_written_until_it_is_right_and_no_fire_time_is_lost(*, readable: bool) -> None:
    async with at_work(readable=readable) as world:
        world.make_older()
        await asyncio.sleep(2)
        problem = page(world.replica)["crd"]
        assert problem is not None
        assert "status.counts.coalesced" in problem
        assert b"kalends_crd_outdated 1.0" in world.replica.operator.metrics.page()
        started, history = len(world.replica.pool.started), len(world.cluster.api.objects.history)
        await asyncio.sleep(20)
        assert len(world.replica.pool.started) == started
        written = world.cluster.api.objects.history[history:]
        assert not [one for one in written if one.collection.plural == "scheduledjobs"]
        world.repair()
        await asyncio.sleep(25)
        assert page(world.replica)["crd"] is None
        assert b"kalends_crd_outdated 0.0" in world.replica.operator.metrics.page()
        await world.assert_whole()
        for status in await world.statuses():
            assert status["counts"]["due"] >= 45
            assert status["counts"]["coalesced"] >= 15


async def test_a_successor_finds_whole_records() -> None:
    async with at_work() as world:
        world.make_older()
        await asyncio.sleep(20)
        await world.replica.crash()
        successor = Replica(world.cluster, "b")
        async with running(successor):
            await asyncio.sleep(20)
            assert page(successor)["crd"] is not None
            assert not successor.pool.started
            world.repair()
            await asyncio.sleep(20)
            assert len(successor.pool.started) >= 3 * 5
            for status in await world.statuses():
                (ready,) = [one for one in status["conditions"] if one["type"] == "Ready"]
                assert ready["reason"] == "Armed", ready


async def test_a_record_that_another_writer_cuts_is_written_again() -> None:
    async with at_work() as world:
        world.make_older()
        await asyncio.sleep(3)
        for name in NAMES:
            path = SCHEDULED_JOBS.named("default", name)
            await world.cluster.request("PATCH", path, {"metadata": {"annotations": {"team": "payments"}}})
        await asyncio.sleep(10)
        world.repair()
        assert all("queued" not in status["counts"] for status in await world.statuses())
        await asyncio.sleep(25)
        await world.assert_whole()


async def test_an_upgrade_of_a_crd_that_fits_before_and_after_causes_no_resource_to_be_read_again() -> None:
    async with at_work() as world:
        newer = crd_manifest()
        status = newer["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
        status["properties"]["fieldOfALaterRelease"] = {"type": "string"}
        reads = world.cluster.api.count_of("GET", "/scheduledjobs/")
        install(world.cluster, newer)
        await asyncio.sleep(70)  # the generation is read once a minute
        assert world.cluster.api.count_of("GET", "/scheduledjobs/") == reads
        await world.assert_whole()


async def test_a_cut_record_is_not_believed_before_the_crd_has_been_looked_at() -> None:
    cluster = Cluster()
    install(cluster, crd_manifest())
    await cluster.apply("good", **SELDOM)
    replica = Replica(cluster, "a")
    async with running(replica):
        await asyncio.sleep(5)
        whole = await cluster.status("good")
        world = World(cluster, replica)
        world.make_older()
        path = SCHEDULED_JOBS.named("default", "good")
        await cluster.request("PATCH", path, {"metadata": {"annotations": {"team": "payments"}}})
        await asyncio.sleep(0.5)
        assert page(replica)["crd"] is not None
        world.repair()
        await asyncio.sleep(25)
        assert await cluster.status("good") == whole


async def test_what_a_user_removes_from_a_status_is_believed() -> None:
    cluster = Cluster()
    install(cluster, crd_manifest())
    await cluster.apply("good", **SELDOM)
    async with running(Replica(cluster, "a")):
        await asyncio.sleep(5)
        path = SCHEDULED_JOBS.named("default", "good", "status")
        await cluster.request("PATCH", path, {"status": {"counts": None}})
        await asyncio.sleep(5)
        status = await cluster.status("good")
        assert "counts" not in status or status["counts"]["due"] == 0


async def test_a_field_that_a_server_drops_without_a_word_is_noticed_in_its_answer() -> None:
    async with at_work(readable=False) as world:
        world.cluster.api.objects.is_strict = False
        world.make_older()
        await asyncio.sleep(10)
        assert page(world.replica)["crd"] is not None
        world.repair()
        await asyncio.sleep(25)
        await world.assert_whole()


async def test_a_standby_reads_everything_again_too() -> None:
    cluster = Cluster()
    install(cluster, crd_manifest())
    await cluster.apply("good", **EVERY_SECOND)
    election = {"leader_election": {"enabled": True, "namespace": "kalends-system"}}
    leader, standby = Replica(cluster, "a", election), Replica(cluster, "b", election)
    async with running(leader):
        await asyncio.sleep(5)
        async with running(standby):
            await asyncio.sleep(5)
            World(cluster, leader).make_older()
            await asyncio.sleep(65)  # a standby writes nothing: it looks once a minute
            assert all(page(one)["crd"] is not None for one in (leader, standby))
            World(cluster, leader).repair()
            await asyncio.sleep(20)
            assert all(page(one)["crd"] is None for one in (leader, standby))
            await leader.crash()
            await asyncio.sleep(40)
            counts = (await cluster.status("good"))["counts"]
            assert counts["due"] >= 75
            assert counts["started"] == counts["succeeded"] + counts["lost"] + counts["active"]


def forged(request: Request) -> bool:
    return request.method == "PATCH" and "first" in request.path


async def test_the_text_of_a_refusal_alone_stops_nothing() -> None:
    async with at_work() as world:
        reason = 'strict decoding error: unknown field "status.counts.queued"'
        world.cluster.api.faults.append(Fault(forged, times=None, client="a", status=422, reason=reason))
        await asyncio.sleep(20)
        assert page(world.replica)["crd"] is None
        status = await world.cluster.status("second")
        assert status["counts"]["succeeded"] >= 20
