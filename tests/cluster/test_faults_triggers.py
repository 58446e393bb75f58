"""Valid triggers that are as expensive as the schema lets them be, among ScheduledJobs that fire each second."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.chaos.rig import Rig
from cluster.chaos.table import times
from cluster.operator_process import scheduled_job
from cluster.test_faults_hostile import (
    GOOD,
    MOST_LAG,
    MOST_LATE,
    MOST_MEMORY,
    SETTLED,
    LoopLag,
    apply_good_ones,
    conditions,
    lateness,
)
from devcluster import Cluster
from devcluster.waiting import eventually
from triggers.hostile import HOSTILE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
EXPECTED = {"Armed", "SearchLimit"}
COPIES = 3
"""ScheduledJobs of each kind."""


def expensive(namespace: str) -> dict[str, dict[str, Any]]:
    """Return manifests by name. Their runs are not audited."""
    names = {f"{kind.replace(' ', '-')}-{n}": spec for kind, spec in HOSTILE.items() for n in range(COPIES)}
    return {name: scheduled_job(name, namespace, task={"name": "kalends.echo"}, **spec) for name, spec in names.items()}


def test_expensive_triggers_harm_themselves_alone(installed: Cluster, namespace: str, tmp_path: Path) -> None:
    manifests = expensive(namespace)
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        rig.start()
        apply_good_ones(rig, "good", GOOD)
        time.sleep(20)
        calm = lateness(rig, time.time() - 15)

        begun = time.time()
        with LoopLag(rig) as lag:
            answers = [rig.api.post_text(rig.path(), json.dumps(one).encode()) for one in manifests.values()]
            assert set(answers) == {201}, answers
            apply_good_ones(rig, "after", 2)
            time.sleep(times(30, 120))
        late = lateness(rig, begun)
        eventually(partial(rig.counts, "after-1"))

        rig.kill()
        rig.start()
        restarted = time.time()
        apply_good_ones(rig, "again", 2)
        with LoopLag(rig) as lag_again:
            time.sleep(times(30, 120))
        late_again = lateness(rig, restarted + SETTLED)
        memory, peak = rig.operator.memory()
        eventually(partial(rig.counts, "again-1"))

        print(
            f"{len(manifests)} expensive triggers; late by at most {calm:.2f} s before, {late:.2f} s among them, "
            f"{late_again:.2f} s after a restart; the loop by {lag.worst:.2f} s and {lag_again.worst:.2f} s; "
            f"MiB: {memory:.0f} (peak {peak:.0f})"
        )
        states = conditions(installed, namespace)
        assert {name: states[name] for name in manifests if states[name] not in EXPECTED} == {}
        assert peak < MOST_MEMORY
        assert max(lag.worst, lag_again.worst) <= MOST_LAG, "no search holds up the loop"
        assert max(late, late_again) <= max(MOST_LATE, 2 * calm)
        rig.assert_clean()
