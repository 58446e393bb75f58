"""A rule of whole seconds as a trigger of an engine whose instants have a finer unit."""

from __future__ import annotations

from dataclasses import dataclass

from kalends.triggers.protocol import Instant, NotFound, PartialTally, Tally, Trigger, may_search


@dataclass(frozen=True, slots=True)
class Scaled:
    """A trigger in units of which a second has ``second``. All of its fire times are whole seconds."""

    rule: Trigger
    second: int

    @property
    def may_search(self) -> bool:
        """Whether a question may take as long as a search."""
        return may_search(self.rule)

    def next_after(self, instant: Instant) -> Instant | NotFound | None:
        """Return the earliest fire time strictly later than ``instant``; None if it is certain that there is none."""
        found = self.rule.next_after(instant // self.second)
        if isinstance(found, NotFound):
            return NotFound(self._end_of(found.until))
        return None if found is None else found * self.second

    def tally(self, after: Instant, until: Instant) -> Tally | PartialTally:
        """Count the fire times with ``after`` < fire time <= ``until``, without listing them."""
        found = self.rule.tally(after // self.second, until // self.second)
        if isinstance(found, PartialTally):
            return PartialTally(self._scaled(found.tally), min(until, self._end_of(found.until)))
        return self._scaled(found)

    def several_after(self, instant: Instant, number: int) -> tuple[Instant, ...] | NotFound:
        """Return the first ``number`` fire times strictly later than ``instant``; fewer if there are no more."""
        found = self.rule.several_after(instant // self.second, number)
        if isinstance(found, NotFound):
            return NotFound(self._end_of(found.until))
        return tuple(fire_time * self.second for fire_time in found)

    def fires_at(self, instant: Instant) -> bool:
        """Return whether ``instant`` is a fire time."""
        return not instant % self.second and self.rule.fires_at(instant // self.second)

    def _end_of(self, whole: Instant) -> Instant:
        """Return the last unit of a second: none after it was searched."""
        return (whole + 1) * self.second - 1

    def _scaled(self, tally: Tally) -> Tally:
        first = None if tally.first is None else tally.first * self.second
        last = None if tally.last is None else tally.last * self.second
        return Tally(tally.count, first, last)
