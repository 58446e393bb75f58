"""What the loop is to look at: resources that changed, and those whose instant has come."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable

from kalends.clock import Clock
from kalends.engine.loop.queues.agenda import Agenda

LONGEST_SLEEP = 10.0
"""Seconds. A stepped clock or a machine that was suspended is noticed after so long at the latest."""

CLOCK_STEP = 1.0
"""Seconds by which a clock must go back for it to count as put back."""
DEFERRED_TURN = 50
"""Every so many looks, a deferred resource is looked at, however many others are due."""


class Inbox:
    """Resources to look at now, in the order in which they came up, each once; and those to look at later."""

    def __init__(self, clock: Clock, longest_sleep: float = LONGEST_SLEEP) -> None:
        self._clock = clock
        self._longest_sleep = longest_sleep
        self._agenda = Agenda(CLOCK_STEP * clock.second)
        self._todo: OrderedDict[str, None] = OrderedDict()
        self._deferred: OrderedDict[str, None] = OrderedDict()
        """Those to look at when there is nothing else to look at."""
        self._taken = 0
        self._changed = asyncio.Event()
        self._sleeps_until = float("-inf")

    def __bool__(self) -> bool:
        return bool(self._todo or self._deferred)

    @property
    def later(self) -> int:
        """How many resources wait for an instant."""
        return len(self._agenda)

    def put(self, key: str) -> None:
        """Have a resource looked at soon."""
        self._put(key)
        self._changed.set()

    def wake(self) -> None:
        """End a wait."""
        self._changed.set()

    def put_at(self, key: str, instant: float) -> None:
        """Have a resource looked at at an instant, and at no other before something changes."""
        self._agenda.put(key, instant)
        if instant < self._sleeps_until:
            self._changed.set()

    def unschedule(self, key: str) -> None:
        """Have a resource looked at when something changes, and at no instant."""
        self._agenda.discard(key)

    def discard(self, key: str) -> None:
        """Have a resource not looked at, now or later."""
        self._agenda.discard(key)
        self._todo.pop(key, None)
        self._deferred.pop(key, None)

    def take(self) -> str:
        """Take out the first of those to look at now."""
        self._taken += 1
        first, then = self._todo, self._deferred
        if not first or (then and self._taken % DEFERRED_TURN == 0):
            first = then
        return first.popitem(last=False)[0]

    def defer(self, key: str) -> bool:
        """Have a resource that was taken looked at after the others; return False if there are none before it."""
        if not self._todo or self._taken % DEFERRED_TURN == 0:
            return False
        self._deferred[key] = None
        return True

    def _put(self, key: str) -> None:
        if key not in self._deferred:
            self._todo.setdefault(key)

    def fill(self, also: Iterable[str] = ()) -> None:
        """Add those whose instant has come, and others."""
        for key in also:
            self._put(key)
        for key in self._agenda.pop_due(self._clock.now()):
            self._put(key)

    async def wait(self) -> None:
        """Wait until there is something to look at; never for long."""
        self._changed.clear()
        if self:
            return
        now = self._clock.now()
        upcoming = self._agenda.next_instant()
        longest = self._longest_sleep
        rest = longest if upcoming is None else min(longest, (upcoming - now) / self._clock.second)
        if rest <= 0:
            await asyncio.sleep(0)  # whatever is wrong with the agenda, others get their turn
            return
        self._sleeps_until = now + rest * self._clock.second
        try:
            async with asyncio.timeout(rest):
                await self._changed.wait()
        except TimeoutError:
            return
        finally:
            self._sleeps_until = float("-inf")
