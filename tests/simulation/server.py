"""The API server of the simulated world: the one in memory, with word of every write for whoever keeps the books."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kalends.kube.wire.transport import Request, Response
from kube.fake_api import FakeApi, _refusal
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


class InOrder(dict[Any, None]):
    """A set that is walked in the order in which things were added."""

    def add(self, item: Any) -> None:
        self[item] = None

    def discard(self, item: Any) -> None:
        self.pop(item, None)


class Server(FakeApi):
    """Carries out one request at a time, at once; the way there and back is the network's affair."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._watches = InOrder()  # type: ignore[assignment]
        self.listeners: list[OnWrite] = []
        self.admission: Admission = lambda _: None
        self._writer = "world"
        self.objects.on_write = self._written
        self._create = self.objects.create
        self.objects.create = self._create_mutated  # type: ignore[method-assign]

    def _create_mutated(
        self, collection: Collection, namespace: str, given: Object, *, dry_run: bool = False
    ) -> Object:
        if collection == JOBS and QUEUE in (given["metadata"].get("labels") or {}):
            given = {**given, "spec": {**given["spec"], "suspend": True}}
        return self._create(collection, namespace, given, dry_run=dry_run)

    def _written(self) -> None:
        write = self.objects.history[-1]
        for listener in self.listeners:
            listener(self._writer, write)
        for watch in self._watches:
            if watch._collection == write.collection:
                watch.wake()

    def carry_out(self, client: str, request: Request) -> Response:
        """Do what a client asks, and answer."""
        self.requests.append((client, request.method, request.path))
        refused = self.admission(request)
        if refused is not None:
            return refused
        before, self._writer = self._writer, client
        try:
            return Response(*self._carry_out(request))
        except Refused as refused:
            return _refusal(refused.status, refused.reason, refused.message)
        finally:
            self._writer = before

    def begin_watch(self, client: str, request: Request) -> Watch | Response:
        self.requests.append((client, "WATCH", request.path))
        try:
            watch = self._watch(request)
        except Refused as refused:
            return _refusal(refused.status, refused.reason, refused.message)
        self._watches.add(watch)
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
