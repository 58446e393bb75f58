"""The informers of Jobs and of their pods, which show both to the executor that creates Jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kalends.clock import Clock
from kalends.executors.jobs.job_manifest import SELECTOR
from kalends.executors.jobs.run_reports import trimmed
from kalends.executors.jobs.seen_jobs import SeenJobs
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import JOBS, PODS, Resource
from kalends.kube.informers.informer import Informer, OnChange
from kalends.kube.wire.transport import JsonObject


@dataclass(frozen=True, slots=True)
class JobInformers:
    """One informer of Jobs and one of pods for each namespace, or for all namespaces at once."""

    jobs: Mapping[str | None, Informer]
    pods: Mapping[str | None, Informer]

    @property
    def all(self) -> Sequence[Informer]:
        """All of them."""
        return [*self.jobs.values(), *self.pods.values()]

    def learn(self, job: JsonObject) -> None:
        """Show a Job that was just created to the informer of its namespace.

        It may be gone before a watch that was interrupted has shown it: only an informer that knows it notices that.
        """
        everywhere = self.jobs.get(None)
        informer = everywhere or self.jobs.get(job["metadata"]["namespace"]) or next(iter(self.jobs.values()))
        informer.learn(job)


def job_informers(
    client: ApiClient, clock: Clock, seen: SeenJobs, namespaces: Sequence[str], chance: Callable[[], float]
) -> JobInformers:
    """Return the informers that show Jobs and pods to ``seen``."""

    def informers(resource: Resource, on_change: OnChange) -> Mapping[str | None, Informer]:
        return {
            namespace: Informer(
                client,
                resource.collection(namespace),
                clock=clock,
                label_selector=SELECTOR,
                keep=trimmed,
                on_change=on_change,
                chance=chance,
            )
            for namespace in namespaces or (None,)
        }

    return JobInformers(informers(JOBS, seen.job_changed), informers(PODS, seen.pod_changed))
