"""Jobs against an API server in memory: created once, adopted if ours, refused with a reason if not."""

from __future__ import annotations

from typing import Any

import pytest

from doubles import START
from executors.local import all_listed
from kalends.engine.core.schedule import JobTemplate
from kalends.engine.core.state import Ref
from kalends.engine.ports import Run
from kalends.errors import StartRefused, Unavailable
from kalends.executors.jobs.executor import JobsExecutor
from kalends.executors.jobs.job_manifest import job_body
from kalends.executors.jobs.seen_jobs import SeenJobs
from kalends.kube.client.client import ApiClient
from kalends.kube.wire.transport import Request
from kalends.model import Outcome, format_instant
from kalends.model.reasons import Reason
from kube.fake_api import FakeApi
from kube.fake_clock import LoopClock
from kube.fake_faults import Fault
from narrowing import present

pytestmark = pytest.mark.looptime

REF = Ref("blue", "nightly", "the-uid")
TEMPLATE = JobTemplate({}, {}, {"template": {"spec": {"containers": [{"name": "main", "image": "busybox"}]}}})
RUN = Run(REF, f"nightly-{START}", START, TEMPLATE, "jobs")
JOBS = "/apis/batch/v1/namespaces/blue/jobs"


def is_creation(request: Request) -> bool:
    return request.method == "POST"


class World:
    def __init__(self) -> None:
        self.clock = LoopClock()
        self.api = FakeApi(now=self.clock.now)
        self.client = ApiClient(self.api.connect(), self.clock)
        self.seen = all_listed()
        self.changed: list[Ref] = []
        self.seen.report_to(self.changed.append)
        self.jobs = self.another_executor(self.seen)

    def another_executor(self, seen: Any = None, learn: Any = None) -> JobsExecutor:
        """Return the executor of another process."""
        return JobsExecutor(self.client, self.clock, seen or all_listed(), learn)

    def ended(self, job: dict[str, Any], kind: str = "Complete") -> dict[str, Any]:
        condition = {"type": kind, "status": "True", "lastTransitionTime": format_instant(START + 9)}
        version = str(int(job["metadata"]["resourceVersion"]) + 1)
        status = {"startTime": format_instant(START), "conditions": [condition]}
        return {**job, "metadata": {**job["metadata"], "resourceVersion": version}, "status": status}


@pytest.fixture
def world() -> World:
    return World()


async def test_a_created_job_is_known_before_any_watch_shows_it(world: World) -> None:
    await world.jobs.start(RUN)
    (view,) = present(world.jobs.views(REF))
    assert (view.name, view.fire_time, view.report) == (RUN.name, START, None)
    assert (await world.client.get(f"{JOBS}/{RUN.name}"))["metadata"]["ownerReferences"][0]["uid"] == REF.uid


async def test_nothing_is_said_of_jobs_before_all_have_been_listed(world: World) -> None:
    seen = SeenJobs()
    jobs = world.another_executor(seen)
    await jobs.start(RUN)
    assert jobs.views(REF) is None
    seen.all_are_listed()
    assert len(present(jobs.views(REF))) == 1


async def test_creating_twice_is_creating_once(world: World) -> None:
    await world.jobs.start(RUN)
    await world.jobs.start(RUN)
    again = world.another_executor()
    await again.start(RUN)
    assert len(present(again.views(REF))) == 1
    assert world.api.count_of("POST", "/jobs") == 2


async def test_a_foreign_job_of_that_name_refuses_the_run_with_a_reason(world: World) -> None:
    other = job_body(RUN, TEMPLATE)
    other["metadata"]["ownerReferences"] = [
        {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "another-uid", "controller": True}
    ]
    await world.client.create(JOBS, other)
    with pytest.raises(StartRefused) as refused:
        await world.jobs.start(RUN)
    assert refused.value.reason is Reason.NAME_TAKEN
    assert world.jobs.views(REF) == ()


async def test_a_job_of_that_name_without_an_owner_refuses_the_run_with_a_reason(world: World) -> None:
    other = job_body(RUN, TEMPLATE)
    del other["metadata"]["ownerReferences"], other["metadata"]["labels"]
    await world.client.create(JOBS, other)
    with pytest.raises(StartRefused) as refused:
        await world.jobs.start(RUN)
    assert refused.value.reason is Reason.NAME_TAKEN


@pytest.mark.parametrize("status", [400, 422])
async def test_a_start_that_will_always_be_refused_is_refused_permanently(world: World, status: int) -> None:
    world.api.faults.append(Fault(is_creation, times=None, status=status))
    with pytest.raises(StartRefused) as refused:
        await world.jobs.start(RUN)
    assert refused.value.reason is Reason.JOB_REFUSED
    with pytest.raises(StartRefused) as refused:
        await world.jobs.check(RUN)
    assert refused.value.reason is Reason.INVALID_JOB_TEMPLATE


@pytest.mark.parametrize("status", [403, 500])
async def test_what_may_pass_by_itself_is_tried_again_later(world: World, status: int) -> None:
    world.api.faults.append(Fault(is_creation, times=None, status=status))
    with pytest.raises(Unavailable):
        await world.jobs.start(RUN)


async def test_a_quota_that_is_used_up_does_not_make_a_template_invalid(world: World) -> None:
    world.api.faults.append(Fault(is_creation, times=None, status=403))
    await world.jobs.check(RUN)


async def test_older_news_of_a_job_changes_nothing(world: World) -> None:
    job = await world.client.create(JOBS, job_body(RUN, TEMPLATE))
    world.seen.job_changed("MODIFIED", world.ended(job))
    world.seen.job_changed("ADDED", job)
    (view,) = present(world.jobs.views(REF))
    assert view.report is not None
    assert view.report.outcome is Outcome.SUCCEEDED


async def test_a_job_that_was_deleted_does_not_come_back_with_the_answer_to_its_creation(world: World) -> None:
    job = await world.client.create(JOBS, job_body(RUN, TEMPLATE))
    world.seen.job_changed("ADDED", job)
    world.seen.job_changed("DELETED", job)
    world.seen.job_changed("ADDED", job)
    assert present(world.jobs.views(REF))[0].unsure
    await world.client.delete(f"{JOBS}/{RUN.name}")
    await world.jobs.look(REF, RUN.name)
    world.seen.job_changed("ADDED", job)
    assert world.jobs.views(REF) == ()


async def test_a_deleted_job_is_gone_at_once_and_for_the_watch_too(world: World) -> None:
    await world.jobs.start(RUN)
    job = await world.client.get(f"{JOBS}/{RUN.name}")
    await world.jobs.delete(REF, RUN.name)
    world.seen.job_changed("MODIFIED", world.ended(job))
    assert world.jobs.views(REF) == ()
    await world.jobs.delete(REF, RUN.name)
    assert world.api.count_of("DELETE", "/jobs") == 1


async def test_the_runs_own_job_is_adopted_with_any_annotations(world: World) -> None:
    edited = job_body(RUN, TEMPLATE)
    edited["metadata"]["annotations"] = {"kalends.dev/scheduled-time": format_instant(START + 3600)}
    await world.client.create(JOBS, edited)
    await world.jobs.start(RUN)
    (view,) = present(world.jobs.views(REF))
    assert (view.name, view.fire_time) == (RUN.name, START)


async def test_a_job_is_reported_to_its_follower_when_it_is_created_and_when_it_is_adopted(
    world: World,
) -> None:
    learned: list[dict[str, Any]] = []
    await world.another_executor(learn=learned.append).start(RUN)
    await world.another_executor(learn=learned.append).start(RUN)
    assert [job["metadata"]["name"] for job in learned] == [RUN.name, RUN.name]


async def test_a_change_is_reported_when_a_job_is_new_ends_or_is_deleted_and_not_otherwise(world: World) -> None:
    job = await world.client.create(JOBS, job_body(RUN, TEMPLATE))
    world.seen.job_changed("ADDED", job)
    started = {**job, "metadata": {**job["metadata"], "resourceVersion": "90"}, "status": {"active": 1}}
    world.seen.job_changed("MODIFIED", started)
    world.seen.job_changed("DELETED", started)
    assert world.changed == [REF, REF]
