"""Triggers that answer by arithmetic, to the microsecond."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from hashlib import blake2b

from typing_extensions import override

from kalends.triggers.protocol import NOTHING, Instant, NotFound, PartialTally, Tally, Trigger, may_search


class MicrosecondTrigger(ABC):
    """A trigger that lists fire times by asking for the next fire time again and again."""

    __slots__ = ()

    @abstractmethod
    def next_after(self, instant: Instant) -> Instant | NotFound | None:
        """Return the earliest fire time strictly later than ``instant``; None if it is certain that there is none."""

    @abstractmethod
    def tally(self, after: Instant, until: Instant) -> Tally | PartialTally:
        """Count the fire times with ``after`` < fire time <= ``until``."""

    def several_after(self, instant: Instant, number: int) -> tuple[Instant, ...] | NotFound:
        """Return the first ``number`` fire times strictly later than ``instant``; fewer if there are no more."""
        found: list[Instant] = []
        while len(found) < number:
            following = self.next_after(instant)
            if isinstance(following, NotFound):
                return following
            if following is None:
                break
            found.append(following)
            instant = following
        return tuple(found)

    def fires_at(self, instant: Instant) -> bool:
        """Return whether ``instant`` is a fire time."""
        return self.next_after(instant - 1) == instant


@dataclass(frozen=True, slots=True)
class Never(MicrosecondTrigger):
    """No fire time."""

    @override
    def next_after(self, instant: Instant) -> None:
        """Return None."""

    @override
    def tally(self, after: Instant, until: Instant) -> Tally:
        """Count nothing."""
        return NOTHING


@dataclass(frozen=True, slots=True)
class Grid(MicrosecondTrigger):
    """Fires at ``first`` and every ``period`` from then on, up to ``end`` (inclusive)."""

    first: Instant
    period: int
    end: Instant

    @override
    def next_after(self, instant: Instant) -> Instant | None:
        """Return the earliest fire time strictly later than ``instant``."""
        since = instant - self.first
        fire_time = self.first if since < 0 else instant + self.period - since % self.period
        return fire_time if fire_time <= self.end else None

    @override
    def tally(self, after: Instant, until: Instant) -> Tally:
        """Count by division."""
        first = self.next_after(after)
        until = min(until, self.end)
        if first is None or first > until:
            return NOTHING
        steps = (until - first) // self.period
        return Tally(steps + 1, first, first + steps * self.period)


@dataclass(frozen=True, slots=True)
class StartingAt(MicrosecondTrigger):
    """Fires at ``first``, and at the fire times of ``rest`` that are later."""

    first: Instant
    rest: Trigger

    @property
    def may_search(self) -> bool:
        """Whether a question may take as long as a search."""
        return may_search(self.rest)

    @override
    def next_after(self, instant: Instant) -> Instant | NotFound | None:
        """Return the earliest fire time strictly later than ``instant``."""
        return self.first if instant < self.first else self.rest.next_after(instant)

    @override
    def tally(self, after: Instant, until: Instant) -> Tally | PartialTally:
        """Count the first fire time, and the others as ``rest`` does."""
        if after >= self.first:
            return self.rest.tally(after, until)
        if until < self.first:
            return NOTHING
        found = self.rest.tally(self.first, until)
        if isinstance(found, PartialTally):
            return PartialTally(self._with_first(found.tally), found.until)
        return self._with_first(found)

    def _with_first(self, later: Tally) -> Tally:
        return Tally(later.count + 1, self.first, self.first if later.last is None else later.last)


@dataclass(frozen=True, slots=True)
class Delayed(MicrosecondTrigger):
    """The fire times of ``rule``, each delayed by 0 to ``longest``, but never up to the next fire time.

    The delay follows from ``seed`` and the fire time alone, so the same question always has the same answer.
    """

    rule: Trigger
    longest: int
    seed: str

    @override
    def next_after(self, instant: Instant) -> Instant | NotFound | None:
        """Return the earliest fire time strictly later than ``instant``."""
        held_back = self._held_back(instant)
        if isinstance(held_back, NotFound):
            return held_back
        if held_back is not None:
            return self._moved(held_back)
        following = self.rule.next_after(instant)
        return self._moved(following) if isinstance(following, int) else following

    @override
    def tally(self, after: Instant, until: Instant) -> Tally | PartialTally:
        """Count as the rule does, and correct the count where a delay crosses a bound."""
        before, at_end = self._held_back(after), self._held_back(until)
        if isinstance(before, NotFound) or isinstance(at_end, NotFound) or after >= until:
            return NOTHING if after >= until else PartialTally(NOTHING, after)
        counted = self.rule.tally(after, until)
        if isinstance(counted, PartialTally):
            return PartialTally(NOTHING, after)
        count = counted.count + (before is not None) - (at_end is not None)
        if not count:
            return NOTHING
        first = counted.first if before is None else before
        last = counted.last if counted.count else before
        if at_end is not None:  # the last of them is still held back, so the fire time before it is the last
            earlier = self.rule.tally(after, at_end - 1)
            last = earlier.last if isinstance(earlier, Tally) and earlier.last is not None else before
        return Tally(count, None if first is None else self._moved(first), None if last is None else self._moved(last))

    def _held_back(self, instant: Instant) -> Instant | NotFound | None:
        """Return the fire time up to ``instant`` that is delayed beyond it; only the last of them can be."""
        recent = self.rule.tally(instant - self.longest, instant)
        if isinstance(recent, PartialTally):
            return NotFound(instant)
        last = recent.last
        return last if last is not None and self._moved(last) > instant else None

    def _moved(self, fire_time: Instant) -> Instant:
        following = self.rule.next_after(fire_time)
        longest = min(self.longest, following - fire_time - 1) if isinstance(following, int) else self.longest
        digest = blake2b(f"{self.seed}/{fire_time}".encode(), digest_size=8).digest()
        return fire_time + int.from_bytes(digest, "big") % (longest + 1)
