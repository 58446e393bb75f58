"""The operator as a separate process, as users run it: started, queried, killed, started again."""

from __future__ import annotations

import os
import re
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from devcluster.ports import free_port
from devcluster.processes import SupervisedProcess
from devcluster.waiting import eventually

PATIENCE = 60.0


class OperatorProcess:
    """``kalends operator``, with its probes on a port of the loopback interface."""

    def __init__(
        self, kubeconfig: Path, log: Path, *, namespaces: tuple[str, ...] = (), environ: dict[str, str] | None = None
    ) -> None:
        self.port = free_port()
        command = [str(Path(sys.executable).with_name("kalends")), "operator", "--kubeconfig", str(kubeconfig)]
        for namespace in namespaces:
            command += ["--namespace", namespace]
        self.process = SupervisedProcess("operator", command, log)
        self.environ = {
            **os.environ,
            "KALENDS_HEALTH_PORT": str(self.port),
            "KALENDS_HEALTH_HOST": "127.0.0.1",
            "KALENDS_TIME_ZONE": "UTC",
            "KALENDS_EXECUTORS": '{"default": {"workers": 10}, "processes": {"kind": "processes", "workers": 2}}',
            **(environ or {}),
        }

    def start(self) -> None:
        """Start it, and wait until it has listed everything."""
        self.process.start(environ=self.environ)
        eventually(self.is_ready)

    def is_ready(self) -> bool:
        """Return whether /readyz says so."""
        assert self.process.is_running, self.process.last_words()
        return self.page("/readyz")[0] == 200

    def page(self, path: str) -> tuple[int, str]:
        """Return status and text of a page; status 0 if nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def requests(self) -> dict[tuple[str, str], int]:
        """Return how many requests it has made to the API server, by verb and resource."""
        found: dict[tuple[str, str], int] = {}
        _, page = self.page("/metrics")
        for line in page.splitlines():
            match = re.match(r"kalends_api_request_duration_seconds_count\{(.*)\} (\S+)", line)
            if match:
                labels = dict(re.findall(r'(\w+)="([^"]*)"', match[1]))
                key = (labels["verb"], labels["resource"])
                found[key] = found.get(key, 0) + int(float(match[2]))
        return found

    def memory(self) -> tuple[float, float]:
        """Return its resident memory now, and at its peak, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.MULTILINE))
        return int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024

    def kill(self) -> None:
        """End it as a lost node would."""
        self.process.stop(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send(signal.SIGTERM)
        code = self.process.wait(within=120)
        self.process.close()
        return code


def scheduled_job(name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    """Return a ScheduledJob's manifest."""
    return {
        "apiVersion": "kalends.dev/v1alpha1",
        "kind": "ScheduledJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def job_template(*, suspended: bool = False, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a Job template; the stand-in node reads the annotations."""
    pod: dict[str, Any] = {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox", "command": ["true"]}]}
    }
    if annotations:
        pod["metadata"] = {"annotations": annotations}
    spec: dict[str, Any] = {"backoffLimit": 0, "template": pod}
    if suspended:
        spec["suspend"] = True
    return {"spec": spec}
