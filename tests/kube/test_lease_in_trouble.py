"""Leases through outages, pauses, late answers and clocks that are set: never two leaders, and soon one again."""

import asyncio
import math
from collections.abc import Iterator
from typing import Any

import pytest

from kalends.kube.client.client import ApiClient
from kube.electing import LEASE, Replica, electing
from kube.fake_api import FakeApi
from kube.fake_faults import Fault, requests_to

pytestmark = pytest.mark.looptime


async def test_a_leader_that_crashed_is_followed_when_its_lease_has_lapsed(replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        await asyncio.sleep(20)
        crashed_at = asyncio.get_running_loop().time()
        await first.crash()
        await asyncio.sleep(60)
        took_over_at, word = second.events[0]
    assert word == "started 2"
    assert 13 <= took_over_at - crashed_at <= 15.1


async def test_a_leader_without_an_api_server_gives_up_by_the_renew_deadline(replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        await asyncio.sleep(20)
        cut_at = asyncio.get_running_loop().time()
        first.connection.cut()
        await asyncio.sleep(10)
        assert not first.elector.is_leader()
        assert first.words == ["started 1", "stopped"]
        assert second.words == []
        await asyncio.sleep(10)
        assert second.elector.is_leader()
        stopped_at, _ = first.events[1]
        assert stopped_at - cut_at <= 10


async def test_a_leader_that_was_cut_off_competes_again(replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        first.connection.cut()
        await asyncio.sleep(30)
        first.connection.repair()
        await second.crash()
        await asyncio.sleep(30)
        assert first.elector.is_leader()
    assert first.words[:3] == ["started 1", "stopped", "started 3"]
    assert first.successors == ["second"]


async def test_a_term_without_a_following_term_has_no_successor(replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        second.connection.cut()
        first.connection.cut()
        await asyncio.sleep(30)
        first.connection.repair()
        await asyncio.sleep(3)
        assert first.elector.is_leader()
    assert first.words[:3] == ["started 1", "stopped", "started 2"]
    assert first.successors == []


@pytest.mark.parametrize("seconds", [15, 20, 61])
async def test_after_an_outage_for_all_the_last_leader_leads_again(replicas: list[Replica], seconds: float) -> None:
    first, second = replicas
    async with electing(first, second):
        for replica in replicas:
            replica.connection.cut()
        await asyncio.sleep(seconds)
        second.connection.repair()
        await asyncio.sleep(1)
        first.connection.repair()
        await asyncio.sleep(10)
        assert first.elector.is_leader()
    assert second.words == []
    assert first.successors == []


async def test_after_an_outage_that_the_last_leader_did_not_survive_another_one_leads_soon(
    replicas: list[Replica],
) -> None:
    first, second = replicas
    async with electing(first, second):
        await first.crash()
        second.connection.cut()
        await asyncio.sleep(60)
        second.connection.repair()
        await asyncio.sleep(9)
        assert second.elector.is_leader()


async def test_a_successor_that_stopped_again_is_noticed(replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        first.connection.cut()
        await asyncio.sleep(30)
        second.elector.stop()
        assert second.task is not None
        await second.task
        first.connection.repair()
        await asyncio.sleep(3)
        assert first.elector.is_leader()
    assert first.words[:3] == ["started 1", "stopped", "started 3"]
    assert len(first.successors) == 1


@pytest.mark.parametrize("fault", [Fault(status=500), Fault(lost="request"), Fault(lost="answer"), Fault(status=429)])
async def test_one_failure_does_not_cost_the_lease(api: FakeApi, replicas: list[Replica], fault: Fault) -> None:
    first, second = replicas
    fault.client = "first"
    async with electing(first, second):
        api.faults.append(fault)
        await asyncio.sleep(60)
        assert fault.times == 0
        assert first.words == ["started 1"]


async def test_a_request_that_hangs_does_not_cost_the_lease(api: FakeApi, replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        api.faults.append(Fault(requests_to("PATCH"), client="first", delay=math.inf))
        await asyncio.sleep(60)
        assert first.words == ["started 1"]


@pytest.mark.parametrize("leap", ["pause", "step"])
async def test_a_process_that_was_paused_does_not_act(replicas: list[Replica], leap: str) -> None:
    first, second = replicas
    async with electing(first, second):
        await asyncio.sleep(5)
        getattr(first.clock, leap)(11)
        assert not first.elector.is_leader()
        await asyncio.sleep(3)
        assert first.words == ["started 1", "stopped", "started 2"]


async def test_a_wall_clock_put_back_changes_nothing(replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        first.clock.step(-3600)
        second.clock.step(86400)
        await asyncio.sleep(100)
        assert first.elector.is_leader()
        assert second.words == []


async def test_a_renewal_that_arrives_late_does_not_take_the_lease_back(
    api: FakeApi, client: ApiClient, replicas: list[Replica]
) -> None:
    first, second = replicas
    async with electing(first, second):
        api.faults.append(Fault(requests_to("PATCH"), client="first", delay=25, times=None))
        await asyncio.sleep(60)
        assert second.elector.is_leader()
        assert (await client.get(LEASE))["spec"]["holderIdentity"] == "second"
    assert first.words == ["started 1", "stopped"]


async def test_a_lease_that_was_taken_long_before_the_answer_came_is_not_taken_from_a_successor(
    api: FakeApi, client: ApiClient, replicas: list[Replica]
) -> None:
    first, second = replicas
    api.faults.append(Fault(requests_to("POST"), client="first", late_by=3.9))
    async with electing(first, second):
        first.clock.pause(12)  # the world went on while its answer was on the way
        second.clock.pause(9)
        await asyncio.sleep(2)
        second.clock.pause(3)
        await asyncio.sleep(30)
        assert second.elector.is_leader()
        assert (await client.get(LEASE))["spec"]["holderIdentity"] == "second"
    assert "started 1" not in first.words


@pytest.mark.parametrize("times", [100, pytest.param(400, marks=pytest.mark.slow)])
async def test_no_mixture_of_trouble_makes_two_leaders(api: FakeApi, times: int) -> None:
    replicas = [Replica(api.connect(f"replica-{number}")) for number in range(3)]
    trouble = _trouble(api, replicas)
    async with electing(*replicas):
        for _ in range(times):
            next(trouble)
            await asyncio.sleep(3)
        for replica in replicas:
            replica.connection.repair()
        api.faults.clear()
        await asyncio.sleep(40)
        assert sum(replica.elector.is_leader() for replica in replicas) == 1
    epochs = sorted((at, int(word.split()[1])) for replica in replicas for at, word in replica.events if " " in word)
    assert [epoch for _, epoch in epochs] == sorted({epoch for _, epoch in epochs})
    assert len(epochs) > 3


def _trouble(api: FakeApi, replicas: list[Replica]) -> Iterator[None]:
    random = api.objects.random
    while True:
        replica = random.choice(replicas)
        faults: list[dict[str, Any]] = [{"status": 500}, {"lost": "answer"}, {"lost": "request"}, {"late_by": 6.0}]
        match random.randrange(6):
            case 0:
                replica.connection.cut()
            case 1 | 2:
                replica.connection.repair()
            case 3 if replica.elector.is_leader():  # in a paused standby the world's time passes, too: that is a cut
                replica.clock.pause(random.uniform(0, 20))
            case _:
                times = random.randrange(1, 4)
                api.faults.append(Fault(client=replica.connection.client, times=times, **random.choice(faults)))
        yield


async def test_an_api_server_that_refuses_is_complained_of_once(
    api: FakeApi, replicas: list[Replica], caplog: pytest.LogCaptureFixture
) -> None:
    api.faults.append(Fault(status=403, reason="Forbidden", times=None))
    async with electing(replicas[0]):
        await asyncio.sleep(100)
    assert caplog.text.count("could not be read") == 1
