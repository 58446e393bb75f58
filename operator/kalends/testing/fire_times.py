"""Fire times of triggers, one after another, for tests of triggers."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Protocol

from kalends.triggers.protocol import NotFound, PartialTally, Trigger


class Asked(Protocol):
    """A trigger of Kalends or of APScheduler."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> Any:
        """Return the next fire time, or None."""


def chain(trigger: Asked, now: datetime, count: int) -> list[datetime]:
    """Return the first fire times, each found from the one before, as a scheduler does that wakes at each."""
    found: list[datetime] = []
    previous = None
    while len(found) < count:
        previous = trigger.get_next_fire_time(previous, previous or now)
        if previous is None:
            break
        found.append(previous)
    return found


def utc(moments: list[datetime]) -> list[datetime]:
    """Return moments in UTC: in a fold, moments of different zones are never equal to Python."""
    return [moment.astimezone(UTC) for moment in moments]


def ascends(moments: list[datetime]) -> bool:
    """Return whether each moment is later than the one before."""
    return all(one < other for one, other in pairwise(utc(moments)))


def listed(trigger: Trigger, after: int, count: int) -> list[int]:
    """Return fire times of a compiled trigger, however many looks that takes."""
    found: list[int] = []
    while len(found) < count:
        following = trigger.next_after(after)
        if isinstance(following, NotFound):
            after = following.until
            continue
        if following is None:
            break
        found.append(following)
        after = following
    return found


def counts_agree(trigger: Trigger, after: int, fire_times: list[int]) -> bool:
    """Return whether ``tally`` counts exactly the given fire times, up to each and to the microsecond before."""
    for number, fire_time in enumerate(fire_times, 1):
        for until, expected in ((fire_time - 1, number - 1), (fire_time, number)):
            tally = trigger.tally(after, until)
            while isinstance(tally, PartialTally):
                tally = trigger.tally(after, until)
            ends = (fire_times[0], fire_times[expected - 1]) if expected else (None, None)
            if (tally.count, tally.first, tally.last) != (expected, *ends):
                return False
    return True
