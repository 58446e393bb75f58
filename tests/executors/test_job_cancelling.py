"""Ending a Job: asked for once, and it is there until it has been seen to go."""

from __future__ import annotations

import pytest

from executors.test_jobs import JOBS, REF, RUN, World
from kalends.engine.core.state import Ref
from kalends.errors import Unavailable
from kalends.model.reasons import Reason
from kube.fake_faults import Fault, requests_to
from narrowing import present

pytestmark = pytest.mark.looptime


@pytest.fixture
def world() -> World:
    return World()


async def test_a_job_whose_end_is_wanted_goes_after_its_pods_and_is_there_until_then(world: World) -> None:
    await world.jobs.start(RUN)
    await world.jobs.cancel(RUN.name, REF, Reason.REPLACED)
    job = await world.client.get(f"{JOBS}/{RUN.name}")
    assert "foregroundDeletion" in job["metadata"]["finalizers"]
    world.seen.job_changed("MODIFIED", job)
    (view,) = present(world.jobs.views(REF))
    assert view.report is None

    world.changed.clear()
    world.seen.job_changed("DELETED", job)
    assert world.jobs.views(REF) == ()
    assert world.changed == [REF]


async def test_asking_twice_is_asking_once(world: World) -> None:
    await world.jobs.start(RUN)
    await world.jobs.cancel(RUN.name, REF, Reason.REPLACED)
    await world.jobs.cancel(RUN.name, REF, Reason.REPLACED)
    assert world.api.count_of("DELETE", "/jobs") == 1


async def test_a_job_that_is_on_its_way_out_already_is_let_go(world: World) -> None:
    await world.jobs.start(RUN)
    await world.client.delete(f"{JOBS}/{RUN.name}", propagation="Foreground")
    world.seen.job_changed("MODIFIED", await world.client.get(f"{JOBS}/{RUN.name}"))
    await world.jobs.cancel(RUN.name, REF, Reason.REPLACED)
    assert world.api.count_of("DELETE", "/jobs") == 1


async def test_what_is_not_there_is_nothing(world: World) -> None:
    await world.jobs.cancel(RUN.name, REF, Reason.REPLACED)
    assert world.api.count_of("DELETE", "/jobs") == 0


async def test_a_job_that_was_not_seen_yet_is_found(world: World) -> None:
    await world.jobs.start(RUN)
    again = world.another_executor()
    await again.cancel(RUN.name, REF, Reason.REPLACED)
    assert "deletionTimestamp" in (await world.client.get(f"{JOBS}/{RUN.name}"))["metadata"]


async def test_a_foreign_job_of_that_name_is_not_deleted(world: World) -> None:
    await world.jobs.start(RUN)
    again = world.another_executor()
    await again.cancel(RUN.name, Ref("blue", "nightly", "another-uid"), Reason.REPLACED)
    assert world.api.count_of("DELETE", "/jobs") == 0


async def test_a_job_that_took_the_name_since_is_not_deleted(world: World) -> None:
    await world.jobs.start(RUN)
    await world.client.delete(f"{JOBS}/{RUN.name}")
    other = world.another_executor()
    await other.start(RUN)
    await world.jobs.cancel(RUN.name, REF, Reason.REPLACED)
    assert "deletionTimestamp" not in (await world.client.get(f"{JOBS}/{RUN.name}"))["metadata"]
    assert world.jobs.views(REF) == (), "ours is gone"
    assert world.changed[-1] == REF


async def test_a_job_that_is_gone_already_is_known_to_be(world: World) -> None:
    await world.jobs.start(RUN)
    await world.client.delete(f"{JOBS}/{RUN.name}")
    world.changed.clear()
    await world.jobs.cancel(RUN.name, REF, Reason.REPLACED)
    assert world.jobs.views(REF) == ()
    assert world.changed == [REF]


async def test_a_job_that_has_ended_is_let_be(world: World) -> None:
    await world.jobs.start(RUN)
    world.seen.job_changed("MODIFIED", world.ended(await world.client.get(f"{JOBS}/{RUN.name}")))
    await world.jobs.cancel(RUN.name, REF, Reason.REPLACED)
    assert world.api.count_of("DELETE", "/jobs") == 0


async def test_a_deleted_resources_jobs_are_left_to_their_owner_references(world: World) -> None:
    await world.jobs.start(RUN)
    await world.jobs.cancel(RUN.name, REF, Reason.OWNER_DELETED)
    assert world.api.count_of("DELETE", "/jobs") == 0


async def test_a_deletion_that_fails_may_be_asked_for_again(world: World) -> None:
    await world.jobs.start(RUN)
    world.api.faults.append(Fault(requests_to("DELETE"), times=1, status=403))
    with pytest.raises(Unavailable):
        await world.jobs.cancel(RUN.name, REF, Reason.REPLACED)
    await world.jobs.cancel(RUN.name, REF, Reason.REPLACED)
    assert "deletionTimestamp" in (await world.client.get(f"{JOBS}/{RUN.name}"))["metadata"]


async def test_a_job_that_did_not_start_in_time_is_let_be_where_it_has_started_and_the_watch_lags_behind(
    world: World,
) -> None:
    await world.jobs.start(RUN)
    await world.client.merge_patch(f"{JOBS}/{RUN.name}/status", {"status": {"ready": 1}})
    world.changed.clear()
    with pytest.raises(Unavailable):
        await world.jobs.cancel(RUN.name, REF, Reason.PENDING_TIMEOUT)
    (view,) = present(world.jobs.views(REF))
    assert view.pending_since is None, "it was read anew, and has started"
    assert world.changed == [REF], "whoever decides is told, whatever the watch does"
    await world.jobs.cancel(RUN.name, REF, Reason.PENDING_TIMEOUT)
    assert "deletionTimestamp" not in (await world.client.get(f"{JOBS}/{RUN.name}"))["metadata"]


async def test_a_job_that_did_not_start_in_time_is_deleted(world: World) -> None:
    await world.jobs.start(RUN)
    await world.jobs.cancel(RUN.name, REF, Reason.PENDING_TIMEOUT)
    assert "deletionTimestamp" in (await world.client.get(f"{JOBS}/{RUN.name}"))["metadata"]


async def suspend(world: World, *, suspended: bool) -> None:
    await world.client.merge_patch(f"{JOBS}/{RUN.name}", {"spec": {"suspend": suspended}})


async def test_a_job_that_was_not_admitted_in_time_is_deleted(world: World) -> None:
    await world.jobs.start(RUN)
    await suspend(world, suspended=True)
    world.seen.job_changed("MODIFIED", await world.client.get(f"{JOBS}/{RUN.name}"))
    await world.jobs.cancel(RUN.name, REF, Reason.ADMISSION_TIMEOUT)
    assert "deletionTimestamp" in (await world.client.get(f"{JOBS}/{RUN.name}"))["metadata"]


async def test_a_job_that_is_admitted_at_the_last_moment_is_not_deleted_where_the_watch_lags_behind(
    world: World,
) -> None:
    await world.jobs.start(RUN)
    await suspend(world, suspended=True)
    world.seen.job_changed("MODIFIED", await world.client.get(f"{JOBS}/{RUN.name}"))
    await suspend(world, suspended=False)
    with pytest.raises(Unavailable):
        await world.jobs.cancel(RUN.name, REF, Reason.ADMISSION_TIMEOUT)
    assert present(world.jobs.views(REF))[0].admission is None, "it was read anew, and is admitted"
    await world.jobs.cancel(RUN.name, REF, Reason.ADMISSION_TIMEOUT)
    assert "deletionTimestamp" not in (await world.client.get(f"{JOBS}/{RUN.name}"))["metadata"]
