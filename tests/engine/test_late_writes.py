"""A write that is given up can still arrive: what it records about a claim holds for every later decision."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from typing_extensions import override

from doubles import START, LoopClock, ObjectStore, Pool, every, resource, schedule_of
from engine.world import armed
from kalends.engine.core.compiler import Compiler, Surroundings
from kalends.engine.core.state import ActiveRun, Counts, Ref, State
from kalends.engine.core.target import Target
from kalends.engine.loop.scheduler import Scheduler
from kalends.errors import InvalidSpec, Unavailable
from kalends.stores.status_record import encode

pytestmark = pytest.mark.looptime

KEY = "default/nightly"
OWN, OTHER = "prod/kalends", "staging/kalends"
ME = f"{OWN}/me"
SPEC: dict[str, Any] = {"trigger": every(60), "startingDeadlineSeconds": 5}
CLAIM = ActiveRun(f"nightly-{START + 60}", START + 60, START + 60, "default", holder=ME)


class SlowNetwork(ObjectStore):
    """A store whose first write arrives ten seconds late; its sender waits half a second for the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.late: asyncio.Task[str] | None = None

    @override
    async def write(
        self, ref: Ref, version: str, before: State | None, after: State, *, keeps_unread: bool = False
    ) -> str:
        if self.late is not None:
            return await super().write(ref, version, before, after, keeps_unread=keeps_unread)
        self.late = asyncio.create_task(self._arrive(ref, version, before, after))
        await asyncio.sleep(0.5)
        raise Unavailable("nothing was heard")

    async def _arrive(self, ref: Ref, version: str, before: State | None, after: State) -> str:
        await asyncio.sleep(10)
        return await super().write(ref, version, before, after)


class World:
    """A scheduler, and a resource whose first run it has claimed and not started."""

    def __init__(self, *, operator: str = "", surroundings: Surroundings | None = None) -> None:
        self.clock = LoopClock()
        self.store = SlowNetwork()
        self.pool = Pool(2, 1.0, self.clock)
        self.compiler = Compiler(surroundings)
        self.scheduler = Scheduler(
            clock=self.clock, store=self.store, pools={"default": self.pool}, identity=ME, compiler=self.compiler
        )
        counts = Counts(due=1, started=1, active=1)
        record = armed(
            schedule_of(resource(**SPEC)), cursor=START + 60, active=(CLAIM,), counts=counts, operator=operator
        )
        self.store.put(resource(**SPEC))
        self.store.replace_status(KEY, encode(record))
        self.show()

    def show(self) -> None:
        self.scheduler.observe(self.store.snapshot(KEY))

    async def run_for(self, seconds: float) -> None:
        running = asyncio.create_task(self.scheduler.run())
        await asyncio.sleep(seconds)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    def assert_ended_without_a_run(self, outcome: str) -> None:
        assert self.store.late is not None, "nothing was written"
        assert self.store.late.done()
        self.store.late.exception()
        counts = self.store.status(KEY)["counts"]
        assert (self.pool.fire_times, counts[outcome], counts["active"]) == ([], 1, 0)


@pytest.mark.parametrize("first_term", [0.1, 0.9], ids=["its term ended", "it got no answer"])
async def test_a_claim_that_was_recorded_as_missed_does_not_start_although_the_clock_was_set_back(
    first_term: float,
) -> None:
    world = World()
    await asyncio.sleep(70)
    await world.run_for(first_term)
    world.clock.step = -60
    await world.run_for(20)
    world.assert_ended_without_a_run("missed")


async def test_a_claim_that_was_left_to_another_operator_does_not_start_once_that_is_gone() -> None:
    world = World(operator=OTHER)
    await asyncio.sleep(61)
    await world.run_for(0.1)
    world.scheduler.operators_gone(frozenset({OTHER}))
    await world.run_for(20)
    world.assert_ended_without_a_run("cancelled")


async def test_a_claim_that_became_invalid_does_not_start_once_it_is_valid() -> None:
    world = World(surroundings=Surroundings(check=refuse_all))
    await asyncio.sleep(61)
    await world.run_for(0.1)
    world.compiler.use(Surroundings())
    world.show()
    await world.run_for(20)
    world.assert_ended_without_a_run("cancelled")


def refuse_all(target: Target, executor: str) -> None:
    del target, executor
    raise InvalidSpec("no task of that name")
