"""Who leads, and how the lead is handed over."""

import asyncio

import pytest

from kalends.errors import ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import LEASES
from kalends.kube.lease import KubernetesLease
from kalends.leases.election import LeaderElector
from kalends.leases.port import Timing
from kube.electing import LEASE, Replica, electing
from kube.fake_api import FakeApi
from kube.fake_clock import LoopClock
from kube.fake_faults import Fault, requests_to

pytestmark = pytest.mark.looptime


async def test_the_first_candidate_leads_and_continues_to_lead(replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        for _ in range(200):
            await asyncio.sleep(1)
            assert first.elector.is_leader()
    assert second.words == []
    assert first.words == ["started 1", "stopped"]


async def test_a_leader_that_stops_hands_over_within_seconds(client: ApiClient, replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        first.elector.stop()
        assert first.task is not None
        await first.task
        await asyncio.sleep(0.1)
        assert second.elector.is_leader()
    assert first.words == ["started 1", "stopped"]
    assert second.words[0] == "started 2"


async def test_a_standby_that_may_not_watch_takes_over_too(api: FakeApi, replicas: list[Replica]) -> None:
    first, second = replicas
    refused = Fault(lambda request: "watch" in request.params, client="second", status=403, times=None)
    async with electing(first, second):
        api.faults.append(refused)
        api.end_watches()
        await asyncio.sleep(20)
        first.elector.stop()
        await asyncio.sleep(2.5)
        assert second.elector.is_leader()
    assert api.count_of("GET", LEASE) < 20


async def test_a_leader_that_is_cancelled_hands_over_too(replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        assert first.task is not None
        first.task.cancel()
        await asyncio.sleep(2.5)
        assert second.elector.is_leader()


@pytest.mark.parametrize("exists", [False, True])
async def test_of_many_that_reach_for_a_lease_at_once_one_gets_it(
    api: FakeApi, client: ApiClient, *, exists: bool
) -> None:
    if exists:
        await client.create(LEASES.collection("kalends"), {"metadata": {"name": "kalends"}, "spec": {}})
    api.latency = lambda _: 0.5
    replicas = [Replica(api.connect(f"replica-{number}")) for number in range(5)]
    for replica in replicas:
        replica.start()
    await asyncio.sleep(1.5)
    assert sum(replica.elector.is_leader() for replica in replicas) == 1
    for replica in replicas:
        replica.elector.stop()
    await asyncio.wait([replica.task for replica in replicas if replica.task is not None])


async def test_a_deleted_lease_is_given_up(client: ApiClient, replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        await client.delete(LEASE)
        await asyncio.sleep(5)
        leaders = [replica for replica in replicas if replica.elector.is_leader()]
        assert len(leaders) == 1
        assert leaders[0].elector.epoch == 2
    assert "stopped" in first.words


async def test_a_labelled_lease_is_kept(client: ApiClient, replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        await client.merge_patch(LEASE, {"metadata": {"labels": {"team": "platform"}}})
        await asyncio.sleep(20)
        assert first.words == ["started 1"]


async def test_the_record_can_be_read_by_people(client: ApiClient, replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        await asyncio.sleep(1)
        spec = (await client.get(LEASE))["spec"]
        assert second.elector.holder == "first"
    assert spec == {
        "holderIdentity": "first",
        "leaseDurationSeconds": 15,
        "leaseTransitions": 1,
        "acquireTime": "2027-01-15T08:00:00.000000Z",
        "renewTime": "2027-01-15T08:00:02.000000Z",
    }


async def test_a_lease_is_released_only_by_its_holder(client: ApiClient, replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        assert second.task is not None
        second.elector.stop()
        await second.task
        assert (await client.get(LEASE))["spec"]["holderIdentity"] == "first"


async def test_a_release_that_cannot_be_written_takes_two_seconds_at_most(replicas: list[Replica]) -> None:
    first, _ = replicas
    async with electing(first):
        first.connection.cut()
        begun = asyncio.get_running_loop().time()
        first.elector.stop()
        assert first.task is not None
        await first.task
        assert asyncio.get_running_loop().time() - begun <= 2


@pytest.mark.parametrize(("duration", "deadline", "period"), [(10, 10, 2), (15, 2, 2), (15, 10, 0)])
def test_timing_that_proves_nothing_is_refused(duration: float, deadline: float, period: float) -> None:
    with pytest.raises(ValueError, match="lease_duration > renew_deadline > retry_period"):
        Timing(duration, deadline, period)


async def test_what_on_started_raises_ends_the_term(client: ApiClient, clock: LoopClock) -> None:
    def fail(_: int) -> None:
        raise ApiError(0, "Broken", "this replica cannot lead")

    lease = KubernetesLease(client, "kalends", "kalends", Timing())
    elector = LeaderElector(lease, identity="me", clock=clock, on_started=fail)
    with pytest.raises(ApiError, match="cannot lead"):
        await elector.run()
    assert not elector.is_leader()
    assert "holderIdentity" not in (await client.get(LEASE))["spec"]


async def test_a_namespace_that_is_not_there_is_complained_of(
    api: FakeApi, replicas: list[Replica], caplog: pytest.LogCaptureFixture
) -> None:
    api.faults.append(Fault(requests_to("POST"), status=404, reason="namespaces kalends not found", times=None))
    async with electing(replicas[0]):
        await asyncio.sleep(10)
    assert "namespaces kalends not found" in caplog.text
    assert replicas[0].words == []
