"""A pool of two, and two hundred runs that are due at once with a deadline of a second."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.audit import Patience
from cluster.chaos.fleet import work
from cluster.chaos.rig import Rig
from cluster.chaos.table import FULL
from cluster.operator_process import scheduled_job
from devcluster import Cluster
from devcluster.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
DUE = 200


def seconds_to_apply_one(rig: Rig) -> float:
    """Apply some neighbours that do nothing, and return how long each of them took at the machine's present pace."""
    begun = time.time()
    idle = {"schedule": "0 0 1 1 *", "suspend": True}
    rig.apply(*(scheduled_job(f"idle-{n}", rig.namespace, **idle, **work()) for n in range(20)))
    return (time.time() - begun) / 20


@pytest.mark.parametrize("kind", ["threads", "processes"] if FULL else ["threads"])
def test_in_a_crowded_pool_each_run_begins_in_time_or_is_recorded_as_missed(
    installed: Cluster, namespace: str, tmp_path: Path, kind: str
) -> None:
    two = {"default": {"kind": kind, "workers": 2}}
    with Rig(installed.kubeconfig, namespace, tmp_path, executors=two) as rig:
        rig.start()
        # A first run starts the workers; processes take a second or two to be there.
        rig.apply(*(scheduled_job(f"warm-{n}", namespace, **work(seconds=0.5)) for n in range(2)))
        eventually(lambda: all(rig.counts(f"warm-{n}").get("succeeded") for n in range(2)))
        at = datetime.fromtimestamp(int(time.time() + 8 + 2 * DUE * seconds_to_apply_one(rig)), UTC).isoformat()
        once = {"trigger": {"date": {"at": at}}, "startingDeadlineSeconds": 1}
        rig.apply(*(scheduled_job(f"due-{n}", namespace, **once, **work(seconds=0.1)) for n in range(DUE)))
        assert time.time() < datetime.fromisoformat(at).timestamp(), "all were to be there in time"
        eventually(lambda: all(rig.counts(f"due-{n}").get("due") for n in range(DUE)), every=1.0)
        verdict = rig.assert_clean(Patience(late=3.0))
        counts = [status["counts"] for name, status in rig.statuses().items() if name.startswith("due-")]
        missed = sum(one["missed"] for one in counts)
        began = sum(one["started"] for one in counts)
        print(f"{kind}: {began} began, {missed} missed; the latest began {verdict.latest:.2f} s late")
        assert began + missed == DUE
        assert began >= 2
        assert missed > DUE / 2
        assert all(one["missed"] + one["succeeded"] == 1 for one in counts)
