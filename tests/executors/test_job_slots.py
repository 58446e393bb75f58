"""How many Jobs may be created: the limit less the Jobs that were seen and have not ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from doubles import START
from executors.local import Listening, all_listed
from executors.test_jobs import JOBS, REF, RUN, TEMPLATE, World
from kalends.engine.ports import Run
from kalends.executors.jobs.executor import JobsExecutor
from kalends.executors.jobs.job_manifest import job_body
from kalends.model.reasons import Reason

pytestmark = pytest.mark.looptime
OTHER = Run(replace(REF, namespace="green", uid="other-uid"), RUN.name, START, TEMPLATE, "jobs")


class Limited(World):
    def __init__(self) -> None:
        super().__init__()
        self.events = Listening()

    def another_executor(self, seen: Any = None, learn: Any = None) -> JobsExecutor:
        return JobsExecutor(self.client, self.clock, seen or all_listed(), learn, max_running=2)


@pytest.fixture
async def world() -> Limited:
    made = Limited()
    await made.jobs.open(made.events)
    return made


async def test_a_job_takes_a_slot_from_its_creation_to_its_end_whatever_its_namespace(world: Limited) -> None:
    await world.jobs.start(RUN)
    await world.jobs.start(OTHER)
    assert world.jobs.free_slots() == 0
    assert world.seen.slots.by_namespace == {"blue": 1, "green": 1}
    job = await world.client.get(f"{JOBS}/{RUN.name}")
    world.seen.job_changed("MODIFIED", world.ended(job))
    assert (world.jobs.free_slots(), world.events.times_freed) == (1, 1)
    world.seen.job_changed("DELETED", world.ended(job))
    assert (world.jobs.free_slots(), world.events.times_freed) == (1, 1)


async def test_jobs_that_existed_before_the_process_take_their_slots(world: Limited) -> None:
    job = await world.client.create(JOBS, job_body(RUN, TEMPLATE))
    world.seen.job_changed("ADDED", job)
    assert world.jobs.free_slots() == 1
    world.seen.job_changed("MODIFIED", job)
    assert world.jobs.free_slots() == 1


async def test_a_job_that_is_being_deleted_takes_its_slot_until_it_is_gone(world: Limited) -> None:
    await world.jobs.start(RUN)
    await world.jobs.cancel(RUN.name, REF, Reason.REPLACED)
    assert world.jobs.free_slots() == 1
    world.seen.job_changed("DELETED", await world.client.get(f"{JOBS}/{RUN.name}"))
    assert (world.jobs.free_slots(), world.events.times_freed) == (2, 1)


async def test_a_job_that_left_the_watch_takes_its_slot_until_it_is_known_to_be_gone(world: Limited) -> None:
    await world.jobs.start(RUN)
    job = await world.client.get(f"{JOBS}/{RUN.name}")
    await world.client.delete(f"{JOBS}/{RUN.name}")
    world.seen.job_changed("DELETED", job)
    assert world.jobs.free_slots() == 1
    await world.jobs.look(REF, RUN.name)
    assert world.jobs.free_slots() == 2
