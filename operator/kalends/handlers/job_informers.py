"""The Jobs and pods that there are, followed for the executor that made them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kalends.clock import Clock
from kalends.executors.jobs.executor import JobsExecutor
from kalends.executors.jobs.job_manifest import SELECTOR
from kalends.executors.jobs.run_reports import slim
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import JOBS, PODS, Resource
from kalends.kube.informers.informer import Informer, OnChange


def job_informers(
    client: ApiClient, clock: Clock, executor: JobsExecutor, namespaces: Sequence[str], chance: Callable[[], float]
) -> tuple[list[Informer], list[Informer]]:
    """Return informers of Jobs and informers of their pods: one for each namespace, or for all at once."""

    def informers(resource: Resource, on_change: OnChange) -> list[Informer]:
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
        ]

    jobs = informers(JOBS, executor.job_changed)
    by_namespace = dict(zip(namespaces, jobs, strict=False))
    # What we create is gone one day, perhaps before a watch that was away has shown it: its informer has to know of it.
    executor.learn = lambda job: by_namespace.get(job["metadata"]["namespace"], jobs[0]).learn(job)
    return jobs, informers(PODS, executor.pod_changed)
