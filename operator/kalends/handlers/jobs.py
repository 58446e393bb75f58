"""The Jobs and pods that there are, followed for the executor that made them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kalends.clock import Clock
from kalends.executors.job_body import SELECTOR
from kalends.executors.jobs import JobsExecutor
from kalends.kube.client import ApiClient
from kalends.kube.informer import Informer
from kalends.kube.paths import JOBS, PODS

KEPT = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "ownerReferences", "annotations")


def job_informers(
    client: ApiClient, clock: Clock, executor: JobsExecutor, namespaces: Sequence[str], chance: Callable[[], float]
) -> list[Informer]:
    """Return, for each namespace or for all at once, an informer of Jobs and one of pods."""
    followed = ((JOBS, executor.job_changed), (PODS, executor.pod_changed))
    return [
        Informer(
            client,
            resource.collection(namespace),
            clock=clock,
            label_selector=SELECTOR,
            keep=slim,
            on_change=on_change,
            chance=chance,
        )
        for namespace in namespaces or (None,)
        for resource, on_change in followed
    ]


def slim(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of a Job or a pod what reports are made from."""
    meta = obj["metadata"]
    return {"metadata": {name: meta.get(name) for name in KEPT}, "status": obj.get("status")}
