"""Which Jobs the informers show."""

from __future__ import annotations

import asyncio

import pytest

from doubles import START, LoopClock
from kalends.engine.core.schedule import JobTemplate
from kalends.engine.core.state import Ref
from kalends.engine.ports import Run
from kalends.executors.jobs.job_manifest import MANAGED_BY_LABEL, job_body
from kalends.executors.jobs.seen_jobs import SeenJobs
from kalends.handlers.job_informers import job_informers
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import JOBS
from kube.fake_api import FakeApi

pytestmark = pytest.mark.looptime

REF = Ref("blue", "nightly", "the-uid")
TEMPLATE = JobTemplate({}, {}, {"template": {"spec": {"containers": [{"name": "main", "image": "busybox"}]}}})
RUN = Run(REF, f"nightly-{START}", START, TEMPLATE, "jobs")


async def test_a_job_stays_in_sight_if_another_tool_takes_over_the_label_that_says_what_manages_it() -> None:
    clock, seen = LoopClock(), SeenJobs()
    client = ApiClient(FakeApi(now=clock.now).connect(), clock)
    await client.create(JOBS.collection("blue"), job_body(RUN, TEMPLATE))
    informers = job_informers(client, clock, seen, (), lambda: 0.5)
    watching = [asyncio.create_task(informer.run()) for informer in informers.all]
    await asyncio.sleep(1)
    seen.all_are_listed()
    labels = {"metadata": {"labels": {MANAGED_BY_LABEL: "flux"}}}
    await client.merge_patch(JOBS.named("blue", RUN.name), labels)
    await asyncio.sleep(1)
    (view,) = seen.views(REF) or ()
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    assert not view.unsure
    assert not view.altered
