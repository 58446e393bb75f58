"""The API server for code that waits: a thread has an event loop with the client and a watch."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from kalends.clock import Clock, SystemClock
from kalends.errors import ApiError
from kalends.extras import needs
from kalends.jobstores.kubernetes.labels import requirements
from kalends.kube.client.client import ApiClient
from kalends.kube.client.lanes import Lane, Lanes
from kalends.kube.client.paths import SCHEDULED_JOBS
from kalends.kube.informers.informer import Change, Informer
from kalends.kube.wire.bounded_objects import unread
from kalends.kube.wire.transport import METADATA_ONLY, JsonObject, Transport
from kalends.stores.objects import manager_of

with needs("KubernetesJobStore", "kubernetes"):
    from kalends.kube.client.socket_transport import SocketTransport
    from kalends.kube.login.connection import own_namespace
    from kalends.kube.login.credentials import load_credentials

LONGEST_SILENCE = 20.0
"""Seconds without a line of the watch after which the versions of all objects are compared, as the watch may hang. If
nothing changes, a watch sends a bookmark each minute, and it is given up after 70 seconds."""
_T = TypeVar("_T")


class Cluster:
    """Calls the API server from any thread but its own. Its objects are those that ``managed_by`` manages.

    Args:
        namespace: Where the objects are.
        managed_by: The value of ``spec.managedBy``.
        label_selector: Selects among them; an empty text selects all.
        transport: How the API server is reached.
        connections: How many requests are active at once.
        clock: Measures time limits.
    """

    def __init__(
        self,
        namespace: str,
        managed_by: str,
        *,
        label_selector: str,
        transport: Transport,
        connections: int,
        clock: Clock | None = None,
    ) -> None:
        self.namespace = namespace
        self.managed_by = managed_by
        self.collection = SCHEDULED_JOBS.collection(namespace)
        self.label_selector = label_selector
        self._requirements = requirements(label_selector)
        self._params = {"labelSelector": label_selector} if label_selector else {}
        self._selects = False
        """Whether the API server selects the objects of the manager."""
        self._changes = 0
        self._informer: Informer | None = None
        self._watching: asyncio.Task[None] | None = None
        self._clock = clock or SystemClock()
        self._transport = transport
        self._connections = connections
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="Kalends cluster", daemon=True)
        self.client: ApiClient

    def open(self) -> None:
        """Start the thread."""
        self._thread.start()
        self.call(self._make_client())

    async def _make_client(self) -> None:
        self.client = ApiClient(self._transport, self._clock, lanes=Lanes(self._connections))

    def call(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what a coroutine returns that runs in the thread."""
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("the thread of the cluster must not wait for itself")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """Close all connections, and end the thread."""
        if not self._thread.is_alive():
            self._loop.close()
            return
        self.call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.client.close()

    def now(self) -> float:
        """Return the instant, in seconds."""
        return self._clock.now() / self._clock.second

    # -- the objects

    def path(self, name: str, subresource: str | None = None) -> str:
        """Return the path of an object."""
        return SCHEDULED_JOBS.named(self.namespace, name, subresource)

    def _is_managed(self, obj: JsonObject) -> bool:
        """Return whether a selected object is one of this application, and is not being deleted."""
        # What the API server has selected needs no look at the spec, which may be too large to be read.
        return not is_ending(obj) and (self._selects or manager_of(obj) == self.managed_by)

    async def select_by_manager(self) -> None:
        """Have the API server select by ``spec.managedBy``, if it can: Kubernetes 1.31 and later.

        Raises:
            ApiError: The objects cannot be listed.
        """
        asked = {**self._params, "fieldSelector": f"spec.managedBy={_escaped(self.managed_by)}"}
        try:
            await self._first_page(asked)
        except ApiError as error:
            if error.status != HTTPStatus.BAD_REQUEST:
                raise
            await self._first_page(self._params)
        else:
            self._params, self._selects = asked, True

    async def _first_page(self, params: dict[str, str]) -> None:
        async with aclosing(self.client.list_pages(self.collection, params, limit=1)) as pages:
            await anext(pages, None)

    async def objects(self) -> Sequence[JsonObject]:
        """Return all objects."""
        found: dict[str, JsonObject] = {}
        async with aclosing(self.client.list_pages(self.collection, self._params)) as pages:
            async for page in pages:
                for obj in page["items"] or ():
                    if self._is_managed(obj):
                        found[obj["metadata"]["uid"]] = obj
        return list(found.values())

    async def metadata(self) -> Sequence[JsonObject]:
        """Return the metadata of all objects."""
        if not self._selects:
            return [obj["metadata"] for obj in await self.objects()]
        found: dict[str, JsonObject] = {}
        async with aclosing(self.client.list_pages(self.collection, self._params, accept=METADATA_ONLY)) as pages:
            async for page in pages:
                items = [item for item in page["items"] or () if not is_ending(item)]
                found |= {item["metadata"]["uid"]: item["metadata"] for item in items}
        return list(found.values())

    async def object(self, name: str) -> JsonObject | None:
        """Return the object of a name, or None if there is none among ``objects``."""
        obj = await self.any_object(name)
        if obj is None or is_ending(obj) or not self._is_selected(obj["metadata"].get("labels") or {}):
            return None
        if "spec" in unread(obj):  # its manager is known to the API server alone
            return await self._listed(name)
        return obj if manager_of(obj) == self.managed_by else None

    def _is_selected(self, labels: Mapping[str, str]) -> bool:
        return all(required(labels) for required in self._requirements)

    async def _listed(self, name: str) -> JsonObject | None:
        selectors = filter(None, (f"metadata.name={_escaped(name)}", self._params.get("fieldSelector")))
        params = {**self._params, "fieldSelector": ",".join(selectors)}
        async with aclosing(self.client.list_pages(self.collection, params)) as pages:
            async for page in pages:
                found: list[JsonObject] = [obj for obj in page["items"] or () if self._is_managed(obj)]
                if found:
                    return found[0]
        return None

    async def any_object(self, name: str) -> JsonObject | None:
        """Return the object of a name, of any manager and with any labels, or None if there is none."""
        try:
            return await self.client.get(self.path(name))
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def removed(
        self, path: str, *, resource_version: str | None = None, uid: str | None = None, lane: Lane = Lane.STATUS
    ) -> bool:
        """Delete an object of a version, or of a UID; return whether it was there."""
        try:
            return await self.client.delete(path, uid=uid, resource_version=resource_version, lane=lane)
        except ApiError as error:
            if error.status in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                return False
            raise

    # -- what others change

    @property
    def changes(self) -> int | None:
        """How many additions, changes and removals of objects the watch has shown.

        None: nothing is watched or listed yet, or the watch fails now or may hang, so that the number may be too small.
        """
        informer = self._informer
        if informer is None or not informer.synced or informer.read_errors.cause is not None:
            return None
        return None if (informer.silence() or 0.0) > LONGEST_SILENCE else self._changes

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Have a function called, in the thread, after each of them, and return a function that ends the watch.

        A new status alone is no change.
        """
        self.call(self._watch(changed))

        def end() -> None:
            if self._thread.is_alive():
                self.call(self._end_watch())

        return end

    async def _watch(self, changed: Callable[[], None]) -> None:
        def note(change: Change, kept: _Shown) -> None:
            before = shown.get(kept.uid)
            was_or_is_managed = kept.is_managed or (before is not None and before.is_managed)
            if was_or_is_managed and (change is not Change.MODIFIED or before != kept):
                self._changes += 1
                changed()
            shown[kept.uid] = kept
            if change is Change.DELETED:
                del shown[kept.uid]

        shown: dict[str, _Shown] = {}
        self._informer = informer = Informer(
            self.client,
            self.collection,
            clock=self._clock,
            on_change=note,
            keep=self._shown,
            params=self._params,
        )
        self._watching = asyncio.create_task(informer.run(), name="watch of ScheduledJobs")

    def _shown(self, obj: JsonObject) -> _Shown:
        meta = obj["metadata"]
        annotations: Mapping[str, str] = meta.get("annotations") or {}
        digest = hash(tuple(sorted(annotations.items())))
        return _Shown(meta["uid"], meta.get("generation") or 0, digest, is_managed=self._is_managed(obj))

    async def _end_watch(self) -> None:
        watching, self._watching, self._informer = self._watching, None, None
        if watching is not None:
            watching.cancel()
            await asyncio.wait([watching])


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the watch remembers of an object: what changes with the job, and not with its record."""

    uid: str
    generation: int
    annotations: int
    is_managed: bool


def is_ending(obj: JsonObject) -> bool:
    """Return whether an object is being deleted: a finalizer may keep it for long, and its job is removed already."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def _escaped(value: str) -> str:
    """Return a value, escaped for a field selector."""
    return re.sub(r"([\\,=])", r"\\\1", value)


def connect(kubeconfig: str | Path | None, context: str | None) -> tuple[Transport, str]:
    """Return the connection of a kubeconfig, or of the pod, and its namespace.

    Raises:
        InvalidSettings: There are none.
    """
    credentials = load_credentials(None if kubeconfig is None else Path(kubeconfig), context)
    in_a_pod = own_namespace() if kubeconfig is None and context is None else None
    return SocketTransport(credentials), in_a_pod or credentials.default_namespace
