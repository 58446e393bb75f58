import asyncio
from typing import Any

import pytest

from doubles import JOB, every
from handlers.whole import Cluster, Replica, running
from kalends.handlers import resources
from kalends.handlers.health_server import Page
from kalends.stores.objects import read_object
from kube.fake_faults import Fault, requests_to

pytestmark = pytest.mark.looptime


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


async def test_a_whole_operator_runs_in_made_surroundings(cluster: Cluster) -> None:
    await cluster.apply("task", trigger=every(10))
    await cluster.apply("job", trigger=every(10), jobTemplate=JOB)
    replica = Replica(cluster, "a")
    async with running(replica):
        await asyncio.sleep(35)
        await cluster.apply("later", trigger=every(5))
        await asyncio.sleep(12)
        assert _counts(await cluster.status("task"), "due", "succeeded") == [4, 4]
        assert _counts(await cluster.status("later"), "due", "succeeded") == [2, 2]
        assert len(await cluster.jobs()) == 1  # the others found it unfinished
        await replica.terminate()
    assert [run.ref.name for run in replica.pool.started].count("task") == 4


def _counts(status: Any, *names: str) -> list[int]:
    return [status["counts"].get(name, 0) for name in names]


async def test_an_object_that_cannot_be_shown_prevents_no_operator_from_leading(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.apply("good", trigger=every(10))
    await cluster.apply("bad", trigger=every(10))
    replica = Replica(cluster, "a", {"leader_election": {"enabled": True, "namespace": "kalends"}})

    def fail(obj: Any) -> Any:
        if obj["metadata"]["name"] == "bad":
            raise KeyError("nobody expected this")
        return read_object(obj)

    monkeypatch.setattr(resources, "read_object", fail)
    async with running(replica):
        await asyncio.sleep(25)
        assert _counts(await cluster.status("good"), "due", "succeeded") == [2, 2]


@pytest.mark.parametrize(
    ("path", "resource"),
    [("/batch/v1/jobs", "jobs.batch"), ("/pods", "pods"), ("/kalends.dev/", "scheduledjobs.kalends.dev")],
)
async def test_what_may_not_be_listed_is_named_by_readyz(cluster: Cluster, path: str, resource: str) -> None:
    refusing = Fault(requests_to("GET", path), client="a", status=403, reason="Forbidden", times=None)
    cluster.api.faults.append(refusing)
    replica = Replica(cluster, "a")
    async with running(replica):
        await asyncio.sleep(5)
        page = replica.operator.health.page("/readyz")
        assert page is not None
        assert (page.status, page.body.decode().partition(" (")[0]) == (503, f"[-] listed: {resource}: 403 Forbidden")
        refusing.times = 0
        await asyncio.sleep(60)
        assert replica.operator.health.page("/readyz") == Page(b"[+] listed ok\n[+] crd ok\n")


def readyz(replica: Replica, query: str = "") -> tuple[int, list[str]]:
    page = replica.operator.health.page(f"/readyz{query}")
    assert page is not None
    return page.status, page.body.decode().splitlines()


async def test_readyz_names_why_the_api_server_cannot_be_reached_from_the_first_attempt_on(cluster: Cluster) -> None:
    unreachable = Fault(lambda _: True, client="a", lost="request", times=None)
    cluster.api.faults.append(unreachable)
    replica = Replica(cluster, "a")
    async with running(replica):
        await asyncio.sleep(2)
        status, lines = readyz(replica)
        assert status == 503
        assert lines[0].startswith("[-] listed: the API server does not answer: Unreachable: ")
        await asyncio.sleep(120)
        status, lines = readyz(replica)
        assert status == 503
        assert lines[0].startswith("[-] listed: scheduledjobs.kalends.dev: Unreachable: ")
        unreachable.times = 0
        await asyncio.sleep(60)
        assert readyz(replica) == (200, ["[+] listed ok", "[+] crd ok"])
        assert readyz(replica, "?verbose")[1] == [
            "[+] listed ok",
            "[+] crd ok",
            "[+] api-server ok",
            "[+] reads ok",
        ]


@pytest.mark.parametrize("query", ["", "?verbose", "?verbose=true&x"])
async def test_a_replica_that_loses_the_api_server_stays_ready_and_says_why_it_does_nothing(
    cluster: Cluster, query: str
) -> None:
    replica = Replica(cluster, "a")
    async with running(replica):
        await asyncio.sleep(5)
        cluster.api.faults.append(Fault(lambda _: True, client="a", lost="request", times=None))
        cluster.api.end_watches()
        await asyncio.sleep(30)
        status, lines = readyz(replica, query)
        assert status == 200
        assert [line for line in lines if line.startswith("[!] api-server: Unreachable: ")]


async def test_readyz_shows_a_list_that_fails_for_a_moment_and_does_not_fail_for_it(cluster: Cluster) -> None:
    replica = Replica(cluster, "a")
    async with running(replica):
        await asyncio.sleep(5)
        cluster.api.faults.append(
            Fault(requests_to("GET", "/pods"), client="a", status=400, reason="BadRequest", times=None)
        )
        cluster.api.end_watches()
        await asyncio.sleep(5)
        status, lines = readyz(replica)
        assert status == 200
        assert [line.partition(" (")[0] for line in lines if line.startswith("[!]")] == [
            "[!] reads: pods: 400 BadRequest"
        ]


async def test_a_permission_that_is_taken_away_later_is_named_too(cluster: Cluster) -> None:
    replica = Replica(cluster, "a")
    async with running(replica):
        await asyncio.sleep(5)
        assert replica.operator.ready() is None
        cluster.api.faults.append(Fault(requests_to("GET", "/pods"), client="a", status=503, times=1))
        cluster.api.end_watches()
        await asyncio.sleep(0.05)
        assert replica.operator.ready() is None
        cluster.api.faults.append(Fault(requests_to("GET", "/pods"), client="a", status=403, times=None))
        cluster.api.end_watches()
        await asyncio.sleep(5)
        assert str(replica.operator.ready()).startswith("pods: 403")
