"""Kubernetes Events (``events.k8s.io/v1``) about what needs attention, without ever standing in the way.

Posting never blocks and never raises: Events wait in a bounded queue. A full queue drops the oldest Event of the
namespace that has the most. All namespaces share a rate, so they are served in turn.
Repeats (same object, same reason) become the series of a single Event, so that a schedule that fails every second costs
one small write a minute.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Literal
from zlib import crc32

from kalends.clock import Clock
from kalends.errors import NAMESPACE_TERMINATING, ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.client.fair_queue import FairQueue
from kalends.kube.client.lanes import Lane
from kalends.kube.client.paths import EVENTS
from kalends.kube.events.series import EventType, Regarding, Series, shortened
from kalends.kube.events.token_buckets import Rate, TokenBucket
from kalends.kube.wire.transport import JSON, MERGE_PATCH

__all__ = ["EventLimits", "EventPoster", "EventType", "Regarding"]

log = logging.getLogger(__name__)

LONGEST_INSTANCE = 128
REQUEST_TIMEOUT = 10.0
# What is due within it is due: no clock moves on for less.
SHORTEST_WAIT = 0.001

Fate = Literal["posted", "repeated", "suppressed", "dropped", "failed"]


PER_OBJECT = Rate(burst=10, per_second=1 / 30)
OVERALL = Rate(burst=50, per_second=20)


@dataclass(frozen=True, slots=True)
class EventLimits:
    """How much may be said; ages and periods are in seconds."""

    queue: int = 1000
    series: int = 4096
    # A series that has been quiet for so long is over: the next repeat is a new Event, with its own note.
    series_age: float = 1800.0
    series_period: float = 60.0
    per_object: Rate = PER_OBJECT
    overall: Rate = OVERALL


class EventPoster:
    """Posts Events; ``instance`` is this replica's name. Start ``run`` as a task, and ``close`` it at the end.

    ``counts`` says what became of Events: posted, repeated (part of a series), suppressed (too many of one object),
    dropped (the queue was full), failed (the API server refused, or was not there).

    In a namespace for which ``is_ending`` holds, no Event can be created: they are suppressed. ``on_terminating`` is
    called with a namespace for which the API server refuses an Event for that reason.
    """

    def __init__(
        self,
        client: ApiClient,
        clock: Clock,
        *,
        instance: str,
        limits: EventLimits | None = None,
        is_ending: Callable[[str], bool] = lambda _: False,
        on_terminating: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.counts: Counter[Fate] = Counter()
        self._client = client
        self._clock = clock
        self._instance = instance[:LONGEST_INSTANCE]
        self._limits = limits or EventLimits()
        self._is_ending = is_ending
        self._on_terminating = on_terminating
        self._queue: FairQueue[Series] = FairQueue(self._limits.queue)
        self._due: list[tuple[float, int, Series]] = []
        self._series: OrderedDict[tuple[str, str], Series] = OrderedDict()
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._overall = TokenBucket(self._limits.overall, clock.monotonic())
        self._numbers = count()
        self._woken = asyncio.Event()
        self._closing = False
        self._time_limit: asyncio.Timeout | None = None
        self._finished = asyncio.Event()

    @property
    def series_kept(self) -> int:
        """How many series of Events are kept in memory, at most ``limits.series``."""
        return len(self._series)

    @property
    def buckets_kept(self) -> int:
        """How many objects have a token bucket in memory, at most ``limits.series``."""
        return len(self._buckets)

    def post(self, regarding: Regarding, *, kind: EventType, reason: str, note: str, action: str = "Schedule") -> None:
        """Say that something happened to an object. It returns at once, and raises nothing.

        Args:
            regarding: The object.
            kind: Whether it needs attention.
            reason: One PascalCase word for why.
            note: What a person should know; over 1 KiB it is cut.
            action: One PascalCase word for what the operator was about to do.
        """
        if self._is_ending(regarding.namespace):
            self.counts["suppressed"] += 1
            return
        now = self._clock.monotonic()
        known = self._series.get((regarding.uid, reason))
        if known is not None and now - known.heard < self._limits.series_age:
            self._repeat(known, now)
            return
        if not self._bucket(regarding.uid, now).take(now):
            self.counts["suppressed"] += 1
            return
        wall = self._clock.now()
        series = Series(regarding, kind, reason, action, shortened(note), wall, wall, now)
        self._series[series.key] = series
        self._series.move_to_end(series.key)
        if len(self._series) > self._limits.series:
            self._series.popitem(last=False)
        self._enqueue(series)

    async def run(self) -> None:
        """Post what comes, until closed."""
        try:
            async with asyncio.timeout(None) as self._time_limit:
                while not self._closing or self._queue or self._due:
                    await self._post_next()
        except TimeoutError:
            log.warning("%d Events were not posted before shutdown.", len(self._queue) + len(self._due))
        finally:
            self._finished.set()

    async def close(self, limit: float = 2.0) -> None:
        """Post what is left, without regard to rates, for at most so many seconds; ``run`` then returns."""
        self._closing = True
        self._woken.set()
        if self._time_limit is not None and not self._finished.is_set():
            self._time_limit.reschedule(asyncio.get_running_loop().time() + limit)
            await self._finished.wait()

    def _repeat(self, series: Series, now: float) -> None:
        self.counts["repeated"] += 1
        series.count += 1
        series.last = self._clock.now()
        series.heard = now
        if series.posted:
            self._schedule(series)

    def _schedule(self, series: Series) -> None:
        if not series.due:
            series.due = True
            heapq.heappush(self._due, (series.posted_at + self._limits.series_period, next(self._numbers), series))
            self._woken.set()

    def _enqueue(self, series: Series) -> None:
        dropped = self._queue.put(series.namespace, series)
        if dropped is not None:
            self.counts["dropped"] += 1
            self._forget(dropped)
        self._woken.set()

    def _forget(self, series: Series) -> None:
        if self._series.get(series.key) is series:
            del self._series[series.key]

    def _bucket(self, uid: str, now: float) -> TokenBucket:
        bucket = self._buckets.pop(uid, None) or TokenBucket(self._limits.per_object, now)
        self._buckets[uid] = bucket
        if len(self._buckets) > self._limits.series:
            self._buckets.popitem(last=False)
        return bucket

    async def _post_next(self) -> None:
        now = self._clock.monotonic()
        self._woken.clear()
        self._enqueue_due(now)
        if self._queue:
            pause = 0.0 if self._closing else self._overall.wait(now)
            if pause > SHORTEST_WAIT:
                await self._sleep(pause)
                return
            self._overall.take(now)
            await self._send(self._queue.take())
        elif self._due:
            await self._sleep(self._due[0][0] - now)
        else:
            await self._woken.wait()

    def _enqueue_due(self, now: float) -> None:
        """Enqueue the series whose repeats are to be reported now; at the end, all of them."""
        while self._due and (self._closing or self._due[0][0] - now <= SHORTEST_WAIT):
            self._enqueue(heapq.heappop(self._due)[2])

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _send(self, series: Series) -> None:
        series.due = False
        series.posted_at = self._clock.monotonic()
        if self._is_ending(series.regarding.namespace):
            self.counts["suppressed"] += 1
            self._forget(series)
            return
        try:
            series.posted = await (self._update(series) if series.posted else self._create(series))
        except ApiError as error:
            self.counts["failed"] += 1
            self._forget(series)
            if NAMESPACE_TERMINATING in error.causes:
                self._on_terminating(series.regarding.namespace)  # no user has to act on that
            else:
                log.warning("An Event (%s, on %s) was not posted: %s", series.reason, series.regarding.name, error)
            return
        except Exception:  # an unexpected answer costs one Event
            self.counts["failed"] += 1
            self._forget(series)
            log.exception("An Event (%s, on %s) was not posted.", series.reason, series.regarding.name)
            return
        if series.count > series.posted:
            self._schedule(series)

    async def _create(self, series: Series) -> int:
        """Create the Event; return how many repeats it reports."""
        reported = series.count
        name = self._name(series)
        await self._request("POST", EVENTS.collection(series.namespace), series.new_event(name, self._instance))
        series.path = EVENTS.named(series.namespace, name)
        self.counts["posted"] += 1
        return reported

    async def _update(self, series: Series) -> int:
        """Write how often the Event was repeated; return the number."""
        reported = series.count
        try:
            await self._request("PATCH", series.path, series.repeats())
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            # The API server deletes Events after an hour: start a new series.
            series.first, series.count = series.last, 1
            return await self._create(series)
        return reported

    async def _request(self, method: str, path: str, body: Mapping[str, object]) -> None:
        content_type = MERGE_PATCH if method == "PATCH" else JSON
        await self._client.request(
            method,
            path,
            body=body,
            content_type=content_type,
            timeout=REQUEST_TIMEOUT,
            patience=REQUEST_TIMEOUT,
            lane=Lane.TIDY,
        )

    def _name(self, series: Series) -> str:
        """Return a name that no other Event has: object, microsecond, replica, number."""
        unique = f"{int(series.first * 1e6):x}{crc32(self._instance.encode()):08x}{next(self._numbers):x}"
        return f"{series.regarding.name[:200]}.{unique}"
