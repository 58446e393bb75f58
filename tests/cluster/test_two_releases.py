"""Two releases, each with a Lease in a separate namespace, that watch the same ScheduledJobs by mistake."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.audit import Fault
from cluster.chaos.fleet import fleet
from cluster.chaos.rig import EXECUTORS, Rig, fresh_namespace
from cluster.chaos.table import times
from cluster.operator_process import OperatorProcess
from devcluster import Cluster
from devcluster.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FOREIGN = re.compile(r"^kalends_foreign_holders (\d+)\.0$", re.MULTILINE)
TAKE_OVER = 30.0


@dataclass
class Releases:
    """Two operators at work on the fleet of one rig."""

    rig: Rig
    prod: OperatorProcess
    staging: OperatorProcess
    leases: tuple[str, str]

    def statuses(self) -> Mapping[str, Any]:
        return self.rig.statuses()

    def decided_by(self, lease: str) -> list[str]:
        return [name for name, status in self.statuses().items() if status.get("operator") == lease]


@contextmanager
def two_releases(cluster: Cluster, folder: Path) -> Iterator[Releases]:
    """Start the first release with half of the fleet, the second one a while later, and then the other half."""
    with fresh_namespace(cluster) as work, fresh_namespace(cluster) as elsewhere:
        manifests = fleet(work, size=times(20, 50), jobs=times(7, 14), processes=times(3, 6))
        environ = {"KALENDS_LEADER_ELECTION__TAKE_OVER_SECONDS": str(TAKE_OVER)}
        with Rig(cluster.kubeconfig, work, folder) as rig:
            prod, staging = (
                rig.new_operator(
                    cluster.kubeconfig,
                    EXECUTORS,
                    {**environ, "KALENDS_LEADER_ELECTION__NAMESPACE": namespace},
                    name=f"in-{name}",
                )
                for name, namespace in (("prod", work), ("staging", elsewhere))
            )
            try:
                rig.apply(*manifests[::2])
                prod.start()
                time.sleep(10)
                staging.start()
                rig.apply(*manifests[1::2])
                yield Releases(rig, prod, staging, (f"{work}/kalends", f"{elsewhere}/kalends"))
            finally:
                for one in (prod, staging):
                    one.kill()


@pytest.mark.usefixtures("node")
def test_nothing_is_lost_or_run_twice_and_both_say_what_is_wrong(installed: Cluster, tmp_path: Path) -> None:
    with two_releases(installed, tmp_path) as both:
        rig = both.rig
        time.sleep(times(40, 180))
        for operator in (both.prod, both.staging):
            found = FOREIGN.search(operator.page("/metrics")[1])
            assert found is not None
            assert int(found[1]) >= len(rig.statuses()) // 2
        for status in rig.statuses().values():
            assert status["operator"] in both.leases
            (condition,) = [one for one in status["conditions"] if one["type"] == "OtherOperator"]
            assert all(lease in condition["message"] for lease in both.leases)
        events = rig.api.items(f"/apis/events.k8s.io/v1/namespaces/{rig.namespace}/events")
        assert len({one["reportingInstance"] for one in events if one["reason"] == "OtherOperator"}) == 2
        verdict = rig.assert_clean()
        assert "lost" not in {fate.lower() for fate in verdict.fates}
        assert sum(status["counts"]["lost"] for status in rig.statuses().values()) == 0
        logs = [(tmp_path / f"in-{name}.log").read_text() for name in ("prod", "staging")]
        assert all("another operator is at work on the same namespaces" in log for log in logs)


@pytest.mark.usefixtures("node")
def test_the_other_release_takes_over_when_one_leaves(installed: Cluster, tmp_path: Path) -> None:
    with two_releases(installed, tmp_path) as both:
        rig, (leaving, staying) = both.rig, both.leases
        time.sleep(10)
        assert both.decided_by(leaving)
        at = time.time()
        rig.faults.append(Fault("kill", at, float("inf")))
        both.prod.process.send(signal.SIGTERM)
        assert both.prod.process.wait(within=120) == 0
        eventually(lambda: not both.decided_by(leaving), within=TAKE_OVER + 60, every=1.0)
        rig.faults[-1] = Fault("kill", at, time.time())
        assert time.time() - at >= TAKE_OVER
        time.sleep(20)
        statuses = both.statuses().values()
        assert {status["operator"] for status in statuses} == {staying}
        assert all(one["type"] != "OtherOperator" for status in statuses for one in status["conditions"])
        rig.assert_clean()
