"""Fire times that can only be found one after another: they are listed, remembered, and never listed twice.

A look asks a bounded number of questions. Then the answer is ``NotFound`` or ``PartialTally``, and the next look
continues where it ended.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import ClassVar, Protocol

from typing_extensions import override

from kalends.triggers.microseconds.exact import MicrosecondTrigger
from kalends.triggers.protocol import NOTHING, Instant, NotFound, PartialTally, Tally, Trigger
from kalends.triggers.zones.zone import FOREVER

MOST_STEPS = 1_000
"""Fire times that a look may list."""
MOST_KEPT = 1 << 20
"""Fire times that are remembered: 8 MiB."""
_MOST_LEAPS = 100
"""Candidates that a step of an intersection may try."""


class Source(Protocol):
    """Where the fire times of a list come from."""

    @property
    def is_fixed(self) -> bool:
        """Whether the fire times are the same wherever the list begins, so that it may begin anywhere."""
        ...

    def step(self, previous: Instant | None, after: Instant) -> Instant | NotFound | None:
        """Return the fire time that follows ``previous``, the last of the list.

        Args:
            previous: The last fire time that was found; None where the list begins.
            after: The list is complete up to here, ``previous`` included.
        """
        ...


@dataclass(slots=True)
class _Memory:
    """All fire times with ``after`` < fire time <= ``until``."""

    after: Instant
    until: Instant
    previous: Instant | None = None
    ended: bool = False
    found: array[int] = field(default_factory=lambda: array("q"))


class ListedTrigger(MicrosecondTrigger):
    """Lists the fire times of ``source``."""

    __slots__ = ("_lock", "_memory", "source")

    may_search: ClassVar[bool] = True

    def __init__(self, source: Source) -> None:
        self.source = source
        self._memory: _Memory | None = None
        self._lock = RLock()

    def __repr__(self) -> str:
        return f"ListedTrigger({self.source!r})"

    @override
    def next_after(self, instant: Instant) -> Instant | NotFound | None:
        """Return the earliest fire time strictly later than ``instant``."""
        with self._lock:
            memory = self._from(instant)
            for _ in range(MOST_STEPS):
                place = bisect_right(memory.found, instant)
                if place < len(memory.found):
                    return memory.found[place]
                if memory.ended:
                    return None
                if not self._extend(memory):
                    break
            return NotFound(max(instant, memory.until))

    @override
    def tally(self, after: Instant, until: Instant) -> Tally | PartialTally:
        """Count the fire times with ``after`` < fire time <= ``until``."""
        if after >= until:
            return NOTHING
        with self._lock:
            memory = self._from(after)
            for _ in range(MOST_STEPS):
                if memory.until >= until or not self._extend(memory):
                    break
            tally = _counted(memory.found, after, until)
            return tally if memory.until >= until else PartialTally(tally, max(after, memory.until))

    def _from(self, instant: Instant) -> _Memory:
        """Return the memory of a list that begins at ``instant`` or earlier."""
        memory = self._memory
        if memory is None or instant < memory.after or (self.source.is_fixed and instant > memory.until):
            memory = self._memory = _Memory(instant, instant)
        return memory

    def _extend(self, memory: _Memory) -> bool:
        """Add a fire time; return whether the search may continue."""
        following = self.source.step(memory.previous, memory.until)
        if isinstance(following, NotFound):
            memory.until = max(memory.until, following.until)
            return False
        if following is None:
            memory.ended, memory.until = True, FOREVER
            return True
        memory.previous = following
        if following > memory.after:
            memory.found.append(following)
            memory.until = max(memory.until, following)
            if len(memory.found) > MOST_KEPT:
                memory.after = memory.found[MOST_KEPT // 2 - 1]
                del memory.found[: MOST_KEPT // 2]
        return True


def _counted(found: array[int], after: Instant, until: Instant) -> Tally:
    low, high = bisect_right(found, after), bisect_right(found, until)
    return Tally(high - low, found[low], found[high - 1]) if low < high else NOTHING


@dataclass(frozen=True, slots=True)
class Union:
    """Fires when any of ``members`` does; where several do at one instant, once."""

    members: Sequence[Trigger]
    is_fixed: bool = True

    def step(self, previous: Instant | None, after: Instant) -> Instant | NotFound | None:
        """Return the earliest fire time of the members that is later than ``after``."""
        del previous
        answers = [member.next_after(after) for member in self.members]
        known = min((answer.until for answer in answers if isinstance(answer, NotFound)), default=FOREVER)
        earliest = min((answer for answer in answers if isinstance(answer, int)), default=None)
        if earliest is not None and earliest <= known:
            return earliest
        return None if known == FOREVER else NotFound(known)


@dataclass(frozen=True, slots=True)
class Intersection:
    """Fires at the instants that every one of ``members`` names."""

    members: Sequence[Trigger]
    is_fixed: bool = True

    def step(self, previous: Instant | None, after: Instant) -> Instant | NotFound | None:
        """Return the earliest common fire time later than ``after``, by leaps from member to member."""
        del previous
        reached = after + 1
        for _ in range(_MOST_LEAPS):
            start = reached
            for member in self.members:
                fire_time = member.next_after(reached - 1)
                if fire_time is None:
                    return None
                if isinstance(fire_time, NotFound):
                    return NotFound(max(fire_time.until, after))
                reached = fire_time
            if reached == start:
                return reached
        return NotFound(reached - 1)
