"""The API server of the simulated world: the one in memory, with word of every write for whoever keeps the books."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kalends.kube.wire.transport import Request, Response
from kube.fake_api import FakeApi, refusal_response
from kube.fake_objects import Collection, Object, Refused, Write
from kube.fake_watch import Watch

SCHEDULED_JOBS = Collection("kalends.dev/v1alpha1", "scheduledjobs")
JOBS = Collection("batch/v1", "jobs")
PODS = Collection("v1", "pods")
LEASES = Collection("coordination.k8s.io/v1", "leases")
NAMESPACE = "default"
QUEUE = "kueue.x-k8s.io/queue-name"
"""The label by which a Job asks for admission: its webhook suspends such a Job when it is created."""

Admission = Callable[[Request], Response | None]
"""Returns a refusal, or None where a request may pass."""
OnWrite = Callable[[str, Write], None]


def suspend_queued(collection: Collection, given: Object) -> Object:
    """Suspend a new Job that asks for admission."""
    if collection == JOBS and QUEUE in (given["metadata"].get("labels") or {}):
        return {**given, "spec": {**given["spec"], "suspend": True}}
    return given


class Server(FakeApi):
    """Carries out one request at a time, at once; the way there and back is the network's affair."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.listeners: list[OnWrite] = []
        self.admission: Admission = lambda _: None
        self._writer = "world"
        self.objects.on_write = self._written
        self.objects.admit = suspend_queued

    def _written(self) -> None:
        write = self.objects.history[-1]
        for listener in self.listeners:
            listener(self._writer, write)
        for watch in self._watches:
            if watch.collection == write.collection:
                watch.wake()

    def carry_out(self, client: str, request: Request) -> Response:
        """Do what a client asks, and answer."""
        self.requests.append((client, request.method, request.path))
        denied = self.admission(request)
        if denied is not None:
            return denied
        before, self._writer = self._writer, client
        try:
            return Response(*self._carry_out(request))
        except Refused as refused:
            return refusal_response(refused.status, refused.reason, refused.message)
        finally:
            self._writer = before

    def begin_watch(self, client: str, request: Request) -> Watch | Response:
        self.requests.append((client, "WATCH", request.path))
        try:
            watch = self._watch(request)
        except Refused as refused:
            return refusal_response(refused.status, refused.reason, refused.message)
        self._watches[watch] = None
        return watch

    # -- for the world, which needs no network

    def find(self, collection: Collection, name: str) -> Object | None:
        try:
            return self.objects.get(collection, NAMESPACE, name)
        except Refused:
            return None

    def all(self, collection: Collection) -> list[Object]:
        return self.objects.list(collection, NAMESPACE)

    def patch(self, collection: Collection, name: str, patch: Object, subresource: str | None = None) -> None:
        """Patch an object if it is still there."""
        if self.find(collection, name) is not None:
            self.objects.merge_patch(collection, NAMESPACE, name, patch, subresource)

    def delete(self, collection: Collection, name: str, propagation: str = "Background") -> None:
        """Delete an object if it is still there."""
        if self.find(collection, name) is not None:
            self.objects.delete(collection, NAMESPACE, name, {"propagationPolicy": propagation})
