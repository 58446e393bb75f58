import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from handlers.whole import Cluster, Replica, running
from kalends.handlers.health_pages import HealthMonitor
from kube.fake_clock import LoopClock

pytestmark = pytest.mark.looptime


class Watched:
    """A monitor, with a clock that can be stepped and a feed that can be dead."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.feed_alive = True
        self.monitor = HealthMonitor(self.clock, lambda: self.feed_alive)

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[Any]:
        task = asyncio.create_task(self.monitor.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("seconds", [600.0, -600.0, 86400.0, -86400.0])
async def test_a_step_of_the_clock_is_reported_for_ten_minutes_and_causes_no_restart(
    seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched()
    async with watched.beating():
        await asyncio.sleep(30)
        assert watched.monitor.skew == 0
        watched.clock.step(seconds)
        await asyncio.sleep(2)
        assert watched.monitor.skew == pytest.approx(seconds)
        assert watched.monitor.clocks_disagree() is None
        await asyncio.sleep(590)
        assert watched.monitor.skew == pytest.approx(seconds)
        await asyncio.sleep(20)
        assert watched.monitor.skew == pytest.approx(0)
    assert caplog.text.count("was stepped by") == 1


@pytest.mark.parametrize("pace", [-1.0, 1.0])
async def test_a_wall_clock_of_another_pace_is_a_reason_to_start_again(
    pace: float, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched()
    async with watched.beating():
        for _ in range(59):
            await asyncio.sleep(1)
            watched.clock.step(pace)
        assert watched.monitor.clocks_disagree() is None
        for _ in range(5):
            await asyncio.sleep(1)
            watched.clock.step(pace)
        assert "have disagreed" in str(watched.monitor.clocks_disagree())
        await asyncio.sleep(3)
        assert watched.monitor.clocks_disagree() is None
    assert caplog.text.count("was stepped by") == 1


async def test_a_slewed_clock_is_no_step(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    async with watched.beating():
        for _ in range(300):
            await asyncio.sleep(1)
            watched.clock.step(0.0005)
        assert watched.monitor.skew == pytest.approx(0.15, abs=0.01)
    assert "was stepped" not in caplog.text


async def test_a_feed_that_starts_again_is_alive_and_one_that_does_not_is_dead() -> None:
    watched = Watched()
    async with watched.beating():
        for _ in range(50):
            watched.feed_alive = not watched.feed_alive
            await asyncio.sleep(1)
        assert watched.monitor.unwatched() is None
        watched.feed_alive = False
        await asyncio.sleep(50)
        assert watched.monitor.unwatched() is None
        await asyncio.sleep(20)
        assert "not been watched" in str(watched.monitor.unwatched())


async def test_a_standby_is_alive_and_counts_nothing_that_is_the_leaders() -> None:
    cluster = Cluster()
    await cluster.apply("valid", schedule="0 0 1 1 *")
    await cluster.apply("suspended", schedule="0 0 1 1 *", suspend=True)
    await cluster.apply("invalid", schedule="61 * * * *")
    await cluster.apply("over")
    await cluster.apply("running", trigger={"interval": {"seconds": 100}})
    election = {"leader_election": {"enabled": True, "namespace": "kalends"}}
    leader, standby = Replica(cluster, "first", election, seconds=None), Replica(cluster, "second", election)
    async with running(leader):
        await asyncio.sleep(1)
        standby.start()
        await asyncio.sleep(102)
        for name in list(leader.pool.running):
            if name.startswith("over"):
                leader.pool.end(name)
        await asyncio.sleep(100)
        pages = [replica.operator.metrics.page().decode() for replica in (leader, standby)]
        assert all(replica.operator.health.wrong() == {} for replica in (leader, standby))
    gauges = [_gauges(page) for page in pages]
    assert gauges[0]["kalends_leader"] == 1
    assert gauges[0]['kalends_runs_active{executor="default"}'] == 1
    assert {name: value for name, value in gauges[0].items() if "scheduled_jobs" in name} == {
        'kalends_scheduled_jobs{state="Armed"}': 2,
        'kalends_scheduled_jobs{state="Suspended"}': 1,
        'kalends_scheduled_jobs{state="Restored"}': 0,
        'kalends_scheduled_jobs{state="Exhausted"}': 1,
        'kalends_scheduled_jobs{state="StartRefused"}': 0,
        'kalends_scheduled_jobs{state="SearchLimit"}': 0,
        'kalends_scheduled_jobs{state="Invalid"}': 1,
        'kalends_scheduled_jobs{state="Pending"}': 0,
    }
    assert gauges[1]["kalends_leader"] == 0
    assert not [name for name in gauges[1] if name.startswith(("kalends_runs_active", "kalends_scheduled_jobs"))]


async def test_a_loop_that_does_not_pass_is_stuck_while_it_leads() -> None:
    cluster = Cluster()
    replica = Replica(cluster, "first")
    async with running(replica):
        await asyncio.sleep(5)
        assert replica.operator.health.wrong() == {}
        replica.operator.scheduler.last_pass -= 100
        assert list(replica.operator.health.wrong()) == ["loop"]
        replica.operator.leading.scheduling = False
        assert replica.operator.health.wrong() == {}


def _gauges(page: str) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


async def test_a_pool_whose_workers_threads_that_hang_have_held_for_minutes_ends_the_process() -> None:
    cluster = Cluster()
    replica = Replica(cluster, "first")
    async with running(replica):
        await asyncio.sleep(5)
        replica.pool.held_up_by, replica.pool.held_up = "all 20 workers are held", 300.0
        assert replica.operator.health.wrong() == {}
        replica.pool.held_up = 301.0
        assert replica.operator.health.wrong() == {"pools": "executor default: all 20 workers are held"}
