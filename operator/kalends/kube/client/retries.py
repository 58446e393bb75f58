"""Which failed requests are tried again, and after what pause: pure decisions."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from kalends.errors import ApiError

# PUT counts: all our writes carry a resourceVersion, so that a second one cannot happen.
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that double from ``first`` to ``longest`` seconds, each shortened by a random part of its upper half.

    The randomness keeps many clients that failed together from coming back together. An operator is few clients with
    few requests at a time, so the longest pause of these is short: it is what an outage costs after its end.
    """

    first: float = 0.1
    longest: float = 4.0

    def pause(self, failures: int, chance: float) -> float:
        """Return the seconds to wait after so many failures in a row (1 or more); ``chance`` is within [0, 1)."""
        doublings = min(failures - 1, 30)
        return min(self.first * 2.0**doublings, self.longest) * (1 - chance / 2)


def is_worth_retrying(method: str, error: ApiError) -> bool:
    """Return whether the same request may be sent again without asking the caller.

    - 429: the server refused it before doing anything, so any request may.
    - 5xx with Retry-After: the server itself asks for a repetition (client-go follows it for all verbs, too).
    - Other 5xx, and no answer at all: unknown whether it happened, so only requests that may happen twice.
    """
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.retry_after is not None:
        return True
    unknown = error.status == 0 or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return unknown and method in IDEMPOTENT_METHODS
