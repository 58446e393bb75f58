"""SIGKILL of the operator at random moments, while fifty ScheduledJobs of all kinds fire every one to five seconds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cluster.chaos.fleet import every, fleet, job, work
from cluster.chaos.rig import Rig
from cluster.chaos.table import chance_of, times
from cluster.operator_process import scheduled_job
from devcluster import Cluster
from devcluster.standin_node import StandInNode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_killed_at_random_moments_nothing_is_lost_and_nothing_runs_twice(
    installed: Cluster, node: StandInNode, namespace: str, tmp_path: Path
) -> None:
    kills, chance = times(6, 100), chance_of("kills")
    limited = scheduled_job("limited", namespace, **every(2), **work(), maxRuns=5, concurrencyPolicy="Allow")
    requested = [
        scheduled_job("hand-task", namespace, schedule="0 0 1 1 *", **work(seconds=0.3), concurrencyPolicy="Queue"),
        scheduled_job("hand-job", namespace, schedule="0 0 1 1 *", **job(), concurrencyPolicy="Allow"),
    ]
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        rig.apply(*fleet(namespace), limited, *requested)
        for n in range(kills):
            rig.start(wait=chance.random() < 0.8)
            for asked in requested:
                time.sleep(chance.uniform(0.0, 1.5))
                rig.request(asked["metadata"]["name"], f"token-{n}")
            time.sleep(chance.uniform(0.0, 0.3))
            rig.kill()
        rig.start()
        time.sleep(3)
        rig.assert_clean()
