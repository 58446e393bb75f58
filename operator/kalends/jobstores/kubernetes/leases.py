"""The leases of a job store of Kubernetes are Leases (``coordination.k8s.io/v1``) beside its ScheduledJobs."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

from typing_extensions import override

from kalends.jobstores.kubernetes.cluster import Cluster
from kalends.jobstores.kubernetes.notes import object_name
from kalends.kube.client.paths import LEASES
from kalends.kube.lease import KubernetesLease
from kalends.leases.port import KeptLease, LeaseRecord, LeaseStore, Timing
from kalends.model.instants import micro_time


class ClusterLeases(LeaseStore):
    """Keeps each lease as an object whose name is made from the manager, the selector and the name of the lease."""

    _timing = Timing()

    @override
    def use_timing(self, timing: Timing) -> None:
        self._timing = timing

    @property
    @abstractmethod
    def _api(self) -> Cluster: ...

    @override
    def read_lease(self, name: str) -> KeptLease | None:
        return self._api.call(self._lease(name).read())

    @override
    def write_lease(self, name: str, known: KeptLease | None, record: LeaseRecord) -> KeptLease | None:
        # A write that changes nothing would have no new version, which is what others look at.
        changed = replace(record, renewed=record.renewed or micro_time(self._api.now()))
        return self._api.call(self._lease(name).write(known, changed))

    @override
    def remove_lease(self, name: str, known: KeptLease) -> bool:
        path = LEASES.named(self._api.namespace, self._lease_name(name))
        return self._api.call(self._api.removed(path, resource_version=known.version))

    def _lease(self, name: str) -> KubernetesLease:
        return KubernetesLease(self._api.client, self._api.namespace, self._lease_name(name), self._timing)

    def _lease_name(self, name: str) -> str:
        selector = f"?{self._api.label_selector}" if self._api.label_selector else ""
        return object_name(f"{self._api.managed_by}{selector}:{name}")
