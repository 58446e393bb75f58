"""An operator that is newer than its CRD decides nothing until that is replaced, and blames no user."""

from __future__ import annotations

import asyncio
import copy
import re
from typing import Any

import pytest

from handlers.whole import Cluster, Replica, running
from kalends.kube.client.paths import SCHEDULED_JOBS
from kalends.kube.wire.transport import METADATA_ONLY, Request
from kalends.model.crd.definition import crd_manifest
from kube.fake_faults import Fault, requests_to
from kube.fake_objects import Collection
from narrowing import present

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
    """Return what /readyz shows of each claim: None, or why it fails."""
    shown = present(replica.operator.health.page("/readyz")).body.decode().splitlines()
    claims = [re.fullmatch(r"\[[+-]\] (\S+)(?: ok|: (.*))", line) for line in shown]
    return {present(claim)[1]: present(claim)[2] for claim in claims}


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


async def test_a_crd_that_may_not_be_read_stops_no_operator() -> None:
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
    logged = [one.message for one in caplog.records if "good: not done" in one.message]
    assert all("the CRD has no status subresource" in one for one in logged), logged
    assert logged


LACKING = frozenset({"handledRequests", "counts.queued"})
GET_CRD = requests_to("GET", "customresourcedefinitions")
ASK_FOR_FIELDS = requests_to("PATCH", "/status")


def list_scheduled_jobs(request: Request) -> bool:
    is_whole = METADATA_ONLY not in (request.accept or "")
    return request.method == "GET" and request.path.endswith("/scheduledjobs") and is_whole


async def cluster_with_handled_request() -> Cluster:
    """Return a cluster whose CRD fits, with a request that the record of its ScheduledJob names as handled."""
    cluster = Cluster()
    install(cluster, crd_manifest())
    await cluster.apply("asked", trigger={"interval": {"seconds": 3600}})
    path = SCHEDULED_JOBS.named("default", "asked")
    await cluster.request("PATCH", path, {"metadata": {"annotations": {"kalends.dev/run-requested": "ticket-4711"}}})
    async with running(Replica(cluster, "first")):
        await asyncio.sleep(5)
    assert (await cluster.status("asked"))["handledRequests"] == ["ticket-4711"]
    return cluster


async def assert_not_run_again(cluster: Cluster, successor: Replica) -> None:
    assert page(successor)["crd"] is None
    assert not successor.pool.started
    status = await cluster.status("asked")
    assert status["handledRequests"] == ["ticket-4711"]
    (ready,) = [one for one in status["conditions"] if one["type"] == "Ready"]
    assert ready["reason"] == "Armed"


@pytest.mark.parametrize("readable", [True, False], ids=["the CRD may be read", "the CRD may not be read"])
async def test_records_that_an_older_crd_cut_are_read_again_if_it_is_replaced_during_the_start(
    *, readable: bool
) -> None:
    cluster = await cluster_with_handled_request()
    install(cluster, older_crd("queued"))
    cluster.api.objects.drops = LACKING

    def replace_crd_before(request: Request) -> bool:
        if cluster.api.objects.drops and (GET_CRD if readable else ASK_FOR_FIELDS)(request):
            install(cluster, crd_manifest())
            cluster.api.objects.drops = frozenset()
        return False

    cluster.api.faults.append(Fault(replace_crd_before, client="second"))
    if not readable:
        cluster.api.faults.append(Fault(GET_CRD, times=None, client="second", status=403, reason="Forbidden"))
    successor = Replica(cluster, "second")
    async with running(successor):
        await asyncio.sleep(30)
        await assert_not_run_again(cluster, successor)


async def test_records_are_read_again_if_the_crd_was_older_between_two_looks() -> None:
    cluster = await cluster_with_handled_request()
    looks: list[Request] = []

    def make_older_between_two_looks(request: Request) -> bool:
        if GET_CRD(request):
            looks.append(request)
        if len(looks) == 1 and list_scheduled_jobs(request):
            install(cluster, older_crd("queued"))
            cluster.api.objects.drops = LACKING
        elif len(looks) > 1 and cluster.api.objects.drops:
            install(cluster, crd_manifest())
            cluster.api.objects.drops = frozenset()
        return False

    cluster.api.faults.append(Fault(make_older_between_two_looks, client="second"))
    successor = Replica(cluster, "second")
    async with running(successor):
        await asyncio.sleep(30)
        await assert_not_run_again(cluster, successor)
    assert len(looks) > 1
