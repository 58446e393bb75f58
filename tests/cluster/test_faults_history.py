"""Thousands of Jobs of history, and Jobs that claim runs that never started, among schedules of each second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cluster.chaos.rig import Rig
from cluster.chaos.table import times
from cluster.operator_process import job_template, scheduled_job
from cluster.test_faults_hostile import (
    GOOD,
    MOST_LAG,
    MOST_LATE,
    MOST_MEMORY,
    SETTLED,
    LoopLag,
    apply_good_ones,
    lateness,
)
from cluster.test_faults_jobs import jobs_path
from devcluster import Cluster
from devcluster.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
LABEL = "kalends.dev/scheduled-job"
DAY = 86_400


def forged(victim: Any, name: str, *, owned: bool = True, claims: str = "") -> Any:
    """Return a suspended Job that claims to be a run of a ScheduledJob, by its owner or its label."""
    meta = victim["metadata"]
    owner = {"apiVersion": victim["apiVersion"], "kind": victim["kind"], "name": meta["name"], "uid": meta["uid"]}
    metadata: dict[str, Any] = {"name": name, "labels": {LABEL: meta["name"]}}
    if owned:
        metadata["ownerReferences"] = [owner | {"controller": True}]
    if claims:
        metadata["annotations"] = {"kalends.dev/run-requested": claims}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, **job_template(suspended=True)}


def history(victim: Any, now: int, count: int) -> Iterator[Any]:
    """Yield Jobs of fire times before the resource was created."""
    for number in range(count):
        yield forged(victim, f"history-{now - DAY - number}")


def claims(victim: Any, now: int, count: int) -> Iterator[Any]:
    """Yield Jobs that claim fire times to come, and Jobs that claim requests that were never made."""
    for number in range(count):
        yield forged(victim, f"history-{now + DAY + number}", owned=number % 2 == 0)
        yield forged(victim, f"history-m-{'abcdefgh'[number % 8]}{'234567ab'[number // 8 % 8]}cdefgh", claims="zzz")


def create_all(rig: Rig, jobs: Iterator[Any]) -> list[int]:
    """Create Jobs, eight at a time, and return the answers' codes."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda job: rig.api.request("POST", jobs_path(rig), job)[0], jobs))


def test_a_long_history_and_forged_jobs_harm_no_schedule_beside_them(
    installed: Cluster, namespace: str, tmp_path: Path
) -> None:
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        rig.start()
        apply_good_ones(rig, "good", GOOD)
        victim = rig.api.create(rig.path(), scheduled_job("history", namespace, schedule="0 0 1 1 *", **history_job()))
        time.sleep(20)
        calm = lateness(rig, time.time() - 15)

        now = int(time.time())
        begun = time.time()
        made = create_all(rig, history(victim, now, times(500, 2000))) + create_all(rig, claims(victim, now, 60))
        assert made.count(201) >= times(500, 2000) + 60
        stored = time.time()
        with LoopLag(rig) as lag:
            time.sleep(times(20, 120))
        late = lateness(rig, stored + SETTLED)

        def ignored() -> Any:
            status = rig.api.get(rig.path("history"))["status"]
            return next((one for one in status["conditions"] if one["type"] == "JobsIgnored"), None)

        assert eventually(ignored)["reason"] == "UnexpectedJob"

        rig.kill()
        rig.start()
        restarted = time.time()
        apply_good_ones(rig, "again", 2)
        with LoopLag(rig) as lag_again:
            time.sleep(times(20, 120))
        late_again = lateness(rig, restarted + SETTLED)
        memory, peak = rig.operator.memory()
        print(
            f"{len(made)} Jobs in {stored - begun:.0f} s; late by at most {calm:.2f} s before, "
            f"{late:.2f} s among them, {late_again:.2f} s after a restart; "
            f"the loop by {lag.worst:.2f} s and {lag_again.worst:.2f} s; MiB: {memory:.0f} (peak {peak:.0f})"
        )
        counts = rig.api.get(rig.path("history"))["status"]["counts"]
        assert not any(counts.values()), "none of them counts as a run"
        assert peak < MOST_MEMORY
        assert max(lag.worst, lag_again.worst) <= MOST_LAG
        # Lateness is that of the slowest of many runs: on a machine that is busy before, too, it varies by as much.
        assert max(late, late_again) <= max(MOST_LATE, 3 * calm)
        rig.assert_clean()


def history_job() -> dict[str, Any]:
    """Return the part of a spec that runs Jobs of which a thousand are kept."""
    return {"jobTemplate": job_template(), "successfulJobsHistoryLimit": 1000, "failedJobsHistoryLimit": 1000}
