"""An operator that is newer than its CRD decides nothing until that is replaced, and blames no user."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from handlers.whole import Cluster, Replica, running
from kalends.model.crd.definition import crd_manifest
from kube.fake_objects import Collection

pytestmark = pytest.mark.looptime
CRDS = Collection("apiextensions.k8s.io/v1", "customresourcedefinitions")
EVERY_SECOND = {"trigger": {"interval": {"seconds": 1}}, "task": {"name": "kalends.echo"}}


def older_crd(*lacking: str) -> dict[str, Any]:
    crd = copy.deepcopy(crd_manifest())
    status = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    for name in lacking:
        del status["properties"]["counts"]["properties"][name]
    return crd


def install(cluster: Cluster, crd: dict[str, Any]) -> None:
    name = crd["metadata"]["name"]
    try:
        cluster.api.objects.get(CRDS, "", name)
    except Exception:  # noqa: BLE001 - it is not there yet
        cluster.api.objects.create(CRDS, "", crd)
    else:
        cluster.api.objects.replace(CRDS, "", name, crd, None)


def page(replica: Replica) -> dict[str, str | None]:
    return {name: claim() for name, claim in replica.operator.health._ready.items()}


async def test_nothing_is_decided_with_an_older_crd_until_it_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster()
    install(cluster, older_crd("queued", "requested"))
    await cluster.apply("good", **EVERY_SECOND)
    replica = Replica(cluster, "a")
    async with running(replica):
        await asyncio.sleep(20)
        assert await cluster.status("good") == {}
        problem = page(replica)["crd"]
        assert problem is not None
        assert "it drops status.counts.queued, status.counts.requested" in problem
        assert sum("nothing is decided: the CRD is older" in one.message for one in caplog.records) == 1
        install(cluster, crd_manifest())
        await asyncio.sleep(20)
        assert (await cluster.status("good"))["counts"]["succeeded"] >= 10
        assert page(replica)["crd"] is None


async def test_a_crd_that_may_not_be_read_stops_nobody() -> None:
    cluster = Cluster()
    await cluster.apply("good", **EVERY_SECOND)
    async with running(Replica(cluster, "a")):
        await asyncio.sleep(10)
        assert (await cluster.status("good"))["counts"]["succeeded"] >= 8


async def test_a_status_that_is_not_served_is_not_taken_for_a_deletion(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster()
    await cluster.apply("good", **EVERY_SECOND)
    cluster.api.objects.serves_status = False
    async with running(Replica(cluster, "a")):
        await asyncio.sleep(10)
    told = [one.message for one in caplog.records if "good: not done" in one.message]
    assert all("the CRD has no status subresource" in one for one in told), told
    assert told
