"""What the pods of each Job have said, kept for as long as the pod or its Job is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kalends.executors.jobs.identity import JobKey
from kalends.executors.jobs.pod_reports import SeenPod, Termination, newest_wait, see_pod

Json = Mapping[str, Any]


class SeenPods:
    """Pods by the Job that controls them."""

    def __init__(self) -> None:
        self._pods: dict[JobKey, dict[str, SeenPod]] = {}
        self._begun: set[JobKey] = set()
        """Jobs of which a container was seen to have run, though its pod may be gone by now."""

    def __len__(self) -> int:
        return len(self._pods) + len(self._begun)

    def pod_changed(self, job: JobKey, event: str, pod: Json, *, job_is_known: bool) -> None:
        """Remember a pod: it may be seen before its Job is, and its end is kept for as long as its Job."""
        seen = see_pod(pod)
        pods = self._pods.setdefault(job, {})
        pods.pop(seen.name, None)
        gone = event == "DELETED"
        if seen.begun:
            self._begun.add(job)
        if not gone:
            pods[seen.name] = seen
        elif job_is_known and seen.ended:
            pods[seen.name] = SeenPod(seen.name, seen.created, seen.ended, seen.begun)
        if not pods:
            del self._pods[job]
        if gone and not job_is_known:
            self._begun.discard(job)

    def job_begins(self, job: JobKey) -> None:
        """Note that a container of a Job has run, as the Job itself says."""
        self._begun.add(job)

    def has_begun(self, job: JobKey) -> bool:
        """Return whether a container of a Job was ever seen to run."""
        return job in self._begun

    def terminations(self, job: JobKey) -> list[Termination]:
        """Return how the containers of a Job have ended."""
        return [ended for pod in self._pods.get(job, {}).values() for ended in pod.ended]

    def wait(self, job: JobKey) -> str:
        """Return what the newest pod of a Job says it waits for."""
        return newest_wait(self._pods.get(job, {}).values())

    def forget(self, job: JobKey) -> None:
        """Drop the pods of a Job that is gone."""
        self._pods.pop(job, None)
        self._begun.discard(job)
