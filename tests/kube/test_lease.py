import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from kalends.errors import ApiError
from kalends.kube.client import ApiClient
from kalends.kube.lease import LeaderElector
from kalends.kube.lease_object import Timing
from kalends.kube.paths import LEASES
from kube.fake_api import FakeApi, FakeConnection
from kube.fake_clock import LoopClock
from kube.fake_faults import Fault, requests_to

pytestmark = pytest.mark.looptime

LEASE = LEASES.named("kalends", "kalends")


@dataclass
class Replica:
    """One process: its own clock, its own connection, and what it was told."""

    connection: FakeConnection
    clock: LoopClock = field(default_factory=LoopClock)
    told: list[tuple[float, str]] = field(default_factory=list)
    successors: list[str | None] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.elector = LeaderElector(
            ApiClient(self.connection, self.clock, chance=lambda: 0.5),
            namespace="kalends",
            name="kalends",
            identity=self.connection.client,
            clock=self.clock,
            on_started=lambda epoch: self._tell(f"started {epoch}"),
            on_stopped=lambda: self._tell("stopped"),
            on_superseded=lambda: self.successors.append(self.elector.holder),
            chance=lambda: 0.5,
        )

    def start(self) -> None:
        self.task = asyncio.create_task(self.elector.run())

    async def crash(self) -> None:
        """End without another word to anybody."""
        self.connection.cut()
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])

    @property
    def words(self) -> list[str]:
        return [word for _, word in self.told]

    def _tell(self, word: str) -> None:
        assert self.elector.is_leader() is word.startswith("started")
        self.told.append((asyncio.get_running_loop().time(), word))


@pytest.fixture
def replicas(api: FakeApi) -> list[Replica]:
    return [Replica(api.connect("first")), Replica(api.connect("second"))]


@asynccontextmanager
async def electing(*replicas: Replica) -> AsyncIterator[None]:
    """Let them compete, and watch ten times a second that there are never two leaders."""

    async def watch() -> None:
        while True:
            assert sum(replica.elector.is_leader() for replica in replicas) <= 1
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    for replica in replicas:
        replica.start()
        await asyncio.sleep(1)
    try:
        yield
    finally:
        assert not watching.done()
        watching.cancel()
        tasks = [replica.task for replica in replicas if replica.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_the_first_to_come_leads_and_goes_on_leading(replicas: list[Replica]) -> None:
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


async def test_a_leader_that_crashed_is_followed_when_its_lease_has_lapsed(replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        await asyncio.sleep(20)
        crashed_at = asyncio.get_running_loop().time()
        await first.crash()
        await asyncio.sleep(60)
        took_over_at, word = second.told[0]
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
        stopped_at, _ = first.told[1]
        assert stopped_at - cut_at <= 10


async def test_a_leader_that_was_cut_off_competes_again(replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        first.connection.cut()
        await asyncio.sleep(30)
        first.connection.mend()
        await second.crash()
        await asyncio.sleep(30)
        assert first.elector.is_leader()
    assert first.words[:3] == ["started 1", "stopped", "started 3"]
    assert first.successors == ["second"]


async def test_a_term_that_nobody_followed_has_no_successor(replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        second.connection.cut()
        first.connection.cut()
        await asyncio.sleep(30)
        first.connection.mend()
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
        second.connection.mend()
        await asyncio.sleep(1)
        first.connection.mend()
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
        second.connection.mend()
        await asyncio.sleep(9)
        assert second.elector.is_leader()


async def test_a_successor_that_has_gone_again_is_noticed(replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        first.connection.cut()
        await asyncio.sleep(30)
        second.elector.stop()
        assert second.task is not None
        await second.task
        first.connection.mend()
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


@pytest.mark.parametrize("exists", [False, True])
async def test_of_many_that_reach_for_a_lease_at_once_one_gets_it(
    api: FakeApi, client: ApiClient, *, exists: bool
) -> None:
    if exists:
        await client.create(LEASES.collection("kalends"), {"metadata": {"name": "kalends"}, "spec": {}})
    api._latency = lambda _: 0.5
    replicas = [Replica(api.connect(f"replica-{number}")) for number in range(5)]
    for replica in replicas:
        replica.start()
    await asyncio.sleep(1.5)
    assert sum(replica.elector.is_leader() for replica in replicas) == 1
    for replica in replicas:
        replica.elector.stop()
    await asyncio.wait([replica.task for replica in replicas if replica.task is not None])


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


async def test_a_lease_that_somebody_deleted_is_given_up(client: ApiClient, replicas: list[Replica]) -> None:
    first, second = replicas
    async with electing(first, second):
        await client.delete(LEASE)
        await asyncio.sleep(5)
        leaders = [replica for replica in replicas if replica.elector.is_leader()]
        assert len(leaders) == 1
        assert leaders[0].elector.epoch == 2
    assert "stopped" in first.words


async def test_a_lease_that_somebody_labelled_is_kept(client: ApiClient, replicas: list[Replica]) -> None:
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


async def test_a_lease_is_not_released_by_who_does_not_hold_it(client: ApiClient, replicas: list[Replica]) -> None:
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


@pytest.mark.parametrize("times", [100, pytest.param(400, marks=pytest.mark.slow)])
async def test_no_mixture_of_trouble_makes_two_leaders(api: FakeApi, times: int) -> None:
    replicas = [Replica(api.connect(f"replica-{number}")) for number in range(3)]
    trouble = _trouble(api, replicas)
    async with electing(*replicas):
        for _ in range(times):
            next(trouble)
            await asyncio.sleep(3)
        for replica in replicas:
            replica.connection.mend()
        api.faults.clear()
        await asyncio.sleep(40)
        assert sum(replica.elector.is_leader() for replica in replicas) == 1
    epochs = sorted((at, int(word.split()[1])) for replica in replicas for at, word in replica.told if " " in word)
    assert [epoch for _, epoch in epochs] == sorted({epoch for _, epoch in epochs})
    assert len(epochs) > 3


def _trouble(api: FakeApi, replicas: list[Replica]) -> Iterator[None]:
    random = api.objects._random
    while True:
        replica = random.choice(replicas)
        faults: list[dict[str, Any]] = [{"status": 500}, {"lost": "answer"}, {"lost": "request"}, {"late_by": 6.0}]
        match random.randrange(6):
            case 0:
                replica.connection.cut()
            case 1 | 2:
                replica.connection.mend()
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


async def test_what_on_started_raises_ends_the_term(client: ApiClient, clock: LoopClock) -> None:
    def fail(_: int) -> None:
        raise ApiError(0, "Broken", "this replica cannot lead")

    elector = LeaderElector(client, namespace="kalends", name="kalends", identity="me", clock=clock, on_started=fail)
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
