"""A Job is recognised by the recorded UID: its labels and owner references can be edited while no operator watches."""

from __future__ import annotations

from typing import Any

import pytest

from doubles import START
from executors.local import all_listed
from executors.test_jobs import JOBS, TEMPLATE, World
from kalends.clock import Clock
from kalends.engine.core.state import Ref
from kalends.engine.ports import Run
from kalends.errors import StartRefused, Unavailable
from kalends.executors.jobs.executor import JobsExecutor
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import SCHEDULED_JOBS
from kalends.model.reasons import Reason
from kube.fake_faults import Fault, requests_to
from narrowing import present

pytestmark = pytest.mark.looptime
NAME = f"nightly-{START}"
STRIPPED = {"ownerReferences": None}


class Restarted(JobsExecutor):
    """The executor of a new process, to which the watch has listed all Jobs with the label."""

    def __init__(self, client: ApiClient, clock: Clock) -> None:
        self.seen = all_listed()
        super().__init__(client, clock, self.seen)


class Stripped(World):
    """A ScheduledJob, a Job of it whose metadata is edited, and operators that come after each other."""

    async def prepare(self) -> None:
        self.later = 0.0
        self.api.objects.now = lambda: START + self.later
        self.ref = await self.resource()
        self.run = Run(self.ref, NAME, START, TEMPLATE, "jobs")

    async def resource(self) -> Ref:
        spec = {"schedule": "@hourly", "jobTemplate": {"spec": TEMPLATE.spec}}
        body = {"metadata": {"name": "nightly"}, "spec": spec}
        made = await self.client.create(SCHEDULED_JOBS.collection("blue"), body)
        return Ref("blue", "nightly", made["metadata"]["uid"])

    async def strip(self, **metadata: Any) -> str:
        """Edit the Job's metadata, and return its UID."""
        job = await self.client.merge_patch(f"{JOBS}/{NAME}", {"metadata": STRIPPED | metadata})
        return str(job["metadata"]["uid"])

    def restarted(self) -> Restarted:
        return Restarted(self.client, self.clock)


@pytest.fixture
async def world() -> Any:
    made = Stripped()
    await made.prepare()
    return made


@pytest.mark.parametrize("labels", [{}, {"labels": None}], ids=["with its label", "without its label"])
async def test_a_job_whose_owner_references_were_removed_is_found_after_a_restart(
    world: Stripped, labels: dict[str, Any]
) -> None:
    await world.jobs.start(world.run)
    uid = await world.strip(**labels)
    again = world.restarted()
    again.seen.job_changed("ADDED", await world.client.get(f"{JOBS}/{NAME}"))
    await again.look(world.ref, NAME, uid)
    assert not again.is_gone(world.ref, NAME)
    (view,) = present(again.views(world.ref))
    assert (view.uid, view.altered, view.disowned, view.report) == (uid, True, True, None)


async def test_its_end_is_seen_by_the_watch(world: Stripped) -> None:
    await world.jobs.start(world.run)
    uid = await world.strip()
    again = world.restarted()
    await again.look(world.ref, NAME, uid)
    again.seen.job_changed("MODIFIED", world.ended(await world.client.get(f"{JOBS}/{NAME}")))
    (view,) = present(again.views(world.ref))
    assert view.report is not None


async def test_its_controller_reference_may_come_back(world: Stripped) -> None:
    await world.jobs.start(world.run)
    owners = (await world.client.get(f"{JOBS}/{NAME}"))["metadata"]["ownerReferences"]
    uid = await world.strip()
    again = world.restarted()
    await again.look(world.ref, NAME, uid)
    corrected = await world.client.merge_patch(f"{JOBS}/{NAME}", {"metadata": {"ownerReferences": owners}})
    again.seen.job_changed("MODIFIED", corrected)
    (view,) = present(again.views(world.ref))
    assert (view.altered, view.disowned) == (False, False)


async def test_a_job_of_that_name_with_another_uid_and_no_controller_is_not_the_run(world: Stripped) -> None:
    await world.jobs.start(world.run)
    await world.strip()
    again = world.restarted()
    await again.look(world.ref, NAME, "the-uid-on-record")
    assert again.is_gone(world.ref, NAME)
    assert again.views(world.ref) == ()


async def test_a_job_of_a_record_without_a_uid_needs_its_controller_reference(world: Stripped) -> None:
    await world.jobs.start(world.run)
    await world.strip()
    again = world.restarted()
    await again.look(world.ref, NAME)
    assert again.is_gone(world.ref, NAME)


async def test_the_end_of_a_run_whose_job_was_stripped_is_asked_for_after_a_restart(world: Stripped) -> None:
    await world.jobs.start(world.run)
    uid = await world.strip()
    again = world.restarted()
    await again.cancel(NAME, world.ref, Reason.REPLACED, job_uid=uid)
    assert "deletionTimestamp" in (await world.client.get(f"{JOBS}/{NAME}"))["metadata"]


@pytest.mark.parametrize("uid", ["", "the-uid-on-record"])
async def test_a_job_of_that_name_that_is_not_the_run_is_not_deleted(world: Stripped, uid: str) -> None:
    await world.jobs.start(world.run)
    await world.strip()
    await world.restarted().cancel(NAME, world.ref, Reason.REPLACED, job_uid=uid)
    assert world.api.count_of("DELETE", "/jobs") == 0


# -- the Job was created, and the operator died before its UID was recorded


async def test_a_job_that_was_stripped_before_it_was_recorded_is_the_run(world: Stripped) -> None:
    await world.jobs.start(world.run)
    uid = await world.strip()
    again = world.restarted()
    again.seen.job_changed("ADDED", await world.client.get(f"{JOBS}/{NAME}"))
    assert again.views(world.ref) == (), "the label alone proves nothing"
    await again.start(world.run)
    (view,) = present(again.views(world.ref))
    assert (view.uid, view.disowned) == (uid, True)
    assert world.api.count_of("DELETE", "/jobs") == 0


async def test_a_job_that_lost_its_label_before_it_was_recorded_is_the_run(world: Stripped) -> None:
    await world.jobs.start(world.run)
    await world.client.merge_patch(f"{JOBS}/{NAME}", {"metadata": {"labels": None}})
    again = world.restarted()
    await again.start(world.run)
    (view,) = present(again.views(world.ref))
    assert view.altered
    assert world.api.count_of("DELETE", "/jobs") == 0, "it runs: no end was requested"


async def test_a_job_that_lost_both_is_not_the_run_and_is_left_alone(world: Stripped) -> None:
    await world.jobs.start(world.run)
    await world.strip(labels=None)
    with pytest.raises(StartRefused) as refused:
        await world.restarted().start(world.run)
    assert refused.value.reason is Reason.NAME_TAKEN
    assert world.api.count_of("DELETE", "/jobs") == 0


async def test_a_job_that_a_deleted_resource_of_the_same_name_left_as_an_orphan_is_not_the_run(world: Stripped) -> None:
    await world.jobs.start(world.run)
    await world.client.delete(SCHEDULED_JOBS.named("blue", "nightly"), propagation="Orphan")
    await world.strip()
    world.later = 3600.0
    anew = Run(await world.resource(), NAME, START, TEMPLATE, "jobs")
    with pytest.raises(StartRefused) as refused:
        await world.restarted().start(anew)
    assert refused.value.reason is Reason.NAME_TAKEN


async def test_a_stripped_job_of_a_resource_that_was_made_again_decides_nothing_about_the_former_one(
    world: Stripped,
) -> None:
    await world.jobs.start(world.run)
    await world.client.delete(SCHEDULED_JOBS.named("blue", "nightly"), propagation="Orphan")
    await world.strip()
    await world.resource()
    with pytest.raises(Unavailable, match="was deleted and created again"):
        await world.restarted().start(world.run)


async def test_a_stripped_job_whose_creation_got_no_answer_holds_up_the_next_run(world: Stripped) -> None:
    world.api.faults.append(Fault(requests_to("POST"), lost="answer"))
    with pytest.raises(Unavailable):
        await world.jobs.start(world.run)
    uid = await world.strip()
    later = Run(world.ref, f"nightly-{START + 60}", START + 60, TEMPLATE, "jobs")
    with pytest.raises(Unavailable, match="whose creation got no answer, is there"):
        await world.jobs.start(later)
    assert [view.uid for view in present(world.jobs.views(world.ref))] == [uid]


# -- Jobs that only their label and their name assign to a resource


def orphans(executor: JobsExecutor, ref: Ref) -> list[str]:
    return [view.name for view in executor.orphans(ref)]


async def test_a_job_without_any_controller_is_shown_apart_until_it_is_followed(world: Stripped) -> None:
    await world.jobs.start(world.run)
    uid = await world.strip()
    again = world.restarted()
    again.seen.job_changed("ADDED", await world.client.get(f"{JOBS}/{NAME}"))
    assert (orphans(again, world.ref), again.views(world.ref)) == ([NAME], ())
    await again.look(world.ref, NAME, uid)
    assert orphans(again, world.ref) == []
    assert [view.name for view in present(again.views(world.ref))] == [NAME]


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": None},
        {"labels": {"kalends.dev/scheduled-job": "other"}},
        {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b", "controller": True}]},
    ],
)
async def test_a_job_with_another_controller_or_label_is_no_orphan_of_the_resource(
    world: Stripped, metadata: dict[str, Any]
) -> None:
    await world.jobs.start(world.run)
    await world.strip()
    again = world.restarted()
    again.seen.job_changed("ADDED", await world.client.get(f"{JOBS}/{NAME}"))
    await world.strip(**metadata)
    again.seen.job_changed("MODIFIED", await world.client.get(f"{JOBS}/{NAME}"))
    assert orphans(again, world.ref) == []


async def test_an_orphan_that_is_gone_is_forgotten(world: Stripped) -> None:
    await world.jobs.start(world.run)
    await world.strip()
    again, twice = world.restarted(), world.restarted()
    job = await world.client.get(f"{JOBS}/{NAME}")
    for executor in (again, twice):
        executor.seen.job_changed("ADDED", job)
    again.seen.job_changed("DELETED", job)
    await world.client.delete(f"{JOBS}/{NAME}")
    await twice.look(world.ref, NAME, job["metadata"]["uid"])
    assert (orphans(again, world.ref), orphans(twice, world.ref)) == ([], [])


async def test_an_orphan_of_another_namespace_is_none_of_the_resource(world: Stripped) -> None:
    await world.jobs.start(world.run)
    await world.strip()
    again = world.restarted()
    job = await world.client.get(f"{JOBS}/{NAME}")
    again.seen.job_changed("ADDED", {**job, "metadata": {**job["metadata"], "namespace": "green"}})
    assert orphans(again, world.ref) == []


async def test_a_job_that_lost_label_and_owner_while_it_was_watched_continues(world: Any) -> None:
    await world.jobs.start(world.run)
    await world.strip(labels=None)
    world.seen.job_changed("DELETED", await world.client.get(f"{JOBS}/{NAME}"))
    await world.jobs.look(world.ref, NAME)
    (view,) = world.jobs.views(world.ref)
    assert (view.unsure, view.disowned) == (False, True)


async def test_a_job_that_took_the_name_of_one_beyond_the_limits_is_not_deleted(world: Any) -> None:
    await world.jobs.start(world.run)
    await world.client.delete(f"{JOBS}/{NAME}")
    await world.restarted().start(world.run)
    await world.jobs.delete(world.ref, NAME)
    assert "deletionTimestamp" not in (await world.client.get(f"{JOBS}/{NAME}"))["metadata"]
