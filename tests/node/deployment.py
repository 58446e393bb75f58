"""The operator as its administrators see it: a release of the chart, pods, logs."""

from __future__ import annotations

import json
from typing import Any

from cluster.operator_process import eventually
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
VALUES: Json = {
    # A test takes no longer for it, and two of them fit on a small node.
    "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
    "tasks": {"files": {"nodetasks.py": TASKS}},
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

    def install(self, **values: Any) -> str:
        """Install, or upgrade to other values; return the notes once every pod is ready."""
        self.values = {**self.values, **values}
        arguments = ("upgrade", "--install", self.name, CHART, "--namespace", self.home.name)
        told = self.helm(*arguments, values=self.values)
        self.home.kubectl("rollout", "status", f"deployment/{self.name}", "--timeout=90s")
        # A pod that is told to end is not one of the deployment's any more, but still there.
        eventually(lambda: len(self.pods()) == self.values.get("replicaCount", 1))
        return told

    def uninstall(self) -> str:
        """Uninstall, and wait until no pod is left."""
        told = self.helm("uninstall", self.name, "--namespace", self.home.name)
        eventually(lambda: not self.pods())
        return told

    def pods(self) -> list[Json]:
        """Return the operator's pods."""
        return self.home.all("pods", f"--selector=app.kubernetes.io/instance={self.name}")

    def log(self, pod: str) -> str:
        """Return what a pod has said."""
        return self.home.kubectl("logs", pod)

    def set_values(self) -> Json:
        """Return the values that Helm remembers."""
        found: Json = json.loads(self.helm("get", "values", self.name, "--namespace", self.home.name, "--output=json"))
        return found
