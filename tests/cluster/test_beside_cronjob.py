"""CronJob and ScheduledJob side by side: the same Jobs, or a row in the README's table of differences.

All scenarios are played at once, as CronJob knows nothing shorter than a minute: about four minutes altogether.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.cronjob_comparison import Scenario, Side, Stage, edited, relabel_jobs, release, unblock_later_runs
from cluster.operator_process import OperatorProcess
from devcluster import Cluster
from devcluster.api import Api
from devcluster.standin_node import StandInNode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

README = (Path(__file__).parents[2] / "README.md").read_text()
FORBID = {"concurrencyPolicy": "Forbid"}

SCENARIOS = [
    Scenario("plain"),
    Scenario(
        "freed-in-time",
        {**FORBID, "startingDeadlineSeconds": 50},
        blocked=True,
        acts=[(10, unblock_later_runs), (80, release)],
    ),
    Scenario(
        "freed-too-late",
        {**FORBID, "startingDeadlineSeconds": 20},
        cron_job=[0, 2, 3],
        blocked=True,
        acts=[(10, unblock_later_runs), (100, release)],
    ),
    Scenario(
        "freed-no-deadline",
        FORBID,
        scheduled_job=[0, 2, 3],
        row="`Forbid` without `startingDeadlineSeconds`, while a run is active",
        blocked=True,
        acts=[(10, unblock_later_runs), (80, release)],
    ),
    Scenario(
        "default-policy",
        cron_job=[0, 1, 2, 3],
        scheduled_job=[0, 2, 3],
        row="`concurrencyPolicy`",
        blocked=True,
        acts=[(10, unblock_later_runs), (80, release)],
    ),
    Scenario("blank-policy", {"concurrencyPolicy": ""}),
    Scenario(
        "quota-lowered",
        {"successfulJobsHistoryLimit": 5},
        quota=2,
        left=1,
        acts=[(140, edited(successfulJobsHistoryLimit=1))],
    ),
    Scenario("quota-of-one", {"successfulJobsHistoryLimit": 0}, quota=1, left=0),
    Scenario("limits-lowered", left=1, acts=[(140, edited(successfulJobsHistoryLimit=1))]),
    Scenario(
        "relabelled",
        {**FORBID, "startingDeadlineSeconds": 20},
        cron_job=[0, 2, 3],
        blocked=True,
        acts=[(10, unblock_later_runs), (20, relabel_jobs), (100, release)],
    ),
    Scenario(
        "resumed",
        scheduled_job=[0, 2, 3],
        row="resume after `suspend`",
        acts=[(10, edited(suspend=True)), (80, edited(suspend=False))],
    ),
    Scenario("time-zone", {"timeZone": "America/St_Johns"}),
]


@pytest.fixture(scope="module")
def stage(installed: Cluster, api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """All scenarios, played."""
    stage = Stage(api, SCENARIOS, secrets.token_hex(3))
    log = tmp_path_factory.mktemp("beside") / "operator.log"
    stage.build()
    operator = OperatorProcess(installed.kubeconfig, log, namespaces=stage.namespaces("ScheduledJob"))
    operator.start()
    try:
        with StandInNode(installed.kubeconfig, seconds=1.0):
            stage.play()
        yield stage
    finally:
        operator.kill()
        stage.clear()


def sides(stage: Stage, scenario: Scenario) -> tuple[Side, Side]:
    cron_job, scheduled_job = stage.sides[scenario.name]
    return cron_job, scheduled_job


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_both_create_the_same_jobs_or_the_readme_says_why_not(stage: Stage, scenario: Scenario) -> None:
    cron_job, scheduled_job = sides(stage, scenario)
    expected = scenario.cron_job if scenario.scheduled_job is None else scenario.scheduled_job
    got = cron_job.minutes(stage.first), scheduled_job.minutes(stage.first)
    assert got == (list(scenario.cron_job), list(expected))
    assert bool(scenario.row) == (scenario.scheduled_job is not None)
    if scenario.row:
        assert f"| {scenario.row} |" in README


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if one.left is not None], ids=lambda one: one.name)
def test_both_keep_as_many_finished_jobs(stage: Stage, scenario: Scenario) -> None:
    cron_job, scheduled_job = sides(stage, scenario)
    assert (cron_job.left, scheduled_job.left) == (scenario.left, scenario.left)


@pytest.mark.parametrize("name", ["plain", "time-zone"])
def test_both_write_the_same_timestamps_on_their_jobs(stage: Stage, name: str) -> None:
    cron_job, scheduled_job = stage.sides[name]
    assert scheduled_job.timestamps() == cron_job.timestamps()


def test_both_tell_the_same_last_schedule_time(stage: Stage, api: Api) -> None:
    instants = [api.get(f"{side.path()}/beside")["status"]["lastScheduleTime"] for side in stage.sides["plain"]]
    assert instants[0][:17] == instants[1][:17]
    succeeded = [api.get(f"{side.path()}/beside")["status"].get("lastSuccessfulTime") for side in stage.sides["plain"]]
    assert all(succeeded)


def test_a_start_that_a_quota_refused_is_over_in_the_record_too(stage: Stage, api: Api) -> None:
    _, scheduled_job = stage.sides["quota-lowered"]
    status = api.get(f"{scheduled_job.path()}/beside")["status"]
    ready = next(one for one in status["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "Armed")
