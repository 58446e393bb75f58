"""SIGKILL exactly between deciding, acting and recording: at each point of the ports, in each executor."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from cluster.chaos.altered import POINTS
from cluster.chaos.fleet import every, job, work
from cluster.chaos.rig import Rig
from cluster.chaos.table import chance_of, times
from cluster.operator_process import scheduled_job
from devcluster import Cluster
from devcluster.standin_node import StandInNode
from devcluster.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
RUNS = {"jobs": job(keep=2), "threads": work(seconds=0.2), "processes": work(executor="processes", seconds=0.2)}
POLICIES: tuple[dict[str, Any], ...] = (
    {"concurrencyPolicy": "Allow", "coalesce": "All"},
    {"concurrencyPolicy": "Queue", "coalesce": "All"},
    {"concurrencyPolicy": "Replace"},
    {"retry": {"limit": 1, "backoffSeconds": 1, "onLost": True}},
)
NOT_FOR = {
    "jobs": {"before claimed start", "after claimed start", "end of a run"},
    "threads": {"before create", "after create", "before delete"},
    "processes": {"before create", "after create", "before delete"},
}


@pytest.mark.parametrize("executor", RUNS)
def test_killed_between_any_two_steps_each_fire_time_is_decided_once(
    installed: Cluster, node: StandInNode, namespace: str, tmp_path: Path, executor: str
) -> None:
    chance = chance_of(executor)
    points = [point for point in POINTS if point not in NOT_FOR[executor]] * times(1, 6)
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        for n, policy in enumerate(POLICIES):
            rig.apply(scheduled_job(f"each-{n}", namespace, **every(2), **policy, **RUNS[executor]))
        for point in points:
            rig.alter(ALTERED_DIES_AT=f"{point} {chance.randint(1, 7)}")
            rig.start(wait=False)
            eventually(lambda: not rig.operator.process.is_running, every=0.05)
            assert rig.operator.process.wait() == 128 + 9, rig.operator.process.last_words()
            rig.died()
        rig.alter(ALTERED_DIES_AT="")
        rig.start()
        time.sleep(4)
        verdict = rig.assert_clean()
        assert len([fault for fault in rig.faults if fault.what == "kill"]) == len(points)
        assert sum(verdict.fates.values()) > len(points)
