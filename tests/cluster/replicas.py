"""Replicas of one operator, as processes of this machine that share a Lease: who leads, and what happens to whom."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from cluster.audit import Fault
from cluster.chaos.rig import EXECUTORS, Rig
from cluster.operator_process import OperatorProcess
from devcluster import ControlPlane
from devcluster.waiting import eventually

LEADS = re.compile(r"^kalends_leader 1\.0$", re.MULTILINE)


def lease_timing(lease: float, renew: float, retry: float) -> dict[str, str]:
    """Return the environment that sets the seconds of a lease."""
    named = {"LEASE_DURATION": lease, "RENEW_DEADLINE": renew, "RETRY_PERIOD": retry}
    return {f"KALENDS_LEADER_ELECTION__{name}": str(seconds) for name, seconds in named.items()}


class Replicas:
    """Several operators for the namespace of one rig, each behind a kubeconfig of its own if it is given one."""

    def __init__(self, rig: Rig, kubeconfigs: Sequence[Path], timing: Mapping[str, str], **more: Any) -> None:
        self.rig = rig
        environ = {"KALENDS_LEADER_ELECTION__NAMESPACE": rig.namespace, **timing, **more}
        self.all = [
            rig.new_operator(kubeconfig, EXECUTORS, environ, name=f"replica-{number}")
            for number, kubeconfig in enumerate(kubeconfigs)
        ]

    def __enter__(self) -> Self:
        for one in self.all:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.all:
            one.process.send(signal.SIGCONT)
            one.kill()

    def leaders(self) -> list[OperatorProcess]:
        """Return those that say that they lead; one that does not answer says nothing."""
        return [one for one in self.all if one.process.is_running and LEADS.search(one.page("/metrics")[1])]

    def is_led_by(self, leader: OperatorProcess) -> bool:
        return self.leaders() == [leader]

    def leader(self, within: float = 30.0) -> OperatorProcess:
        """Return the one that leads, once there is one."""
        return eventually(self.leaders, within=within)[0]

    def others(self, leader: OperatorProcess) -> list[OperatorProcess]:
        """Return the ones that stand by."""
        return [one for one in self.all if one is not leader]

    def taken_over_by(self, others: Sequence[OperatorProcess], since: float, within: float = 90.0) -> Takeover:
        """Wait until one of these leads, and so decides and acts; return how long that took."""
        renewed = datetime.fromisoformat(self.lease()["renewTime"])
        eventually(lambda: any(LEADS.search(one.page("/metrics")[1]) for one in others), within=within, every=0.05)
        in_all = time.time() - since
        acquired = datetime.fromisoformat(self.lease()["acquireTime"])
        return Takeover((acquired - renewed).total_seconds(), in_all)

    def lease(self) -> dict[str, Any]:
        """Return what the Lease says."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.rig.namespace}/leases/kalends"
        spec: dict[str, Any] = self.rig.api.get(path)["spec"]
        return spec

    def all_ready(self) -> None:
        """Wait until each of them could lead."""
        for one in self.all:
            eventually(one.is_ready)


@dataclass(frozen=True, slots=True)
class Takeover:
    """How long it took until another replica acted, in seconds."""

    after_the_last_renewal: float
    """... until it took the lease, by the instants in it."""
    in_all: float
    """... until it decided, after what had happened to the leader."""

    def __str__(self) -> str:
        return f"{self.in_all:.1f} ({self.after_the_last_renewal:.1f})"


def crowd() -> float:
    """Return by how much everything takes longer than on a machine with a processor for whoever wants one."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def until_it_answers(cluster: ControlPlane, within: float) -> None:
    """Wait for the first answer about ScheduledJobs: with a backlog, /readyz may take minutes to agree."""
    path = "/apis/kalends.dev/v1alpha1/scheduledjobs?limit=1"
    eventually(lambda: cluster.kubectl("get", "--raw", path, check=False).returncode == 0, within=within)


class Happening:
    """Something that ends an operator's lead, written down for the audit."""

    def __init__(self, rig: Rig, what: str, operator: OperatorProcess) -> None:
        self.at = time.time()
        self._faults = rig.faults
        self._place = len(rig.faults)
        self._faults.append(Fault(what, self.at, float("inf"), operator.process.pid))

    def over(self) -> None:
        """Note that it is over: somebody leads again, and whoever led has gone or knows it."""
        self._faults[self._place] = replace(self._faults[self._place], until=time.time())
