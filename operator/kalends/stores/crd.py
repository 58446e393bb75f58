"""The job store of a cluster: each ScheduledJob keeps its own record, under ``status``.

The catalogue of a cluster is the API server: users put and remove resources there, and the operator's feed
(``handlers/resources.py``) lists and watches them. So this store has the port ``JobStore`` and not ``Catalogue``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus

from kalends.engine.core.definition import Stored
from kalends.engine.core.state import Ref, State
from kalends.errors import ApiError, Conflict, Gone, JobStoreError, Refused, Unavailable
from kalends.kube.client.client import ApiClient
from kalends.kube.client.lanes import Lane
from kalends.kube.client.paths import SCHEDULED_JOBS
from kalends.kube.wire.bounded_objects import unread
from kalends.model.crd.installed import REMEDY, dropped
from kalends.stores.objects import read_object
from kalends.stores.status_record import every_field, status_patch

_UNKNOWN_FIELDS = re.compile(r'strict decoding error: ((?:unknown field "status\.[\w.\[\]]+"(?:, |$))+)$')
"""The end of the refusal of a strict patch. What users wrote stands before it, with its quotes escaped."""

OnLost = Callable[[Sequence[str]], None]
"""Is called with fields of the status that the CRD does not have."""


class CrdJobStore:
    """Writes whole records, with the version that was read: refused after another write, or if a field would be lost.

    An API server that has an older CRD drops the fields that it does not know, also those that a patch leaves as they
    are. So that it refuses the patch instead, the patch is strict and names all fields.
    """

    def __init__(self, client: ApiClient, on_lost: OnLost = lambda _: None) -> None:
        self._client = client
        self._on_lost = on_lost

    async def write(
        self, ref: Ref, version: str, before: State | None, after: State, *, keeps_unread: bool = False
    ) -> str:
        """Record a state.

        Raises:
            Unavailable: The CRD lacks a field of the record, so nothing was written.
        """
        if keeps_unread:
            # Only what is added is sent, so the patch itself does not show whether the rest would be lost.
            self._refuse(await fields_lost(self._client, ref.namespace, ref.name))
        status = status_patch(before, after, keeps_unread=keeps_unread)
        body = {"metadata": {"resourceVersion": version, "uid": ref.uid}, "status": status}
        # A claim is the start of a run in the pod, as its creation is that of a Job: it does not wait behind records.
        lane = Lane.CREATE if _claims(before, after) else Lane.STATUS
        try:
            obj = await self._client.merge_patch(_path(ref, "status"), body, strict=True, lane=lane)
        except ApiError as error:
            self._refuse(_unknown_fields(error))
            if error.status == HTTPStatus.NOT_FOUND:
                await self._insist_on_a_status(ref)
            raise _store_error(error, ref) from error
        if "status" not in unread(obj) and (lost := tuple(dropped(status, obj.get("status") or {}))):
            self._on_lost(lost)
        found: str = obj["metadata"]["resourceVersion"]
        return found

    def _refuse(self, lost: Sequence[str]) -> None:
        if lost:
            self._on_lost(lost)
            raise Unavailable(f"the CRD is older than this operator: it has no {', '.join(lost[:5])}; {REMEDY}")

    async def _insist_on_a_status(self, ref: Ref) -> None:
        """Find out whether a status that was not found means that its resource is gone.

        Raises:
            Unavailable: The resource is there, and has no separate status.
        """
        try:
            obj = await self._client.get(_path(ref), lane=Lane.STATUS)
        except ApiError:
            return
        if obj["metadata"]["uid"] == ref.uid:
            raise Unavailable(f"{ref.key} is there, but has no status: the CRD has no status subresource; {REMEDY}")

    async def read(self, ref: Ref) -> Stored:
        """Return the resource as it now is."""
        try:
            obj = await self._client.get(_path(ref))
        except ApiError as error:
            raise _store_error(error, ref) from error
        if obj["metadata"]["uid"] != ref.uid:
            raise Gone(f"{ref.key} was replaced by another resource of that name")
        return read_object(obj)

    async def delete(self, ref: Ref, version: str) -> None:
        """Delete the resource itself; its Jobs go with it."""
        try:
            there = await self._client.delete(_path(ref), uid=ref.uid, resource_version=version, lane=Lane.STATUS)
        except ApiError as error:
            raise _store_error(error, ref) from error
        if not there:
            raise Gone(f"{ref.key} is not there")


async def fields_lost(client: ApiClient, namespace: str, name: str) -> Sequence[str]:
    """Return the fields of a record that the API server would drop now: it is asked by a dry run, and writes nothing.

    Raises:
        ApiError: The API server did not answer, or the resource is not there.
    """
    status = every_field()
    path = SCHEDULED_JOBS.named(namespace, name, "status")
    try:
        obj = await client.merge_patch(path, {"status": status}, strict=True, dry_run=True, lane=Lane.STATUS)
    except ApiError as error:
        if error.status not in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
            raise
        return _unknown_fields(error)  # none, if a rule of the CRD refuses the example
    return tuple(dropped(status, obj.get("status") or {}))


def _unknown_fields(error: ApiError) -> Sequence[str]:
    """Return the fields of the status for which a strict patch was refused, if that is why."""
    found = _UNKNOWN_FIELDS.search(error.message)
    return () if found is None else tuple(re.findall(r'"([^"]+)"', found[1]))


def _path(ref: Ref, subresource: str | None = None) -> str:
    return SCHEDULED_JOBS.named(ref.namespace, ref.name, subresource)


def _claims(before: State | None, after: State) -> bool:
    """Return whether a write claims a run for a pool of this operator."""
    known = set() if before is None else {run.name for run in before.active if run.holder}
    return any(run.holder and run.name not in known for run in after.active)


def _store_error(error: ApiError, ref: Ref) -> JobStoreError | Unavailable:
    match error.status:
        case 404:
            return Gone(f"{ref.key} is not there")
        case 409:
            return Conflict(str(error))
        case 400 | 413 | 422:
            return Refused(str(error))
        case _:
            return Unavailable(str(error), error.retry_after)
