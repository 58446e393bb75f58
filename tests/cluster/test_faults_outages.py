"""The API server and etcd away for a while: ended, frozen, or killed together."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.chaos.fleet import fleet
from cluster.chaos.rig import Rig
from cluster.chaos.table import times
from cluster.replicas import until_it_answers
from devcluster import Cluster, ControlPlane
from devcluster.processes import SupervisedProcess
from devcluster.standin_node import StandInNode
from devcluster.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
AWAY = float(times(6, 20))
CROWDED = 240.0
"""Seconds that catching up may take where the machine is too crowded for anything; what it took is told."""


@contextmanager
def frozen(process: SupervisedProcess) -> Iterator[None]:
    """Stop a process as a debugger would: its connections are there, and nothing answers."""
    process.send(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send(signal.SIGCONT)


def api_server_ended(cluster: ControlPlane) -> None:
    cluster.stop_api_server(signal.SIGTERM)
    time.sleep(AWAY)
    cluster.api_server.start()
    until_it_answers(cluster, CROWDED)


def api_server_frozen(cluster: ControlPlane) -> None:
    with frozen(cluster.api_server):
        time.sleep(AWAY)
    until_it_answers(cluster, CROWDED)


def etcd_frozen(cluster: ControlPlane) -> None:
    with frozen(cluster.etcd):
        time.sleep(AWAY)
    until_it_answers(cluster, CROWDED)


def etcd_killed(cluster: ControlPlane) -> None:
    cluster.stop_etcd(signal.SIGKILL)
    time.sleep(AWAY)
    cluster.start_etcd()
    until_it_answers(cluster, CROWDED)


def both_killed(cluster: ControlPlane) -> None:
    cluster.stop_etcd(signal.SIGKILL)
    cluster.stop_api_server(signal.SIGKILL)
    time.sleep(AWAY / 4)
    cluster.start_etcd()
    cluster.api_server.start()
    until_it_answers(cluster, CROWDED)


OUTAGES = (etcd_frozen, both_killed, api_server_ended, api_server_frozen, etcd_killed)


def wait_until_decided_since(rig: Rig, instant: float) -> None:
    """Wait until every schedule, none of which pauses for more than five seconds, has been decided on since then."""
    floor = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(instant - 5))

    def all_are_there() -> bool:
        return all(status.get("decidedUntilTime", "") >= floor for status in rig.statuses().values())

    eventually(all_are_there, within=CROWDED, every=0.2)


def test_while_the_api_server_or_etcd_is_away_nothing_is_lost_and_the_operator_stays(
    installed: Cluster, local_control_plane: ControlPlane, node: StandInNode, namespace: str, tmp_path: Path
) -> None:
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        rig.apply(*fleet(namespace, size=times(30, 50)))
        rig.start()
        time.sleep(4)
        for _ in range(times(1, 5)):
            for outage in OUTAGES[: times(2, 5)]:
                at = time.time()
                outage(local_control_plane)
                rig.hindered(outage.__name__, at)
                back = time.time()
                wait_until_decided_since(rig, back)
                print(f"{outage.__name__}: away for {back - at:.0f} s, caught up {time.time() - back:.1f} s after that")
                assert rig.operator.process.is_running, rig.operator.process.last_words()
                time.sleep(2)
        verdict = rig.assert_clean()
        lost = sum(status["counts"]["lost"] for status in rig.statuses().values())
        assert lost == 0, "nobody who ran anything has gone"
    assert verdict.fates["cut off"] == 0
