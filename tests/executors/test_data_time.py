"""The data time of a run is apart from its fire time: it is what the run works for, and no part of its identity."""

from __future__ import annotations

from dataclasses import replace

import pytest

from doubles import START, every, resource, schedule_of
from kalends.engine.core.schedule import JobTemplate
from kalends.engine.core.state import ActiveRun, Ref, State
from kalends.engine.decisions.draft import run_of
from kalends.engine.ports import Run
from kalends.executors.jobs.job_manifest import environment, job_body
from kalends.executors.pools.resolvers import current_of
from kalends.model import format_instant

POD = {"template": {"spec": {"containers": [{"name": "main", "image": "busybox"}]}}}
TEMPLATE = JobTemplate({}, {}, POD)
DATA_TIME = START - 86400


@pytest.mark.parametrize("request_token", ["", "now"])
def test_the_engine_gives_a_run_its_fire_time_as_data_time(request_token: str) -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    run = run_of(schedule, ActiveRun("nightly-1", START, START, "jobs", request=request_token), State(armed=START))
    assert (run.fire_time, run.data_time) == (START, START)
    assert environment(run)["KALENDS_SCHEDULED_TIME"] == format_instant(START)
    assert current_of(run).scheduled_time.timestamp() == START


def test_containers_tasks_and_tools_for_cronjobs_see_the_data_time() -> None:
    run = Run(Ref("blue", "nightly", "uid"), f"nightly-{START}", START, TEMPLATE, "jobs", works_for=DATA_TIME)
    annotations = job_body(run, TEMPLATE)["metadata"]["annotations"]
    assert annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] == format_instant(DATA_TIME)
    assert environment(run)["KALENDS_SCHEDULED_TIME"] == format_instant(DATA_TIME)
    assert current_of(run).scheduled_time.timestamp() == DATA_TIME


def test_the_identity_of_a_request_comes_from_its_instant_and_not_from_the_data_time() -> None:
    run = Run(Ref("blue", "nightly", "uid"), f"nightly-{START}", START, TEMPLATE, "jobs", request="now")
    other = replace(run, works_for=DATA_TIME)
    assert job_body(run, TEMPLATE)["metadata"]["annotations"]["kalends.dev/scheduled-time"] == format_instant(START)
    assert job_body(other, TEMPLATE)["metadata"]["annotations"]["kalends.dev/scheduled-time"] == format_instant(START)
    assert other.name == run.name
