"""What a replica does while another acts, or may act by now: it records how its own runs end, and nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from doubles import START, LoopClock, ObjectStore, Pool, every, resource, schedule_of
from engine.world import armed, facts
from kalends.engine.core.holders import Holders
from kalends.engine.core.state import ActiveRun, Counts, State
from kalends.engine.decisions.decide import decide
from kalends.engine.decisions.foreign_resources import decide_standing_by
from kalends.engine.loop.scheduler import Scheduler
from kalends.engine.ports import RunReport
from kalends.model import Outcome

SCHEDULE = schedule_of(resource(trigger=every(60)))
RUN = ActiveRun(f"nightly-{START + 60}", START + 60, START + 60, "default", holder="me")
KEY = "default/nightly"


def with_run(holder: str) -> State:
    counts = Counts(due=1, started=1, active=1)
    return armed(SCHEDULE, cursor=START + 60, active=(replace(RUN, holder=holder),), counts=counts)


@pytest.mark.parametrize(("alive", "lost"), [(frozenset(), 1), (frozenset({"other"}), 0)])
def test_a_run_of_a_holder_that_acts_no_more_is_lost_unless_the_holder_is_alive(
    alive: frozenset[str], lost: int
) -> None:
    decision = decide(SCHEDULE, with_run("other"), facts(START + 90, holders=Holders(alive=alive)))
    assert (decision.state.counts.lost, decision.state.counts.active) == (lost, 1 - lost)


def test_a_replica_that_stands_by_decides_no_fire_times_and_starts_no_claims() -> None:
    record = with_run("me")
    decision = decide_standing_by(record, facts(START + 7200), None)
    assert (decision.state, decision.starts_claimed, decision.starts_before, decision.notices) == (record, (), (), ())


def test_a_replica_that_stands_by_records_the_ends_of_its_own_runs_alone() -> None:
    report = RunReport(SCHEDULE.ref, RUN.name, RUN.fire_time, Outcome.SUCCEEDED, RUN.started, START + 80)
    seen = facts(START + 90, reports={RUN.name: report})
    assert decide_standing_by(with_run("me"), seen, None).state.counts.succeeded == 1
    assert decide_standing_by(with_run("other"), seen, None).state == with_run("other")


@pytest.mark.looptime
async def test_a_replica_acts_only_while_it_may() -> None:
    clock, store = LoopClock(), ObjectStore()
    acting: set[str] = set()
    pool = Pool(2, 20, clock)
    scheduler = Scheduler(
        clock=clock, store=store, pools={"default": pool}, identity="me", acts_for=lambda namespace: namespace in acting
    )
    store.put(resource(trigger=every(60)))
    scheduler.observe(store.snapshot(KEY))
    running = asyncio.create_task(scheduler.run())
    await asyncio.sleep(70)
    assert pool.fire_times == []
    acting.add("default")
    scheduler.look_at_all("default")
    await asyncio.sleep(1)
    assert pool.fire_times == [START + 60]
    acting.clear()
    await asyncio.sleep(120)
    assert pool.fire_times == [START + 60]
    counts = store.status(KEY)["counts"]
    assert (counts["started"], counts["succeeded"]) == (1, 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
