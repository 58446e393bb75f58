"""When what failed about a resource is tried again, and when users are informed that it fails again and again."""

from __future__ import annotations

import logging
import random

from kalends.clock import Clock
from kalends.engine.loop.entry import Entry, Next
from kalends.engine.loop.listeners import Tell
from kalends.engine.ports import Delayed
from kalends.errors import Unavailable

log = logging.getLogger(__name__)

FAILURES_UNTIL_NOTICED = 4
"""After so many tries in a row, about three seconds, users are informed that something is in the way."""
FIRST_BACKOFF = 0.25
LONGEST_BACKOFF = 5.0
"""Seconds between two tries while a store or the API server does not answer."""
MAX_RETRY_AFTER = 60.0
"""Seconds for which the API server is left alone at most when it asks for that."""


def retry_after(error: Unavailable) -> float:
    """Return for how many seconds the API server asks to be left alone, within bounds; 0 if it does not ask."""
    return min(error.retry_after or 0.0, MAX_RETRY_AFTER)


class Backoff:
    """Delays the next try at a resource, longer after each failure."""

    def __init__(self, clock: Clock, tell: Tell) -> None:
        self._clock = clock
        self._tell = tell

    def later(self, entry: Entry, why: str, at_least: float | None = None) -> Next:
        """Put the next try off, for ``at_least`` so many seconds."""
        entry.failures += 1
        backoff = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(entry.failures - 1, 8))
        pause = max(backoff * random.uniform(0.5, 1.0), at_least or 0.0)  # noqa: S311 - spreads tries, keeps no secret
        entry.not_before = self._clock.monotonic() + pause
        if entry.failures == FAILURES_UNTIL_NOTICED:
            self._tell(entry.ref, [Delayed(entry.ref, why)])
        log.warning("%s: not done, trying again in %.1f s: %s", entry.ref.key, pause, why)
        return Next.WAIT
