"""Shows existing ScheduledJobs to the engine: each when it changes, and all of them in a periodic check."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from kalends.engine.core.state import State
from kalends.engine.loop.scheduler import Scheduler
from kalends.errors import ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import SCHEDULED_JOBS, resource_name
from kalends.kube.client.read_errors import ReadErrors
from kalends.kube.informers.comparison import Metadata, compare, read_each
from kalends.kube.wire.bounded_objects import LATER, read_small, unread
from kalends.kube.wire.transport import METADATA_ONLY
from kalends.model.values import OPERATOR
from kalends.model.versions import is_older
from kalends.stores.objects import manager_of, read_object
from kalends.stores.status_record import encode, is_cut

log = logging.getLogger(__name__)

SWEEP_EVERY = 600.0
TOMBSTONES = 10_000
"""Deleted resources of which older news is known for such; a UID never comes back."""


async def _always() -> bool:
    return True


class View:
    """Shows the engine every ScheduledJob as it now is: the level, never the difference."""

    def __init__(
        self,
        client: ApiClient,
        scheduler: Scheduler,
        namespaces: Sequence[str],
        crd_fits: Callable[[], Awaitable[bool]] = _always,
    ) -> None:
        self._client = client
        self._scheduler = scheduler
        self._paths = [SCHEDULED_JOBS.collection(name) for name in namespaces] or [SCHEDULED_JOBS.collection()]
        self.read_errors = ReadErrors(resource_name(self._paths[0]))
        """What keeps ScheduledJobs from being listed, if anything does."""
        self._seen: set[str] | None = set()
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._apart: dict[str, Metadata] = {}
        """Objects that a list or a watch left out as too large, by key: they are read one after the other."""
        self._any_apart = asyncio.Event()
        self.first_key: str | None = None
        """A ScheduledJob that was there at the start, before any was read."""
        self._crd_fits = crd_fits
        self._cut: set[str] = set()
        """Those of them whose status is what was known, with fields left out: by a user, or by an older CRD."""
        self._elsewhere: set[str] = set()
        """UIDs of those that ``managedBy`` leaves to an application. The field never changes."""
        self._distrusted = False
        """Whether what is shown may lack fields, as the CRD does not fit, or did not."""

    def read_all_again(self) -> None:
        """Believe nothing that is shown until the CRD fits and all ScheduledJobs have been read again."""
        self._distrusted = True

    def show(self, event: str | None, obj: dict[str, Any]) -> None:
        """Show one object to the engine, unless this version of it is known, or it may lack fields."""
        meta = obj["metadata"]
        key, uid = f"{meta['namespace']}/{meta['name']}", meta["uid"]
        is_over = event == "DELETED" or bool(meta.get("deletionTimestamp"))
        if LATER in unread(obj).values() and not is_over and not self._knows(meta):
            self._put_apart(key, meta)
            return
        if self._seen is not None:
            self._seen.add(uid)
        if is_over:
            self._forget(key, uid)
        elif uid in self._gone or self._was_replaced(key, uid, meta["resourceVersion"]):
            return  # a watch that lags behind shows what was
        elif self._is_elsewhere(obj):
            self._leave_alone(key, uid)
        elif not self._distrusted and not self._scheduler.overview.knows(key, uid, meta["resourceVersion"]):
            if self._record_cut_in(key, obj) is not None and key not in self._cut:
                self._cut.add(key)
                self._put_apart(key, meta)
            else:
                self._cut.discard(key)
                self._scheduler.observe(read_object(obj))

    def _is_elsewhere(self, obj: dict[str, Any]) -> bool:
        """Return whether an application carries an object out."""
        # Of a large object, a watch shows no spec, so what was read of it before counts.
        return obj["metadata"]["uid"] in self._elsewhere or manager_of(obj) != OPERATOR

    def _leave_alone(self, key: str, uid: str) -> None:
        """Take note of an object that an application carries out."""
        self._elsewhere.add(uid)
        known = self._scheduler.overview.find(key)
        if known is not None:  # it took the name of one whose deletion was not seen
            self._forget(key, known[0])

    def _record_cut_in(self, key: str, obj: dict[str, Any]) -> State | None:
        """Return the last recorded state, if the status of an object is that state with fields left out."""
        known = self._scheduler.overview.find(key)
        record = None if known is None or known[0] != obj["metadata"]["uid"] else known[2]
        return record if record is not None and is_cut(encode(record), obj.get("status")) else None

    def _await(self, meta: Metadata) -> None:
        """Announce a version that is still to be read: until then the engine must start nothing of an older spec."""
        key = f"{meta['namespace']}/{meta['name']}"
        if meta["uid"] not in self._gone and not self._was_replaced(key, meta["uid"], meta["resourceVersion"]):
            self._scheduler.await_newer(key, meta["uid"], meta.get("generation") or 0)

    def _put_apart(self, key: str, meta: Metadata) -> None:
        """Have an object read later."""
        self._await(meta)
        self._apart[key] = meta
        self._any_apart.set()

    def _was_replaced(self, key: str, uid: str, version: str) -> bool:
        """Return whether one that was made later under its name is known."""
        known = self._scheduler.overview.find(key)
        return known is not None and known[0] != uid and is_older(version, known[1])

    def _forget(self, key: str, uid: str) -> None:
        self._scheduler.forget(key, uid)
        self._elsewhere.discard(uid)
        self._gone[uid] = None
        while len(self._gone) > TOMBSTONES:
            self._gone.popitem(last=False)

    async def wait_for_the_crd(self) -> None:
        """Wait until ScheduledJobs can be listed: kopf looks once, at its start, at which resources there are."""
        while True:
            try:
                await self._list_a_first_page()
            except ApiError as error:
                missing = error.status == HTTPStatus.NOT_FOUND
                hint = "; is the CRD installed? `kalends crds | kubectl apply --server-side -f -`" if missing else ""
                self.read_errors.failed(error, hint)
                await asyncio.sleep(2)
            else:
                self.read_errors.succeeded()
                return

    async def _list_a_first_page(self) -> None:
        pages = self._client.list_pages(self._paths[0], limit=1, accept=METADATA_ONLY, read=read_small)
        async with aclosing(pages):
            for item in (await anext(pages))["items"] or ():
                self.first_key = f"{item['metadata']['namespace']}/{item['metadata']['name']}"

    async def repair(self) -> None:
        """Catch up after a time without a watch, once ScheduledJobs can be listed again."""
        await self.wait_for_the_crd()
        await self.sweep()

    async def wait_until_shown(self) -> None:
        """Wait until every ScheduledJob that there is has been shown."""
        seen = self._seen if self._seen is not None else set()
        while True:
            await self._until_nothing_new_is_shown(seen)
            try:
                if await self._shown_all(seen):
                    break
            except ApiError as error:
                self.read_errors.failed(error)
            await asyncio.sleep(0.5)
        self._seen = None

    async def _until_nothing_new_is_shown(self, seen: set[str]) -> None:
        """Wait while the first list arrives: to list beside it would only slow it down."""
        shown = -1
        while shown < len(seen):
            shown = len(seen)
            await asyncio.sleep(0.2)

    async def read_omitted(self) -> None:
        """Read the objects that were left out of lists and watches, one at a time, to bound the memory they take."""
        while True:
            await self._any_apart.wait()
            self._any_apart.clear()
            while self._apart:
                key, meta = next(iter(self._apart.items()))
                try:
                    path = SCHEDULED_JOBS.collection(meta["namespace"])
                    # Where an older CRD has cut a record, nothing is believed from here on (``read_all_again``).
                    if key not in self._cut or await self._crd_fits():
                        await read_each(self._client, path, [meta], self._show_it_alone)
                except ApiError as error:
                    log.warning("%s could not be read: %s", key, error)
                    self._apart[key] = self._apart.pop(key)  # the others come first: it may fail for long
                    await asyncio.sleep(1)
                    continue
                if self._apart.get(key) is meta:
                    del self._apart[key]

    async def sweep_now_and_then(self) -> None:
        """Check all ScheduledJobs every ten minutes: the feed may have missed a change."""
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            await self.sweep()

    async def sweep(self) -> None:
        """Catch up, unless the API server prevents it: kopf does not report deletions between two of its lists."""
        try:
            await self.catch_up()
        except ApiError as error:
            self.read_errors.failed(error)
        except Exception:  # an unexpected answer: the next sweep may succeed
            log.exception("looking for what was missed failed")

    async def catch_up(self) -> None:
        """Show what was changed, and forget what was deleted, by this moment.

        Raises:
            ApiError: It could not be done.
        """
        before, anew = dict(self._scheduler.overview.uids()), self._distrusted
        if anew and not await self._crd_fits():
            return
        is_known = _must_be_read if anew else self._knows
        found = [await compare(self._client, path, is_known) for path in self._paths]
        self.read_errors.succeeded()
        there = frozenset().union(*(one.uids for one in found))
        for uid, key in before.items():
            if uid not in there:
                self._forget(key, uid)
        self._elsewhere &= there
        for one in found:
            for meta in one.unknown:
                self._await(meta)
        for path, one in zip(self._paths, found, strict=True):
            await read_each(self._client, path, one.unknown, self._show_anew if anew else self._show_it_alone)
        if anew and await self._crd_fits():
            self._distrusted = False

    def _show_anew(self, obj: dict[str, Any]) -> None:
        """Show an object that was seen, or written by others, while the CRD did not fit.

        The last recorded state counts where the object has a part of it: the rest was dropped.
        """
        meta = obj["metadata"]
        key, uid = f"{meta['namespace']}/{meta['name']}", meta["uid"]
        if meta.get("deletionTimestamp") or uid in self._gone or self._is_elsewhere(obj):
            self._show_it_alone(obj)
            return
        record = self._record_cut_in(key, obj)
        if record is not None:
            obj = {**obj, "status": encode(record)}
        try:
            self._scheduler.observe(replace(read_object(obj), incomplete=record is not None), again=True)
        except Exception:  # as below
            log.exception("a ScheduledJob could not be shown: %s", meta)

    def _show_it_alone(self, obj: dict[str, Any]) -> None:
        try:
            self.show(None, obj)
        except Exception:  # one object that cannot be shown must not hide the others, or keep anybody from leading
            log.exception("a ScheduledJob could not be shown: %s", obj.get("metadata"))

    def _knows(self, meta: Metadata) -> bool:
        """Return whether this version is known, and may stay as it is."""
        key, uid = f"{meta['namespace']}/{meta['name']}", meta["uid"]
        return uid in self._elsewhere or self._scheduler.overview.knows(key, uid, meta["resourceVersion"])

    async def _shown_all(self, seen: set[str]) -> bool:
        found = [await compare(self._client, path, _need_not_be_read) for path in self._paths]
        self.read_errors.succeeded()
        return all(one.uids <= seen for one in found)


def _must_be_read(_: Metadata) -> bool:
    return False


def _need_not_be_read(_: Metadata) -> bool:
    return True
