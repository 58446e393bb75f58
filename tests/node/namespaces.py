"""A namespace as its owners see it: by kubectl alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from devcluster import Cluster
from devcluster.waiting import eventually

Json = dict[str, Any]
PATIENCE_SECONDS = 180.0

POD_SECURITY = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}


@contextmanager
def restricted(cluster: Cluster, name: str) -> Iterator[Namespace]:
    """Make the namespace, in which no pod may do more than it must; its deletion is not waited for."""
    make_restricted(cluster, name)
    try:
        yield Namespace(cluster, name)
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false", check=False)


def make_restricted(cluster: Cluster, name: str) -> None:
    """Make such a namespace, unless there is one."""
    metadata = {"name": name, "labels": POD_SECURITY}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(manifest))
    service_account = ("get", "serviceaccount", "default", "--namespace", name)
    eventually(lambda: cluster.kubectl(*service_account, check=False).returncode == 0)


class Namespace:
    """Applies, reads and waits in one namespace."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    def kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - kubectl's
        check: bool = True,
        timeout: float = 60.0,
    ) -> str:
        """Return what kubectl printed."""
        given = ("--namespace", self.name, *arguments)
        return self.cluster.kubectl(*given, input=input, check=check, timeout=timeout).stdout

    def schedule(self, name: str, **spec: Any) -> None:
        """Apply a ScheduledJob."""
        manifest = {
            "apiVersion": "kalends.dev/v1alpha1",
            "kind": "ScheduledJob",
            "metadata": {"name": name},
            "spec": spec,
        }
        self.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(manifest))

    def get(self, kind: str, name: str) -> Json:
        """Return an object."""
        found: Json = json.loads(self.kubectl("get", kind, name, "--output=json"))
        return found

    def all(self, kind: str, *arguments: str) -> list[Json]:
        """Return the objects of a kind."""
        found: list[Json] = json.loads(self.kubectl("get", kind, "--output=json", *arguments))["items"]
        return found

    def status(self, name: str) -> Json:
        """Return a ScheduledJob's status, empty if it has none yet."""
        found: Json = self.get("scheduledjob", name).get("status", {})
        return found

    def until(self, name: str, claim: Callable[[Json], Any], *, within: float = PATIENCE_SECONDS) -> Json:
        """Return the status once the claim holds for it; an error shows what it was at last."""

        def holds() -> Json | None:
            status = self.status(name)
            assert claim(status), json.dumps(status, indent=1)
            return status

        found = eventually(holds, within=within, every=0.3)
        assert found is not None
        return found

    def until_run(self, name: str, outcome: str = "Succeeded", *, within: float = PATIENCE_SECONDS) -> Json:
        """Return the newest entry of the history, once there is one with that outcome."""

        def newest(status: Json) -> list[Json]:
            return [one for one in status.get("history", ()) if one["outcome"] == outcome]

        return newest(self.until(name, newest, within=within))[0]


def shell_job(script: str, *, image: str) -> Json:
    """Return a jobTemplate that runs a script as *restricted* wants it."""
    container = {
        "name": "main",
        "image": image,
        "command": ["sh", "-c", script],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    return {"spec": {"backoffLimit": 0, "template": {"spec": pod}}}
