"""The only module that reads the time.

Everything else is given a ``Clock``, so that tests, simulations and a stepped clock all go through this door.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings: what the world's clocks say, and how much time has passed."""

    @property
    def second(self) -> int:
        """How many units of ``now`` are a second: the unit of every instant of an engine with this clock."""
        ...

    def now(self) -> float:
        """Return the instant: units since 1970-01-01T00:00:00Z. It may step in either direction."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some point in the past. It never goes back."""
        ...


class SystemClock:
    """The clocks of this machine. Its instants are seconds, as those of ScheduledJobs are."""

    second = 1

    def now(self) -> float:
        """Return the wall clock's instant in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Return the monotonic clock's reading in seconds."""
        return time.monotonic()


class MicrosecondClock(SystemClock):
    """The clocks of this machine. Its instants are microseconds, as those of ``datetime`` are."""

    second = 1_000_000

    def now(self) -> float:
        """Return the wall clock's instant in microseconds, a whole number."""
        return time.time_ns() // 1000
