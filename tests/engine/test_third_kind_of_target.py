"""A third kind of target is one class: the engine decides on it, and a pool of threads runs it.

In a ScheduledJob it is also a class of the API, a field of the spec with its type, and a conversion between the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from doubles import Ledger, LoopClock
from kalends.conversion.targets import TARGETS, TargetConversion, Targets
from kalends.conversion.v1alpha1 import from_definition, to_definition
from kalends.engine.core.definition import Definition
from kalends.engine.core.target import Target
from kalends.engine.loop.scheduler import Scheduler
from kalends.engine.ports import Ended
from kalends.errors import InvalidSpec
from kalends.executors.pools.pool import PoolExecutor
from kalends.executors.pools.resolvers import Callee
from kalends.executors.pools.threads import ThreadWorkers
from kalends.model import Outcome, ScheduledJobSpec
from kalends.model.crd.columns import printer_columns
from kalends.model.v1alpha1.target import WireTarget
from kalends.model.v1alpha1.target_fields import target_fields
from kalends.model.validation.problems import problems_in
from kalends.model.validation.schema import structural_schema
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


class ShoutTarget(WireTarget):
    own_fields = (("jitterSeconds", "the others have their pool"),)
    column = ("Word", "word", "Word to shout")

    word: str


class SpecWithShout(ScheduledJobSpec):
    shout: ShoutTarget | None = None
    """shout is what to shout. Exactly one target is set."""


def read_shout(member: ShoutTarget, _labels: Mapping[str, str]) -> Target:
    return Shout(member.word)


def write_shout(shout: Shout) -> dict[str, str]:
    return {"word": shout.word}


WITH_SHOUT = Targets(
    SpecWithShout, (*TARGETS.conversions, TargetConversion(ShoutTarget, Shout, read_shout, write_shout))
)


def problems(spec: dict[str, Any]) -> dict[str, str]:
    found = problems_in(spec, structural_schema(SpecWithShout), "spec", unknown=True)
    return {problem.path: problem.message for problem in found}


def test_a_target_that_a_spec_can_contain_is_read_from_it_and_written_as_it() -> None:
    written = {"shout": {"word": "hello"}}
    assert problems(written) == {}
    definition = to_definition(SpecWithShout.model_validate(written), targets=WITH_SHOUT)
    assert definition.target == Shout("hello")
    assert from_definition(definition, WITH_SHOUT) == written
    task = {"task": {"name": "kalends.echo"}}
    assert from_definition(to_definition(SpecWithShout.model_validate(task), targets=WITH_SHOUT), WITH_SHOUT) == task


def test_the_rules_of_a_spec_follow_from_the_kinds_of_targets_that_it_can_contain() -> None:
    one_of_three = "exactly one of `task`, `jobTemplate`, `shout` must be set"
    assert one_of_three in problems({"shout": {"word": "a"}, "task": {"name": "b"}})["spec"]
    assert one_of_three in problems({})["spec"]
    message = "`jitterSeconds` may be set only with `shout`; the others have their pool"
    assert message in problems({"task": {"name": "b"}, "jitterSeconds": 1})["spec.jitterSeconds"]
    assert one_of_three not in str(list(problems_in({}, structural_schema(ScheduledJobSpec), "spec", unknown=True)))


def test_each_kind_of_target_that_a_spec_can_contain_has_a_column() -> None:
    added = [column for column in printer_columns(SpecWithShout) if column not in printer_columns()]
    assert [(column["name"], column["jsonPath"]) for column in added] == [("Word", ".spec.shout.word")]


def test_each_target_of_the_spec_has_a_conversion_and_its_own_fields_are_fields_of_the_spec() -> None:
    fields = target_fields(ScheduledJobSpec)
    assert [field.name for field in fields] == ["task", "jobTemplate"]
    assert {field.kind for field in fields} == {conversion.wire for conversion in TARGETS.conversions}
    names = {field.alias for field in ScheduledJobSpec.model_fields.values()}
    assert {name for field in fields for name, _ in field.kind.own_fields} <= names
