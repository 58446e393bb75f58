"""The only module that reads the time.

Everything else is given a ``Clock``, so that tests, simulations and a stepped clock all go through this door.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings: what the world's clocks say, and how much time has passed."""

    def now(self) -> float:
        """Return the instant: seconds since 1970-01-01T00:00:00Z. It may step in either direction."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some point in the past. It never goes back."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> float:
        """Return the wall clock's instant in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Return the monotonic clock's reading in seconds."""
        return time.monotonic()
