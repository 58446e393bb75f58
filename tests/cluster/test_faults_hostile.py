"""Sixteen megabytes of manifests, and nestings of a hundred to five thousand levels, among schedules of each second."""

from __future__ import annotations

import re
import threading
import time
from functools import partial
from pathlib import Path
from typing import Self

import pytest

from cluster.audit.dossier import executions_in
from cluster.chaos import hostile
from cluster.chaos.fleet import every, work
from cluster.chaos.rig import Rig
from cluster.chaos.table import FULL, times
from cluster.operator_process import scheduled_job
from devcluster import Cluster
from devcluster.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
GOOD = 20
MOST_MEMORY = 300.0
"""MiB."""
SETTLED = 5.0
"""Seconds after which executions are held to their fire times: the first ones of a new process catch up."""
MOST_LAG, MOST_LATE = (1.0, 1.0) if FULL else (10.0, 20.0)
"""Seconds. Both depend on the machine: the full table is played on a quiet one, the short form beside other tests."""


class LoopLag:
    """Asks the operator again and again by how much its event loop was last late; ``worst`` is the longest so far."""

    def __init__(self, rig: Rig) -> None:
        self.worst = 0.0
        self._rig = rig
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.4):
            _, page = self._rig.operator.page("/metrics")
            found = re.search(r"^kalends_loop_lag_seconds (\S+)", page, re.MULTILINE)
            self.worst = max(self.worst, 0.0 if found is None else float(found[1]))


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

        texts = [*hostile.deep(namespace), *hostile.large(namespace, 12), *hostile.accepted(namespace, 8)]
        begun = time.time()
        with LoopLag(rig) as lag:
            answers = [rig.api.post_text(rig.path(), text) for text in texts]
            assert set(answers) == {201}, answers
            apply_good_ones(rig, "after", 2)
            # While it stores them, the API server itself takes both cores for minutes.
            stored = time.time()
            time.sleep(times(30, 120))
        late_then, late = lateness(rig, begun), lateness(rig, stored + SETTLED)
        memory, peak = rig.operator.memory()
        eventually(partial(rig.counts, "after-1"))
        assert rig.operator.page("/livez")[0] == 200

        rig.kill()
        rig.start()
        restarted = time.time()
        apply_good_ones(rig, "again", 2)
        with LoopLag(rig) as lag_again:
            time.sleep(times(30, 120))
        late_again = lateness(rig, restarted + SETTLED)
        memory_again, peak_again = rig.operator.memory()
        eventually(partial(rig.counts, "again-1"))

        print(
            f"{len(answers)} hostile manifests in {stored - begun:.0f} s; late by at most {calm:.2f} s before, "
            f"{late_then:.2f} s while they were stored, {late:.2f} s among them, {late_again:.2f} s after a "
            f"restart; the loop by {lag.worst:.2f} s and {lag_again.worst:.2f} s; MiB: {before:.0f} before, "
            f"{memory:.0f} (peak {peak:.0f}) among them, {memory_again:.0f} (peak {peak_again:.0f}) after a restart"
        )
        states = conditions(installed, namespace)
        refused = {name: reason for name, reason in states.items() if name.startswith(("deep", "large"))}
        assert set(refused.values()) == {"TooLarge"}, refused
        assert {states[f"accepted-{n}"] for n in range(8)} == {"Armed"}
        assert max(peak, peak_again) < MOST_MEMORY
        assert max(lag.worst, lag_again.worst) <= MOST_LAG, "nothing that is read holds up the loop"
        assert max(late, late_again) <= max(MOST_LATE, 2 * calm)
        rig.assert_clean()


def conditions(cluster: Cluster, namespace: str) -> dict[str, str]:
    """Return the reason of the condition Ready of each ScheduledJob, read by kubectl: its decoder takes any depth."""
    columns = 'NAME:.metadata.name,REASON:.status.conditions[?(@.type=="Ready")].reason'
    listed = cluster.kubectl("get", "scheduledjobs", "-n", namespace, "--no-headers", "-o", f"custom-columns={columns}")
    rows = [line.split() for line in listed.stdout.splitlines()]
    return {name: reason for name, reason, *_ in rows}
