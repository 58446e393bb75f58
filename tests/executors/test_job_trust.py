"""What a Job must show to be taken for a run, and what becomes of one whose identity is changed."""

from __future__ import annotations

from typing import Any

import pytest

from doubles import START
from executors.test_jobs import JOBS, REF, RUN, TEMPLATE, World
from kalends.engine.runs.proofs_of_start import CLOCK_SLACK
from kalends.errors import StartRefused, Unavailable
from kalends.executors.jobs.job_manifest import job_body
from kalends.model.reasons import Reason
from kube.fake_faults import Fault, requests_to
from kube.fake_objects import Collection
from narrowing import present

pytestmark = pytest.mark.looptime
LABEL = "kalends.dev/scheduled-job"


@pytest.fixture
def world() -> World:
    return World()


def altering(world: World, **metadata: Any) -> None:
    """Have every Job's metadata changed when it is created, as an admission policy does."""

    def altered(_: Collection, given: dict[str, Any]) -> dict[str, Any]:
        return {**given, "metadata": {**given["metadata"], **metadata}}

    world.api.objects.admit = altered


CHANGES = [
    {"labels": {}},
    {"labels": {LABEL: "other"}},
    {"ownerReferences": []},
    {"name": "renamed"},
]


@pytest.mark.parametrize("change", CHANGES)
async def test_a_job_that_admission_changes_beyond_recognition_is_deleted_and_its_run_refused(
    world: World, change: dict[str, Any]
) -> None:
    altering(world, **change)
    with pytest.raises(StartRefused, match="an admission policy changed") as refused:
        await world.jobs.start(RUN)
    assert refused.value.reason is Reason.JOB_REFUSED
    page = await world.client.get(JOBS)
    assert page["items"] == [], "nothing runs that nobody follows"
    assert world.jobs.views(REF) == ()


@pytest.mark.parametrize("change", CHANGES)
async def test_such_a_policy_is_found_when_the_resource_is_checked(world: World, change: dict[str, Any]) -> None:
    altering(world, **change)
    with pytest.raises(StartRefused, match="an admission policy changed") as refused:
        await world.jobs.check(RUN)
    assert refused.value.reason is Reason.INVALID_JOB_TEMPLATE


async def test_such_a_job_that_cannot_be_deleted_yet_is_deleted_before_its_run_is_refused(world: World) -> None:
    altering(world, labels={})
    world.api.faults.append(Fault(requests_to("DELETE"), times=1, status=403))
    with pytest.raises(Unavailable):
        await world.jobs.start(RUN)
    with pytest.raises(StartRefused, match="it was deleted"):
        await world.jobs.start(RUN)
    assert world.api.count_of("POST", "/jobs") == 1
    assert world.api.count_of("DELETE", "/jobs") == 2


async def test_a_label_that_is_not_kalends_own_may_be_changed_by_admission(world: World) -> None:
    altering(world, labels={LABEL: "nightly", "app.kubernetes.io/managed-by": "platform-team"})
    await world.jobs.check(RUN)
    await world.jobs.start(RUN)
    assert len(present(world.jobs.views(REF))) == 1


async def test_a_job_that_lost_its_label_is_found_by_name_and_continues(world: World) -> None:
    await world.jobs.start(RUN)
    job = await world.client.merge_patch(f"{JOBS}/{RUN.name}", {"metadata": {"labels": {LABEL: None}}})
    world.seen.job_changed("DELETED", job)
    await world.jobs.look(REF, RUN.name)
    (view,) = present(world.jobs.views(REF))
    assert (view.altered, view.unsure, view.report) == (True, False, None)
    assert not world.jobs.is_gone(REF, RUN.name)


async def test_a_job_that_lost_its_label_is_found_after_a_restart_too(world: World) -> None:
    await world.jobs.start(RUN)
    await world.client.merge_patch(f"{JOBS}/{RUN.name}", {"metadata": {"labels": {LABEL: None}}})
    again = world.another_executor()
    await again.look(REF, RUN.name)
    (view,) = present(again.views(REF))
    assert view.altered


async def test_a_job_of_another_owner_under_the_name_is_not_the_one_that_is_looked_for(world: World) -> None:
    other = job_body(RUN, TEMPLATE)
    other["metadata"]["ownerReferences"][0]["uid"] = "another-uid"
    await world.client.create(JOBS, other)
    await world.jobs.look(REF, RUN.name)
    assert world.jobs.is_gone(REF, RUN.name)


async def test_a_name_that_cannot_be_that_of_a_run_is_looked_for_once(world: World) -> None:
    odd = job_body(RUN, TEMPLATE)
    odd["metadata"]["name"] = "nightly-by-hand"
    await world.client.create(JOBS, odd)
    await world.jobs.look(REF, "nightly-by-hand")
    assert world.jobs.is_gone(REF, "nightly-by-hand")


class Squatted(World):
    """A Job under a run's name and with its resource as the owner, made before the run is due."""

    async def squat(self, seconds: float) -> None:
        now = self.api.objects.now
        self.api.objects.now = lambda: START - seconds
        self.early = await self.client.create(JOBS, job_body(RUN, TEMPLATE))
        self.api.objects.now = now


async def test_a_job_that_was_there_long_before_its_fire_time_is_not_taken_for_the_run() -> None:
    world = Squatted()
    await world.squat(CLOCK_SLACK + 1)
    with pytest.raises(StartRefused, match="must not be created before") as refused:
        await world.jobs.start(RUN)
    assert refused.value.reason is Reason.NAME_TAKEN


async def test_neither_is_it_where_a_watch_has_shown_it() -> None:
    world = Squatted()
    await world.squat(CLOCK_SLACK + 1)
    world.seen.job_changed("ADDED", world.early)
    with pytest.raises(StartRefused, match="must not be created before"):
        await world.jobs.start(RUN)


async def test_a_clock_that_is_a_little_ahead_of_the_api_servers_adopts_what_it_has_created() -> None:
    world = Squatted()
    await world.squat(CLOCK_SLACK)
    await world.jobs.start(RUN)


async def test_a_clock_that_is_far_ahead_adopts_what_this_process_has_created(world: World) -> None:
    world.api.objects.now = lambda: START - 86_400.0
    await world.jobs.start(RUN)
    await world.jobs.start(RUN)
    assert world.api.count_of("POST", "/jobs") == 1


async def test_so_it_does_where_the_creation_got_no_answer(world: World) -> None:
    world.api.objects.now = lambda: START - 86_400.0
    world.api.faults.append(Fault(requests_to("POST"), lost="answer"))
    with pytest.raises(Unavailable):
        await world.jobs.start(RUN)
    await world.jobs.start(RUN)
    assert len(present(world.jobs.views(REF))) == 1
