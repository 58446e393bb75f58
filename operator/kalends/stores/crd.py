"""The job store of a cluster: each ScheduledJob keeps its own record, under ``status``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus

from kalends.engine.core.state import Ref, State
from kalends.engine.ports import Snapshot
from kalends.errors import ApiError, Conflict, Gone, JobStoreError, Refused, Unavailable
from kalends.kube.client.client import ApiClient
from kalends.kube.client.lanes import Lane
from kalends.kube.client.paths import SCHEDULED_JOBS
from kalends.kube.wire.bounded_objects import unread
from kalends.model.crd.installed import REMEDY, dropped
from kalends.stores.snapshots import SnapshotReader
from kalends.stores.status_record import status_patch


class CrdJobStore:
    """Writes with the version that was read: a merge patch of what changed, refused once somebody else wrote."""

    def __init__(
        self,
        client: ApiClient,
        reader: SnapshotReader,
        on_stored: Callable[[Sequence[str]], None] = lambda _lost: None,
    ) -> None:
        """``on_stored(lost)`` is called after each write, with the fields that the API server has dropped from it."""
        self._client = client
        self._reader = reader
        self._on_stored = on_stored

    async def write(self, ref: Ref, version: str, before: State | None, after: State) -> str:
        """Record a state."""
        status = status_patch(before, after)
        body = {"metadata": {"resourceVersion": version, "uid": ref.uid}, "status": status}
        # A claim is the start of a run in the pod, as its creation is that of a Job: it does not wait behind records.
        lane = Lane.CREATE if _claims(before, after) else Lane.STATUS
        try:
            obj = await self._client.merge_patch(_path(ref, "status"), body, lane=lane)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                await self._insist_on_a_status(ref)
            raise _store_error(error, ref) from error
        if "status" not in unread(obj):
            self._on_stored(tuple(dropped(status, obj.get("status") or {})))
        found: str = obj["metadata"]["resourceVersion"]
        return found

    async def _insist_on_a_status(self, ref: Ref) -> None:
        """Find out whether a status that was not found means that its resource is gone.

        Raises:
            Unavailable: The resource is there, and has no status of its own.
        """
        try:
            obj = await self._client.get(_path(ref), lane=Lane.STATUS)
        except ApiError:
            return
        if obj["metadata"]["uid"] == ref.uid:
            raise Unavailable(f"{ref.key} is there, but has no status: the CRD has no status subresource; {REMEDY}")

    async def read(self, ref: Ref) -> Snapshot:
        """Return the resource as it now is."""
        try:
            obj = await self._client.get(_path(ref))
        except ApiError as error:
            raise _store_error(error, ref) from error
        if obj["metadata"]["uid"] != ref.uid:
            raise Gone(f"{ref.key} is another one now")
        return self._reader.read(obj)

    async def delete(self, ref: Ref, version: str) -> None:
        """Delete the resource itself; its Jobs go with it."""
        try:
            there = await self._client.delete(_path(ref), uid=ref.uid, resource_version=version, lane=Lane.STATUS)
        except ApiError as error:
            raise _store_error(error, ref) from error
        if not there:
            raise Gone(f"{ref.key} is not there")


def _path(ref: Ref, subresource: str | None = None) -> str:
    return SCHEDULED_JOBS.named(ref.namespace, ref.name, subresource)


def _claims(before: State | None, after: State) -> bool:
    """Return whether a write claims a run for a pool of ours."""
    known = set() if before is None else {run.name for run in before.active if run.holder}
    return any(run.holder and run.name not in known for run in after.active)


def _store_error(error: ApiError, ref: Ref) -> JobStoreError:
    match error.status:
        case 404:
            return Gone(f"{ref.key} is not there")
        case 409:
            return Conflict(str(error))
        case 400 | 413 | 422:
            return Refused(str(error))
        case _:
            return Unavailable(str(error), error.retry_after)
