"""Rules made of rules: ``anyOf`` is their union, ``allOf`` their intersection, both as sets of instants."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from typing_extensions import override

from kalends.triggers.protocol import Instant, NotFound, PartialTally, Rule, Tally
from kalends.triggers.rules.rule import Combination, Leaf
from kalends.triggers.rules.wall_clock import WallRule
from kalends.triggers.search.budget import Budget
from kalends.triggers.search.windows import first_by_leaps, tally_windows
from kalends.triggers.zones.zone import LAST_INSTANT, Zone

_SPAN = 32
"""What finding the next change of the clocks costs, in units of the budget: some dozens of answers of ``zoneinfo``."""


def any_of(members: Iterable[Rule], zone: Zone) -> AnyOf:
    """Return the union of ``members``, those first that have no need to search."""
    return AnyOf(tuple(sorted(members, key=lambda member: not isinstance(member, Leaf))), zone)


@dataclass(frozen=True, slots=True)
class AnyOf(Combination):
    """Fires when any of ``members`` does; where several do at one instant, once. Make it with ``any_of``."""

    members: tuple[Rule, ...]
    zone: Zone

    @property
    @override
    def leaves(self) -> int:
        """The leaves of all members."""
        return sum(member.leaves for member in self.members)

    @override
    def seek(self, instant: Instant, until: Instant, budget: Budget) -> Instant | NotFound | None:
        """Return the earliest answer of the members; later ones need not look beyond those of the earlier ones."""
        earliest, known = None, until
        searching = sum(not member.is_direct for member in self.members)
        for member in self.members:
            # Each that has to search gets its share: the first of them must not leave the others without.
            share = budget if member.is_direct else Budget(budget.left // searching)
            before = share.left
            found = member.seek(instant, until if earliest is None else earliest, share)
            if share is not budget:
                budget.spend(before - share.left)
                searching -= 1
            if isinstance(found, NotFound):
                known = min(known, found.until)
            elif found is not None and (earliest is None or found < earliest):
                earliest = found
        if earliest is not None and earliest <= known:
            return earliest
        # A member that is not known far enough may fire before the others do.
        return NotFound(known) if known < until else None

    @override
    def count(self, after: Instant, until: Instant, budget: Budget) -> Tally | PartialTally:
        """Count day by day."""
        if len(self.members) == 1:
            return self.members[0].count(after, until, budget)
        return tally_windows(self, self.zone, after, until, budget)

    @override
    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return the union of the members' patterns."""
        return reduce(or_, (member.pattern(start, stop) for member in self.members), 0)


@dataclass(frozen=True, slots=True)
class AllOf(Combination):
    """Fires at the instants that every one of ``members`` names. Make it with ``all_of``.

    Where members share a wall clock, ``lead`` knows where they can agree: it takes nothing away and saves leaps.
    """

    members: tuple[Rule, ...]
    zone: Zone
    lead: Lead | None = None

    @property
    @override
    def leaves(self) -> int:
        """The leaves of all members."""
        return sum(member.leaves for member in self.members)

    @override
    def seek(self, instant: Instant, until: Instant, budget: Budget) -> Instant | NotFound | None:
        """Leap from member to member until all agree: the sparsest of them decides how many leaps that takes."""

        def leap(start: Instant) -> tuple[Instant, bool] | NotFound | None:
            return self._leap(start, until, budget)

        return first_by_leaps(self, self.zone, leap, instant, until, budget)

    @override
    def count(self, after: Instant, until: Instant, budget: Budget) -> Tally | PartialTally:
        """Count day by day."""
        return tally_windows(self, self.zone, after, until, budget)

    @override
    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return the intersection of the members' patterns."""
        return reduce(and_, (member.pattern(start, stop) for member in self.members))

    def _leap(self, start: Instant, until: Instant, budget: Budget) -> tuple[Instant, bool] | NotFound | None:
        """Ask each member in turn for its first fire time from that of the previous member."""
        reached = start
        if self.lead is not None:
            led = self.lead.seek(start - 1, until, budget)
            if led is None or isinstance(led, NotFound):
                return led
            reached = led
        agreed = 0
        for member in self.members:
            fire_time = member.seek(reached - 1, until, budget)
            if fire_time is None or isinstance(fire_time, NotFound):
                return fire_time
            agreed = agreed + 1 if fire_time == reached else 1
            reached = fire_time
        return reached, agreed == len(self.members)


@dataclass(frozen=True, slots=True)
class Lead:
    """Where rules on one wall clock can agree: at wall times that all of them name, or right after a gap.

    ``guide`` is None where they share no wall time, ``gaps`` is False where no gap of the zone can make them agree.
    """

    zone: Zone
    guide: WallRule | None
    gaps: bool

    def seek(self, instant: Instant, until: Instant, budget: Budget) -> Instant | NotFound | None:
        """Return the earliest such instant with ``instant`` < instant <= ``until``."""
        named = None if self.guide is None else self.guide.seek(instant, until, budget)
        if not self.gaps:
            return named
        stop = min(until + 1 if named is None else named, LAST_INSTANT)
        for span in self.zone.spans(instant + 1, stop):
            if span.start > instant and span.shown < span.start + span.offset:
                return span.start
            budget.spend(_SPAN)
            if budget.is_spent and span.end < stop:
                return NotFound(span.end - 1)
        return named
