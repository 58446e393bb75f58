"""Stands in for a node: reports that the pods of Jobs have run, as a kubelet would.

A pod ends after ``seconds`` with exit code 0, and writes ``done`` to its termination message. Annotations on the pod
template change this: ``standin/exit-code``, ``standin/message``, and ``standin/never`` for a pod that never starts.
"""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from devcluster.api import Api

PODS = "/api/v1/pods?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dkalends&fieldSelector=status.phase%3DPending"


class StandInNode:
    """Completes pods until it is closed."""

    def __init__(self, kubeconfig: Path, seconds: float = 2.0, look_every: float = 0.25) -> None:
        self._api = Api(kubeconfig)
        self._age = timedelta(seconds=seconds)
        self._look_every = look_every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="stand-in node", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        self._api.close()

    def _work(self) -> None:
        while not self._stop.wait(self._look_every):
            with contextlib.suppress(OSError, AssertionError):  # an API server that a test has stopped comes back
                self._complete_pods()

    def _complete_pods(self) -> None:
        now = datetime.now(UTC)
        for pod in self._api.items(PODS):
            meta = pod["metadata"]
            said = meta.get("annotations") or {}
            old = now - datetime.fromisoformat(meta["creationTimestamp"]) >= self._age
            if not old or meta.get("deletionTimestamp") or said.get("standin/never"):
                continue
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status"
            self._api.patch(path, {"status": ended(pod, said, now)})


def ended(pod: Any, said: dict[str, str], now: datetime) -> dict[str, Any]:
    """Return the status of a pod whose containers have ended."""
    code = int(said.get("standin/exit-code", "0"))
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    terminated = {
        "exitCode": code,
        "reason": "Completed" if code == 0 else "Error",
        "message": said.get("standin/message", "done"),
        "startedAt": pod["metadata"]["creationTimestamp"],
        "finishedAt": at,
    }
    return {
        "phase": "Succeeded" if code == 0 else "Failed",
        "startTime": pod["metadata"]["creationTimestamp"],
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"terminated": terminated},
            }
            for container in pod["spec"]["containers"]
        ],
    }
