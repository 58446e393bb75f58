"""The operator as its administrators see it: a release of the chart, pods, logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from devcluster.waiting import eventually
from node.namespaces import Json, Namespace, make_restricted
from node.places import ROOT, Site

CHART = ROOT / "charts" / "kalends"
NAMESPACE = "kalends-system"
TASKS = '''\
"""Tasks of the tests."""

import os
import time

import kalends


@kalends.task
def where(name: str) -> dict[str, str]:
    """Say which process this is."""
    return {"name": name, "process": str(os.getpid())}


@kalends.task
def sleep(seconds: int) -> str:
    """Take a while."""
    time.sleep(seconds)
    return "rested"
'''
LEDGER = (ROOT / "tests" / "cluster" / "chaos" / "ledger.py").read_text()
VALUES: Json = {
    # A test takes no longer for it, and two of them fit on a small node.
    "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
    "replicaCount": 2,
    "tasks": {"files": {"nodetasks.py": TASKS, "ledger.py": LEDGER}},
    # Tasks write their ledger where `kubectl logs` finds it.
    "extraEnv": [{"name": "AUDIT_LEDGER", "value": "/dev/stdout"}],
    "settings": {"drainSeconds": 5},
}


class Deployment:
    """A release of the chart."""

    def __init__(self, site: Site, name: str = "kalends", namespace: str = NAMESPACE, **values: Any) -> None:
        self.cluster = site.cluster
        self.helm = site.helm
        self.name = name
        self.values = {**VALUES, **values}
        make_restricted(site.cluster, namespace)
        self.home = Namespace(site.cluster, namespace)

    def install(self, chart: Path = CHART, **values: Any) -> str:
        """Install, or upgrade to other values; return the notes once every pod is ready."""
        self.values = {**self.values, **values}
        output = self.helm("upgrade", "--install", self.name, chart, "--namespace", self.home.name, values=self.values)
        self.until_ready()
        return output

    def until_ready(self) -> None:
        """Wait until all pods are ready, and those that were asked to end are gone."""
        self.home.kubectl("rollout", "status", f"deployment/{self.name}", "--timeout=240s", timeout=250)
        eventually(lambda: len(self.pods()) == self.values.get("replicaCount", 1))

    def uninstall(self) -> str:
        """Uninstall, and wait until no pod is left."""
        output = self.helm("uninstall", self.name, "--namespace", self.home.name)
        eventually(lambda: not self.pods())
        return output

    def pods(self) -> list[Json]:
        """Return the operator's pods."""
        return self.home.all("pods", f"--selector=app.kubernetes.io/instance={self.name}")

    def log(self, pod: str) -> str:
        """Return what a pod has said."""
        return self.home.kubectl("logs", pod)
