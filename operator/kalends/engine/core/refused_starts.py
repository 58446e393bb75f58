"""Starts that were refused for a reason that may pass by itself: what is remembered of them. Pure.

A refused start holds up starts alone. The rest of the decision is recorded and carried out: runs that have ended,
fire times that are missed or coalesced, and Jobs beyond their history limits.
"""

from __future__ import annotations

from dataclasses import dataclass

from kalends.engine.core.copying import replace
from kalends.engine.core.state import Instant

TRIES_UNTIL_NOTICED = 4
"""After so many refusals in a row, about three seconds, an Event says that starts are delayed."""
TRIES_UNTIL_SHOWN = 8
"""After so many refusals in a row, about twenty seconds, the conditions say so."""
NEGLIGIBLE_PAUSE = 0.001
"""Seconds. Less is not waited for."""
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
"""Seconds between two tries."""
LONGEST_PAUSE_ONCE_SHOWN = 30.0
"""Seconds between two tries of the same fire time, once the conditions show the refusal. Later fire times are tried
when they become due."""
SHOWN_WITHIN = 5.0
"""Seconds after an edit in which the watch shows a Job that an earlier spec created without an answer."""
ANY_FIRE_TIME: Instant = 1 << 62


@dataclass(frozen=True, slots=True)
class RefusedStarts:
    """Starts of one resource that were refused in a row; the first success ends it."""

    message: str
    """The server's words at the last try."""
    tries: int
    certain: bool
    """Whether it is known that the last try started nothing. Otherwise no fire time is decided before the next try: a
    Job may exist whose creation got no answer."""
    up_to: Instant
    """The newest fire time that was tried. Later ones may be tried before ``not_before``."""
    not_before: float
    """When to try again, by the monotonic clock."""

    def after_edit(self, now: float) -> RefusedStarts | None:
        """Return what is left of these refusals once the resource was edited, at an instant of the monotonic clock."""
        if self.certain:
            return None
        return replace(self, tries=1, not_before=max(self.not_before, now + SHOWN_WITHIN))

    @property
    def is_lasting(self) -> bool:
        """Return whether starts have been refused often enough for the conditions to say so."""
        return self.tries >= TRIES_UNTIL_SHOWN


def pause_after(tries: int, *, certain: bool) -> float:
    """Return how many seconds to wait after so many refusals in a row.

    Once the conditions show the refusal, the same fire time is tried less often; it is a person who has to act.
    """
    longest = LONGEST_PAUSE_ONCE_SHOWN if certain and tries > TRIES_UNTIL_SHOWN else LONGEST_PAUSE
    pause: float = FIRST_PAUSE * 2 ** min(tries - 1, 16)
    return min(longest, pause)
