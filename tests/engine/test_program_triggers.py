"""The engine with the triggers of a program: to the microsecond, and a faulty trigger harms its own job only."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from doubles import START, Ledger, LoopClock, Pool
from engine.test_units import MICRO, compiled, look
from kalends.engine.core.definition import Definition
from kalends.engine.core.schedule import TaskCall
from kalends.engine.core.state import Instant
from kalends.engine.loop.entry import Entry
from kalends.engine.loop.scheduler import Scheduler
from kalends.engine.ports import Ended, Snapshot
from kalends.model.values import Coalesce, ConcurrencyPolicy
from kalends.stores.memory import MemoryJobStore
from kalends.triggers.base import BaseTrigger
from kalends.triggers.combining import OrTrigger
from kalends.triggers.cron import CronTrigger
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.programs.compiled import compile_trigger
from narrowing import present

BEGIN = datetime.fromtimestamp(START, UTC)


class MicrosecondLoopClock(LoopClock):
    """The event loop's time in microseconds."""

    second = MICRO

    def now(self) -> float:
        return round(super().now() * MICRO)


class Stepping(BaseTrigger):
    """Counts from the previous fire time, as triggers of a program do; fails at its third fire time if it is faulty."""

    def __init__(self, seconds: float, *, faulty: bool = False) -> None:
        self.step = timedelta(seconds=seconds)
        self.faulty = faulty

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        if previous_fire_time is None:
            return now
        if self.faulty and previous_fire_time >= BEGIN + 2 * self.step:
            raise RuntimeError("broken")
        return previous_fire_time + self.step


def definition(trigger: BaseTrigger, first: Instant | None = None, **others: Any) -> Definition:
    return Definition(when=compile_trigger(trigger, first=first), target=TaskCall("task"), **others)


def test_a_fraction_of_a_second_is_due_when_it_has_come_and_not_before() -> None:
    schedule = compiled(definition(IntervalTrigger(seconds=0.25, start_date=BEGIN + timedelta(seconds=0.1))), MICRO)
    first = START * MICRO + 100_000
    assert look(schedule, None, first - 1).state.counts.due == 0
    decided = look(schedule, None, first)
    assert [run.fire_time for run in decided.state.active] == [first]
    assert decided.wake_at == first + 250_000
    assert schedule.summary == "interval[0:00:00.250000]"


def test_a_week_of_a_trigger_that_is_listed_is_decided_over_several_looks() -> None:
    cron = CronTrigger(minute=0, timezone="UTC")
    trigger = OrTrigger([Stepping(60), cron])
    schedule = compiled(definition(trigger, coalesce=Coalesce.LATEST), MICRO)
    state, looks, now = None, 0, (START + 7 * 86_400 + 1) * MICRO
    while True:
        decision = look(schedule, state, now)
        state, looks = decision.state, looks + 1
        if not decision.searching:
            break
        assert state.counts.due == 0
        now = int(present(decision.wake_at))
    assert 2 < looks < 30
    # A microsecond after its creation the first minute begins, and full hours are apart from these minutes.
    assert state.counts.due == 7 * 1_440 + 1 + 7 * 24
    assert state.counts.started == 1


@pytest.mark.looptime
async def test_a_faulty_trigger_harms_its_own_job_only() -> None:
    clock, ledger, pool = MicrosecondLoopClock(), Ledger(), Pool()
    store = MemoryJobStore(clock)
    scheduler = Scheduler(clock=clock, store=store, pools={"default": pool}, identity="me", listeners=[ledger])
    for name, faulty in (("good", False), ("bad", True)):
        wanted = definition(Stepping(1, faulty=faulty), START * MICRO + MICRO // 2, concurrency=ConcurrencyPolicy.ALLOW)
        scheduler.observe(await store.put("default", name, wanted))
    running = asyncio.create_task(scheduler.run())
    await asyncio.sleep(5.75)
    running.cancel()
    await asyncio.wait([running])
    started: dict[str, list[int]] = {"good": [], "bad": []}
    for notice in ledger.notices:
        if isinstance(notice, Ended):
            started[notice.report.ref.name].append(notice.report.fire_time - START * MICRO)
    assert started["good"] == [500_000 + number * MICRO for number in range(6)]
    assert started["bad"] == started["good"][: len(started["bad"])]
    assert len(started["bad"]) < 3
    record = next(stored.record for stored in await store.load() if stored.ref.name == "bad")
    assert present(record).conditions["Ready"].message == "deciding failed: RuntimeError: broken"


@pytest.mark.parametrize(
    ("trigger", "searches"),
    [
        (IntervalTrigger(seconds=1), False),
        (CronTrigger(hour=1, timezone="UTC"), False),
        (OrTrigger([CronTrigger(hour=1, timezone="UTC"), CronTrigger(hour=2, timezone="UTC")]), True),
        (Stepping(1), True),
    ],
)
def test_the_loop_knows_which_triggers_may_search(trigger: BaseTrigger, searches: bool) -> None:
    for first in (None, START * MICRO):
        schedule = compiled(definition(trigger, first), MICRO)
        entry = Entry(Snapshot(schedule.ref, "1", 1, START * MICRO, schedule, None), "1", None)
        assert entry.may_search == searches
