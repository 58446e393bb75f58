"""A live view of a collection: listed once, then watched, and repaired after every interruption."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any, NamedTuple

from kalends.clock import Clock
from kalends.errors import ApiError
from kalends.kube.client.client import SILENCE, ApiClient
from kalends.kube.client.paths import resource_name
from kalends.kube.client.read_errors import ReadErrors
from kalends.kube.client.retries import Backoff
from kalends.kube.informers.comparison import Metadata, compare, read_each
from kalends.kube.wire.transport import NOTHING, JsonObject
from kalends.model.versions import is_older

log = logging.getLogger(__name__)

PAGE = 500
# A watch that ends sooner, without having said anything, counts as a failure: reconnecting at once would be a storm.
SHORT_WATCH = 1.0
# After so many silent watches in a row, the version to resume from may be higher than any that the server has, as it
# was restored from a backup.
SILENT_WATCHES = 2
# After these the version to resume from is useless: it is too old, or this server never gave it (it was restored
# from a backup), or the resource was not served for a while.
STATUSES_TO_LIST_AFTER = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.GATEWAY_TIMEOUT}
)

# Seconds. While no client is served, an operator's few connections are no burden, and each second of delay is missed
# after the end of the outage.
LONGEST_WHILE_AWAY = 5.0

Key = tuple[str, str]


class Change(StrEnum):
    """What became of an object, in the words of a watch."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


class Entry(NamedTuple):
    """What is remembered of an object."""

    uid: str
    resource_version: str
    kept: Any


OnChange = Callable[[Change, Any], None]
WATCHED_CHANGES: Mapping[str, Change] = {change.value: change for change in Change}


def keep_all(changed: JsonObject) -> JsonObject:
    """Keep the object as it is."""
    return changed


class Informer:
    """Follows one collection, and says what changed.

    ``keep(object)`` chooses what is remembered of an object, and what ``on_change(change, kept)`` is shown: the newest
    known state, also for deletions. Callbacks are synchronous; an exception is logged, and affects no other callback.

    Whatever was missed while the connection was down is found by comparison after the next list, deletions included:
    an object that was deleted and made again under its name is a deletion and an addition. ``on_synced()`` is called
    after every complete list, so the first call means that everything there is has been shown.
    """

    def __init__(  # noqa: PLR0913 - what to follow, the callbacks, and three values that tests choose
        self,
        client: ApiClient,
        path: str,
        *,
        clock: Clock,
        on_change: OnChange,
        on_synced: Callable[[], None] = lambda: None,
        keep: Callable[[JsonObject], Any] = keep_all,
        label_selector: str | None = None,
        params: Mapping[str, str] = NOTHING,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.path = path
        self.read_errors = ReadErrors(resource_name(path))
        """What keeps the collection from being followed, if anything does."""
        self.last_contact: float | None = None
        self._client = client
        self._clock = clock
        self._last_try: float | None = None
        self._on_change = on_change
        self._on_synced = on_synced
        self._keep = keep
        self._params = {**params, **({"labelSelector": label_selector} if label_selector else {})}
        self._backoff = backoff or Backoff(first=0.2, longest=30.0)
        self._chance = chance
        self._entries: dict[Key, Entry] = {}
        self._learned: set[str] = set()
        """UIDs of what others were shown since the last list began."""
        self._resource_version: str | None = None
        self._synced = False
        self._failures = 0
        self._silent_watches = 0

    @property
    def synced(self) -> bool:
        """Return whether each existing object has been shown at least once."""
        return self._synced

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, namespace: str, name: str) -> Any | None:
        """Return what is kept of an object, None if there is none; cluster-scoped ones have namespace ``""``."""
        entry = self._entries.get((namespace, name))
        return None if entry is None else entry.kept

    def silence(self) -> float | None:
        """Return for how many seconds the server has not been heard; None before its first word."""
        return None if self.last_contact is None else self._clock.monotonic() - self.last_contact

    def stalled(self) -> float:
        """Return for how many seconds the server was neither heard nor asked; an outage is no stall."""
        return 0.0 if self._last_try is None else self._clock.monotonic() - self._last_try

    async def catch_up(self) -> None:
        """Make the view as new as this moment, which a watch alone does not promise.

        A watch that lags behind may show older states after it: a caller that depends on the order compares versions.

        Raises:
            ApiError: It could not be done.
        """
        before = {entry.uid: key for key, entry in self._entries.items()}
        there = await compare(self._client, self.path, self._knows, self._params)
        self._heard()
        for uid, key in before.items():
            entry = self._entries.get(key)
            if uid not in there.uids and entry is not None and entry.uid == uid:
                self._forget(key, None)
        await read_each(self._client, self.path, there.unknown, self._see)

    def learn(self, seen: Mapping[str, Any]) -> None:
        """Remember an object that was seen in another way, such as in the answer to a create.

        So its deletion is noticed even if the watch never showed that it was there.
        """
        known = self._entries.get(_key(seen["metadata"]))
        version = seen["metadata"]["resourceVersion"]
        self._learned.add(seen["metadata"]["uid"])
        if known is None or not is_older(version, known.resource_version):
            self._see(dict(seen))

    def _knows(self, metadata: Metadata) -> bool:
        known = self._entries.get(_key(metadata))
        return known is not None and (known.uid, known.resource_version) == (
            metadata["uid"],
            metadata["resourceVersion"],
        )

    async def run(self) -> None:
        """Follow the collection until cancelled; failures are logged and followed by a pause, never raised."""
        while True:
            self._tried()
            try:
                if self._resource_version is None:
                    await self._list()
                await self._watch()
            except ApiError as error:
                await self._recover(error)
            except Exception:  # the view must outlive any answer, however strange: log, list again
                log.exception("Following %s failed; it is listed again.", self.path)
                self._resource_version = None
                await self._pause()

    async def _recover(self, error: ApiError) -> None:
        if error.status in STATUSES_TO_LIST_AFTER:
            self._resource_version = None
        self.read_errors.failed(error)
        away = error.status == 0 or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        await self._pause(at_least=error.retry_after or 0.0, at_most=LONGEST_WHILE_AWAY if away else math.inf)

    async def _pause(self, at_least: float = 0.0, at_most: float = math.inf) -> None:
        self._failures += 1
        backoff = replace(self._backoff, longest=min(at_most, self._backoff.longest))
        await asyncio.sleep(max(at_least, backoff.pause(self._failures, self._chance())))

    async def _list(self) -> None:
        seen: set[Key] = set()
        self._learned.clear()
        version = ""
        async with aclosing(self._client.list_pages(self.path, self._params, limit=PAGE)) as pages:
            async for page in pages:
                self._heard()
                version = page["metadata"].get("resourceVersion", version)
                for listed in page["items"] or ():
                    seen.add(_key(listed["metadata"]))
                    self._see(listed)
        self._forget_all_but(seen, version)
        self._resource_version = version
        self._synced = True
        self._call(self._on_synced)

    async def _watch(self) -> None:
        assert self._resource_version is not None  # noqa: S101 - for the type checker: _list has set it
        begun = self._clock.monotonic()
        heard = False
        events = self._client.watch(self.path, self._resource_version, self._params)
        try:
            async with aclosing(events):
                async for kind, changed in events:
                    heard = True
                    self._heard()
                    self._follow(kind, changed)
        finally:
            lasted = self._clock.monotonic() - begun
            self._judge(heard=heard, lasted=lasted)
        if not heard and lasted < SHORT_WATCH:
            await self._pause()

    def _judge(self, *, heard: bool, lasted: float) -> None:
        """Draw conclusions from how a watch went."""
        if heard or lasted >= SHORT_WATCH:
            self._failures = 0
        self._silent_watches = 0 if heard else self._silent_watches + (lasted > SILENCE - SHORT_WATCH)
        if self._silent_watches >= SILENT_WATCHES:
            self._silent_watches = 0
            self._resource_version = None

    def _heard(self) -> None:
        self.last_contact = self._clock.monotonic()
        self._tried()
        self.read_errors.succeeded()

    def _tried(self) -> None:
        self._last_try = self._clock.monotonic()

    def _follow(self, kind: str, changed: JsonObject) -> None:
        metadata = changed["metadata"]
        change = WATCHED_CHANGES.get(kind)
        if change is Change.DELETED:
            self._forget(_key(metadata), changed)
        elif change is not None:
            self._see(changed)
        self._resource_version = metadata["resourceVersion"]

    def _see(self, seen: JsonObject) -> None:
        metadata = seen["metadata"]
        key = _key(metadata)
        uid, version = metadata["uid"], metadata["resourceVersion"]
        known = self._entries.get(key)
        if known is not None and known.uid != uid:
            self._forget(key, None)
            known = None
        if known is not None and known.resource_version == version:
            return
        try:
            kept = self._keep(seen)
        except Exception:  # one object that cannot be read harms only itself
            log.exception("An object of %s could not be read: %s", self.path, "/".join(key))
            return
        self._entries[key] = Entry(uid, version, kept)
        self._call(self._on_change, Change.ADDED if known is None else Change.MODIFIED, kept)

    def _forget(self, key: Key, last_seen: JsonObject | None) -> None:
        known = self._entries.get(key)
        if known is None or (last_seen is not None and known.uid != last_seen["metadata"]["uid"]):
            return
        del self._entries[key]
        kept = known.kept
        if last_seen is not None:
            try:
                kept = self._keep(last_seen)
            except Exception:  # the last state that could be read will do
                log.exception("An object of %s could not be read: %s", self.path, "/".join(key))
        self._call(self._on_change, Change.DELETED, kept)

    def _forget_all_but(self, seen: set[Key], version: str) -> None:
        """Forget what a list of this version lacks, unless it was made, and we were shown it, since the list began."""
        for key, entry in list(self._entries.items()):
            is_younger = entry.uid in self._learned and is_older(version, entry.resource_version)
            if key not in seen and not is_younger:
                self._forget(key, None)

    def _call(self, callback: Callable[..., None], *arguments: Any) -> None:
        try:
            callback(*arguments)
        except Exception:  # who listens badly harms only itself
            log.exception("A listener to %s failed.", self.path)


def _key(metadata: Mapping[str, Any]) -> Key:
    return metadata.get("namespace", ""), metadata["name"]
