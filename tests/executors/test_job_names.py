"""A wanted name that a Job on its way out still has: waited for, but not for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from doubles import START
from executors.test_jobs import JOBS, TEMPLATE, World
from kalends.engine.core.state import Ref
from kalends.engine.ports import Run
from kalends.errors import StartRefused, Unavailable
from kalends.executors.jobs.job_manifest import job_body
from kalends.executors.jobs.name_conflicts import PATIENCE
from kalends.kube.client.paths import SCHEDULED_JOBS
from kalends.model.reasons import Reason
from narrowing import present

pytestmark = pytest.mark.looptime


class Recreated(World):
    """A ScheduledJob that was deleted and made again, and the Job that the first one had for a fire time."""

    async def prepare(self) -> None:
        self.old = await self._resource()
        await self.client.delete(SCHEDULED_JOBS.named("blue", "nightly"))
        self.ref = await self._resource()

    async def _resource(self) -> Ref:
        made = await self.client.create(
            SCHEDULED_JOBS.collection("blue"),
            {
                "metadata": {"name": "nightly"},
                "spec": {"schedule": "@hourly", "jobTemplate": {"spec": TEMPLATE.spec}},
            },
        )
        return Ref("blue", "nightly", made["metadata"]["uid"])

    def run(self, ref: Ref) -> Run:
        return Run(ref, f"nightly-{START}", START, TEMPLATE, "jobs")

    async def job_of(self, ref: Ref, **more: Any) -> Any:
        body = job_body(self.run(ref), TEMPLATE)
        body["metadata"] |= more
        return await self.client.create(JOBS, body)


@pytest.fixture
async def world() -> Any:
    made = Recreated()
    await made.prepare()
    return made


async def test_a_job_that_a_deleted_resource_of_the_same_name_left_behind_is_waited_for(world: Recreated) -> None:
    await world.job_of(world.old)
    with pytest.raises(Unavailable, match="belongs to a deleted ScheduledJob of the same name"):
        await world.jobs.start(world.run(world.ref))
    world.api.objects.collect_garbage()
    await world.jobs.start(world.run(world.ref))
    (view,) = present(world.jobs.views(world.ref))
    assert view.name == f"nightly-{START}"


async def test_an_operator_that_takes_the_former_resource_for_the_present_one_refuses_nothing(world: Recreated) -> None:
    await world.job_of(world.ref)
    with pytest.raises(Unavailable, match="is not the ScheduledJob that it was"):
        await world.jobs.start(world.run(world.old))


async def test_an_uncollected_job_of_a_former_resource_takes_the_name_in_the_end(world: Recreated) -> None:
    await world.job_of(world.old)
    with pytest.raises(Unavailable):
        await world.jobs.start(world.run(world.ref))
    await asyncio.sleep(PATIENCE + 1)
    with pytest.raises(StartRefused) as refused:
        await world.jobs.start(world.run(world.ref))
    assert refused.value.reason is Reason.NAME_TAKEN


async def test_a_foreign_job_that_is_being_deleted_is_waited_for_with_a_limit(world: Recreated) -> None:
    await world.job_of(Ref("blue", "other", "another-uid"), finalizers=["example.com/held"])
    await world.client.delete(f"{JOBS}/nightly-{START}")
    with pytest.raises(Unavailable, match="is being deleted"):
        await world.jobs.start(world.run(world.ref))
    await asyncio.sleep(PATIENCE + 1)
    with pytest.raises(StartRefused) as refused:
        await world.jobs.start(world.run(world.ref))
    assert refused.value.reason is Reason.NAME_TAKEN


async def test_a_name_is_free_as_soon_as_the_job_that_had_it_is_gone(world: Recreated) -> None:
    await world.job_of(Ref("blue", "other", "another-uid"), finalizers=["example.com/held"])
    await world.client.delete(f"{JOBS}/nightly-{START}")
    with pytest.raises(Unavailable):
        await world.jobs.start(world.run(world.ref))
    await world.client.merge_patch(f"{JOBS}/nightly-{START}", {"metadata": {"finalizers": None}})
    await world.jobs.start(world.run(world.ref))
    job = await world.client.get(f"{JOBS}/nightly-{START}")
    assert "deletionTimestamp" not in job["metadata"]


async def test_the_runs_own_job_is_the_run_also_while_it_is_being_deleted(world: Recreated) -> None:
    await world.job_of(world.ref, finalizers=["example.com/held"])
    await world.client.delete(f"{JOBS}/nightly-{START}")
    await world.jobs.start(world.run(world.ref))
    (view,) = present(world.jobs.views(world.ref))
    assert view.report is None


async def test_a_job_that_was_there_and_is_gone_is_not_made_again(world: Recreated) -> None:
    job = await world.job_of(world.ref)
    world.seen.job_changed("ADDED", job)
    await world.client.delete(f"{JOBS}/nightly-{START}")
    world.seen.job_changed("DELETED", job)
    await world.jobs.start(world.run(world.ref))
    await world.jobs.look(world.ref, f"nightly-{START}")
    await world.jobs.start(world.run(world.ref))
    assert world.jobs.views(world.ref) == ()
    assert world.api.count_of("POST", "/jobs") == 1
