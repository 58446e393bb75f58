"""How often something may happen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and so many a second in the long run."""

    burst: float
    per_second: float


class TokenBucket:
    """Holds up to ``burst`` tokens, filled at a steady rate; times are monotonic seconds."""

    __slots__ = ("_rate", "_tokens", "_updated")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._updated = now

    def take(self, now: float) -> bool:
        """Take a token, if available."""
        self._fill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def wait(self, now: float) -> float:
        """Return the seconds until a token is available; 0 if it is now."""
        self._fill(now)
        return max(0.0, (1 - self._tokens) / self._rate.per_second)

    def _fill(self, now: float) -> None:
        filled = self._tokens + max(0.0, now - self._updated) * self._rate.per_second
        # Rounding must not leave a bucket just short of a token that was waited for.
        self._tokens = min(self._rate.burst, round(filled, 9))
        self._updated = now
