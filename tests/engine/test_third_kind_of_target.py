"""A third kind of target is one class: the engine decides on it, and a pool of threads runs it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

import pytest

from doubles import Ledger, LoopClock
from kalends.conversion.v1alpha1 import from_definition
from kalends.engine.core.definition import Definition
from kalends.engine.core.target import Target
from kalends.engine.loop.scheduler import Scheduler
from kalends.engine.ports import Ended
from kalends.errors import InvalidSpec
from kalends.executors.pools.pool import PoolExecutor
from kalends.executors.pools.resolvers import Callee
from kalends.executors.pools.threads import ThreadWorkers
from kalends.model import Outcome, ScheduledJobSpec
from kalends.model.v1alpha1.target_kinds import TARGET_KINDS
from kalends.stores.memory import MemoryJobStore
from kalends.triggers.when import When


@dataclass(frozen=True, slots=True)
class Shout(Target):
    executor: ClassVar[str] = "voices"
    word: str

    @property
    def size(self) -> int:
        return len(self.word)

    @staticmethod
    def resolve(target: Target) -> Callee:
        assert isinstance(target, Shout)
        return Callee(target.word.upper)


async def test_a_target_of_a_third_kind_runs_through_a_scheduler_with_a_memory_store() -> None:
    clock, ledger = LoopClock(), Ledger()
    store = MemoryJobStore(clock)
    voices = PoolExecutor(1, ThreadWorkers(Shout), clock)
    scheduler = Scheduler(clock=clock, store=store, pools={"voices": voices}, identity="me", listeners=[ledger])
    scheduler.observe(await store.put("default", "hello", Definition(when=When(), target=Shout("hello"))))
    running = asyncio.create_task(scheduler.run())
    while not (ends := [notice.report for notice in ledger.notices if isinstance(notice, Ended)]):
        await asyncio.sleep(0.01)
    await scheduler.drain(grace=5)
    running.cancel()
    await asyncio.wait([running])
    assert [(report.outcome, report.value) for report in ends] == [(Outcome.SUCCEEDED, "HELLO")]


def test_a_target_that_no_spec_can_contain_is_not_written_as_one() -> None:
    with pytest.raises(InvalidSpec, match="must be a target that a spec can contain to be written, got Shout"):
        from_definition(Definition(when=When(), target=Shout("hello")))


def test_every_kind_of_the_registry_is_a_field_of_the_spec_with_its_own_fields() -> None:
    fields = ScheduledJobSpec.model_fields
    names = {field.alias for field in fields.values()}
    for kind in TARGET_KINDS:
        assert fields[kind.attribute].alias == kind.field
        assert fields[kind.attribute].annotation == kind.wire | None
        assert {name for name, _ in kind.own_fields} <= names
