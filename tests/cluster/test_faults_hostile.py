"""Sixteen megabytes of manifests, and nestings of a hundred to five thousand levels, among schedules of each second."""

from __future__ import annotations

import itertools
import time
from functools import partial
from pathlib import Path

import pytest

from cluster.audit.dossier import executions_in
from cluster.chaos import hostile
from cluster.chaos.fleet import every, work
from cluster.chaos.rig import Rig
from cluster.chaos.table import times
from cluster.controlplane import Cluster
from cluster.operator_process import eventually, scheduled_job

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
GOOD = 20
MOST_MEMORY = 300.0
"""MiB."""
LATE = 1.0
"""Seconds. On a machine that other tests share, the schedules are compared with themselves before the attack, too."""


def apply_good_ones(rig: Rig, word: str, count: int) -> None:
    rig.apply(*(scheduled_job(f"{word}-{n}", rig.namespace, **every(1), **work()) for n in range(count)))


def lateness(rig: Rig, since: float) -> float:
    """Return by how many seconds the latest execution since then began after its fire time."""
    found = [one.start - one.fire for one in executions_in(rig.ledger) if one.fire > since and one.attempt == 1]
    assert found
    return max(found)


def test_hostile_manifests_harm_themselves_alone(installed: Cluster, namespace: str, tmp_path: Path) -> None:
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        rig.start()
        apply_good_ones(rig, "good", GOOD)
        time.sleep(20)
        calm = lateness(rig, time.time() - 15)
        _, before = rig.operator.memory()

        attacked = time.time()
        answers = [
            rig.api.post_text(rig.path(), text)
            for text in itertools.chain(
                hostile.deep(namespace), hostile.large(namespace, 12), hostile.accepted(namespace, 8)
            )
        ]
        assert set(answers) == {201}, answers
        apply_good_ones(rig, "after", 2)
        time.sleep(times(30, 120))
        late = lateness(rig, attacked)
        memory, peak = rig.operator.memory()
        eventually(partial(rig.counts, "after-1"))
        assert rig.operator.page("/livez")[0] == 200

        rig.kill()
        rig.start()
        restarted = time.time()
        apply_good_ones(rig, "again", 2)
        time.sleep(times(30, 120))
        late_again = lateness(rig, restarted)
        memory_again, peak_again = rig.operator.memory()
        eventually(partial(rig.counts, "again-1"))

        print(
            f"{len(answers)} hostile manifests; late by at most {calm:.2f} s before, {late:.2f} s among them, "
            f"{late_again:.2f} s after a restart; MiB: {before:.0f} before, {memory:.0f} (peak {peak:.0f}) among them, "
            f"{memory_again:.0f} (peak {peak_again:.0f}) after a restart"
        )
        states = conditions(installed, namespace)
        refused = {name: reason for name, reason in states.items() if name.startswith(("deep", "large"))}
        assert set(refused.values()) == {"TooLarge"}, refused
        assert {states[f"accepted-{n}"] for n in range(8)} == {"Armed"}
        assert max(peak, peak_again) < MOST_MEMORY
        assert max(late, late_again) <= max(LATE, 2 * calm)
        rig.assert_clean()


def conditions(cluster: Cluster, namespace: str) -> dict[str, str]:
    """Return the reason of the condition Ready of each ScheduledJob, read by kubectl: its decoder takes any depth."""
    columns = 'NAME:.metadata.name,REASON:.status.conditions[?(@.type=="Ready")].reason'
    listed = cluster.kubectl("get", "scheduledjobs", "-n", namespace, "--no-headers", "-o", f"custom-columns={columns}")
    rows = [line.split() for line in listed.stdout.splitlines()]
    return {name: reason for name, reason, *_ in rows}
