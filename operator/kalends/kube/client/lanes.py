"""Who may talk to the API server first when there is more to say than it can take."""

from __future__ import annotations

import asyncio
from enum import IntEnum
from itertools import count

from kalends.kube.client.fair_queue import FairQueue

Slot = asyncio.Future[None]


class Lane(IntEnum):
    """What a request is for. A lower number goes first."""

    CREATE = 0  # a run starts when its Job is created: the service level of a scheduler
    STATUS = 1  # what is recorded late can be repaired, but it holds back the next decision
    TIDY = 2  # deletes and Events: no decision waits for them


# Every eighth grant goes to the lane whose next request has waited longest.
FAIRNESS = 8


class Lanes:
    """Allows at most ``limit`` active requests, the first lane first.

    Within a lane namespaces are served in turn, and each of them first come, first served: a tenant whose schedules
    keep the lane full delays only itself. Two rules keep a lane from being starved or blocked for ever:

    - every eighth slot goes to the lane whose next request has waited longest;
    - STATUS may hold three quarters of the slots and TIDY one quarter, so that slow requests of a lower lane (a
      webhook that hangs on deletes) never keep creates out.
    """

    def __init__(self, limit: int = 32) -> None:
        self.limit = limit
        self._caps = {Lane.CREATE: limit, Lane.STATUS: max(1, limit * 3 // 4), Lane.TIDY: max(1, limit // 4)}
        self._held = dict.fromkeys(Lane, 0)
        self._active = 0
        self._waiting: dict[Lane, FairQueue[tuple[int, Slot]]] = {lane: FairQueue() for lane in Lane}
        self._arrivals = count()
        self._grants = 0

    @property
    def active(self) -> int:
        """Return how many slots are taken."""
        return self._active

    def waiting(self, lane: Lane) -> int:
        """Return how many requests wait in this lane."""
        return sum(not slot.done() for _, slot in self._waiting[lane])

    async def acquire(self, lane: Lane, namespace: str = "") -> None:
        """Take a slot, waiting for it if need be. Every slot taken must be released.

        Args:
            lane: What the request is for.
            namespace: Of the object that it concerns.
        """
        if self._may_take(lane) and not self._has_waiter(lane):
            self._take(lane)
            return
        slot = asyncio.get_running_loop().create_future()
        self._waiting[lane].put(namespace, (next(self._arrivals), slot))
        try:
            await slot
        except asyncio.CancelledError:
            if slot.done() and not slot.cancelled():
                self.release(lane)  # granted and cancelled at the same moment
            raise

    def release(self, lane: Lane) -> None:
        """Give a slot back, and let waiting requests have what is free."""
        self._held[lane] -= 1
        self._active -= 1
        while (next_lane := self._next_lane()) is not None:
            _, slot = self._waiting[next_lane].take()
            self._take(next_lane)
            slot.set_result(None)

    def _may_take(self, lane: Lane) -> bool:
        return self._active < self.limit and self._held[lane] < self._caps[lane]

    def _take(self, lane: Lane) -> None:
        self._held[lane] += 1
        self._active += 1

    def _next_lane(self) -> Lane | None:
        if self._active >= self.limit:
            return None
        candidates = [lane for lane in Lane if self._has_waiter(lane) and self._may_take(lane)]
        if not candidates:
            return None
        self._grants += 1
        if self._grants % FAIRNESS == 0:
            return min(candidates, key=lambda lane: self._waiting[lane].peek()[0])
        return candidates[0]

    def _has_waiter(self, lane: Lane) -> bool:
        queue = self._waiting[lane]
        while queue and queue.peek()[1].done():
            queue.skip()  # cancelled while it waited
        return bool(queue)
