"""Many schedules that fire under an installed operator, and all that an audit of them needs to know."""

from __future__ import annotations

import copy
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from cluster.audit import Fault
from cluster.audit.dossier import Dossier
from cluster.chaos.fleet import every, fleet
from cluster.chaos.rig import Rig
from cluster.operator_process import scheduled_job
from devcluster import Cluster
from node.deployment import Deployment
from node.namespaces import Json, Namespace, shell_job
from node.places import SHELL

LOOK_EVERY_SECONDS = 0.3
PROCESSES_OF_A_POD = 10_000_000
"""More than Linux ever counts to."""


class LogFollower:
    """Keeps what every pod of a deployment says, from its first word to its last, by `kubectl logs --follow`."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self._deployment = deployment
        self._folder = folder
        self._following: dict[str, subprocess.Popen[bytes]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="following logs", daemon=True)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for process in self._following.values():
            process.terminate()
            process.wait()

    def pods(self) -> Iterator[list[str]]:
        """Yield the lines of each pod."""
        for log in sorted(self._folder.glob("*.log")):
            yield log.read_text().splitlines()

    def _work(self) -> None:
        while not self._stop.wait(LOOK_EVERY_SECONDS):
            for pod in self._deployment.pods():
                statuses = pod.get("status", {}).get("containerStatuses", ())
                if pod["metadata"]["name"] not in self._following and any(
                    "running" in one["state"] for one in statuses
                ):
                    self._follow(pod["metadata"]["name"])

    def _follow(self, pod: str) -> None:
        home = self._deployment.home
        kubectl, kubeconfig = str(home.cluster.kubectl_binary), str(home.cluster.kubeconfig)
        command = [kubectl, "--kubeconfig", kubeconfig, "--namespace", home.name, "logs", "--follow", pod]
        with (self._folder / f"{pod}.log").open("wb") as log:
            self._following[pod] = subprocess.Popen(command, stdout=log, stderr=log)


class NodeRig(Rig):
    """The rig of the fault tests, without an operator process: the operator runs in the cluster and logs the ledger."""

    def __init__(self, deployment: Deployment, namespace: Namespace, folder: Path) -> None:
        super().__init__(with_token(deployment.cluster), namespace.name, folder)
        self.logs = LogFollower(deployment, folder / "logs")

    def __enter__(self) -> Self:
        self.logs.__enter__()
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.logs.__exit__()

    def begin(self) -> None:
        """Apply tasks of all kinds that fire every few seconds, and a few Jobs with pods."""
        self.apply(*fleet(self.namespace, size=12, jobs=0, processes=3), *jobs(self.namespace))

    @contextmanager
    def an_end(self) -> Iterator[None]:
        """Note that an operator ends, and what runs in it, until it has been replaced."""
        at = time.time()
        yield
        self.faults.append(Fault("kill", at, time.time()))

    def dossier(self) -> Dossier:
        """Return, and keep, the evidence up to now."""
        with self.ledger.open("w") as ledger:
            for number, lines in enumerate(self.logs.pods(), start=1):
                written = (json.loads(line) for line in lines if '"at_start"' in line)
                ledger.writelines(f"{json.dumps(elsewhere(line, number))}\n" for line in written)
        return super().dossier()


def elsewhere(line: Json, pod: int) -> Json:
    """Return a line of a ledger with process ids of its pod's own: each operator is the first process of its pod."""
    offset = pod * PROCESSES_OF_A_POD
    ancestors = [ancestor + offset for ancestor in line["ancestors"]]
    return {**line, "pid": line["pid"] + offset, "ancestors": ancestors}


def jobs(namespace: str) -> Iterator[Json]:
    """Yield ScheduledJobs whose Jobs are all kept, as *restricted* wants them."""
    policies: tuple[Json, ...] = ({}, {"concurrencyPolicy": "Allow", "coalesce": "All"}, {"concurrencyPolicy": "Queue"})
    for n, policy in enumerate(policies):
        template: dict[str, Any] = copy.deepcopy(shell_job("true", image=SHELL))
        template["metadata"] = {"annotations": {"audit/mark": "v1"}}
        kept = {"successfulJobsHistoryLimit": 1000, "failedJobsHistoryLimit": 1000}
        yield scheduled_job(f"job-{n}", namespace, **every(5 + n), **policy, **kept, jobTemplate=template)


def with_token(cluster: Cluster) -> Path:
    """Return a kubeconfig file of an administrator with a token, whatever credentials the cluster's own has."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "auditor", "namespace": "default"}}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "auditor"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "auditor", "namespace": "default"}],
    }
    listed = {"apiVersion": "v1", "kind": "List", "items": [account, binding]}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(listed))
    return cluster.kubeconfig_for_token(cluster.token_for("auditor", namespace="default"))
