"""Three hundred objects that no schema would let through, among fifty good ones that do not miss a beat."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from cluster.chaos.fleet import cron, every, work
from cluster.chaos.malformed import lenient, malformed
from cluster.chaos.rig import Rig, fresh_namespace
from cluster.chaos.table import chance_of, times
from cluster.operator_process import scheduled_job
from devcluster import ControlPlane
from devcluster.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
CRD = Path(__file__).parents[2] / "crds" / "kalends.dev_scheduledjobs.yaml"
GOOD, BAD = times(20, 50), times(100, 300)
TRIGGERS = (every(3), cron("*/3"), every(5), cron("*/4"))


def write_past_the_schema(rig: Rig) -> Counter[int]:
    """Create the malformed ones and their statuses; return how often the API server said what to it."""
    said: Counter[int] = Counter()
    for bad in malformed(rig.namespace, BAD, chance_of("malformed")):
        answer, _ = rig.api.request("POST", rig.path(), bad)
        said[answer] += 1
        if answer == 201:
            path = f"{rig.path(bad['metadata']['name'])}/status"
            said[rig.api.patch(path, {"status": bad["status"]})[0]] += 1
    return said


def apply_good_ones(rig: Rig) -> None:
    """Create the good ones."""
    good = [scheduled_job(f"good-{n}", rig.namespace, **TRIGGERS[n % 4], **work(seconds=0.02)) for n in range(GOOD)]
    rig.apply(*good)


def share_that_ran(rig: Rig) -> float:
    """Insist on a clean audit, and return which share of the fire times got a run."""
    rig.assert_clean()
    counts: Counter[str] = Counter()
    for status in rig.statuses().values():
        counts.update(status["counts"])
    assert counts["succeeded"] == counts["started"], counts
    return counts["succeeded"] / counts["due"]


def is_live(rig: Rig) -> bool:
    """Whether the operator calls itself alive."""
    return rig.operator.page("/livez")[0] == 200


def test_malformed_objects_harm_themselves_alone(local_control_plane: ControlPlane, tmp_path: Path) -> None:
    """They are written before the schema is there: in a separate cluster, as others want theirs whole.

    On a crowded machine even schedules that are alone skip a beat now and then. So there are as many good ones, with an
    operator of their own, that have no bad neighbours: those that have some must do as well.
    """
    with ExitStack() as stack:
        cluster = stack.enter_context(ControlPlane(local_control_plane.binaries, logs=tmp_path / "logs"))
        cluster.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(lenient(CRD)))
        eventually(lambda: cluster.kubectl("get", "scheduledjobs", check=False).returncode == 0)
        rigs = []
        for name in ("among them", "apart"):
            (tmp_path / name).mkdir()
            namespace = stack.enter_context(fresh_namespace(cluster))
            rigs.append(stack.enter_context(Rig(cluster.kubeconfig, namespace, tmp_path / name)))
        among, apart = rigs
        said = write_past_the_schema(among)
        assert said[201] > BAD * 0.9, said
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
        for rig in rigs:
            rig.start()
            apply_good_ones(rig)
        time.sleep(times(15, 60))
        for rig in rigs:
            eventually(partial(is_live, rig))
        ran, ran_apart = share_that_ran(among), share_that_ran(apart)
        summary = f"good ones ran {ran:.0%} of their fire times, those apart {ran_apart:.0%}"
        print(f"{BAD} malformed objects (answers: {dict(said)}); {summary}")
        assert ran >= ran_apart - 0.15
