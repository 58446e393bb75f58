"""What a trigger is to everybody else: a rule that names instants, and can count them.

Instants are whole seconds since 1970-01-01T00:00:00Z. A trigger holds no state, reads no clock and rolls no dice: the
same question has the same answer on every machine and after every restart, which is what makes a fire time the
identity of a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

Instant: TypeAlias = int


@dataclass(frozen=True, slots=True)
class Tally:
    """How many fire times a stretch of time holds, and which are the outermost."""

    count: int
    first: Instant | None
    last: Instant | None


NOTHING = Tally(count=0, first=None, last=None)


class Trigger(Protocol):
    """A pure rule that names instants, from 1970 to the end of the year 9999."""

    def next_after(self, instant: Instant) -> Instant | None:
        """Return the earliest fire time strictly later than ``instant``, or None if there is none."""
        ...

    def tally(self, after: Instant, until: Instant) -> Tally:
        """Count the fire times with ``after`` < fire time <= ``until``, without listing them."""
        ...


class Rule(Trigger, Protocol):
    """A trigger that others can be made of."""

    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return the fire times with ``start`` <= fire time < ``stop`` as a bit set: bit i stands for ``start + i``.

        A day takes 11 kB, and one machine instruction compares sixty seconds of two triggers. Ask for a day at most.
        """
        ...


def last_until(trigger: Trigger, first: Instant, until: Instant) -> Instant:
    """Return the latest fire time <= ``until``, given one that is: by bisection, some thirty questions at most."""
    low, high = first, until
    while low < high:
        middle = (low + high) // 2
        following = trigger.next_after(middle)
        if following is None or following > until:
            high = middle
        else:
            low = following
    return low
