"""Grids of microseconds: where several agree, and how many instants they name together.

Two grids agree on a grid again, by the Chinese remainder theorem. So unions of grids are counted by inclusion and
exclusion, without listing anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from typing_extensions import override

from kalends.triggers.microseconds.exact import Grid, MicrosecondTrigger
from kalends.triggers.protocol import Instant, NotFound, PartialTally, Tally, Trigger, may_search
from kalends.triggers.rules.interval import IntervalRule, meeting
from kalends.triggers.zones.zone import FOREVER

MOST_GRIDS = 6
"""Inclusion and exclusion takes up to two to the power of so many terms."""

_Term: TypeAlias = tuple[int, Grid]
"""A sign, and what is added or subtracted."""


def common_grid(grids: Sequence[Grid]) -> Grid | None:
    """Return the instants that all grids name; None if there are certainly none."""
    common: Grid | None = grids[0]
    for grid in grids[1:]:
        common = None if common is None else _common(common, grid)
    return common


def _common(one: Grid, other: Grid) -> Grid | None:
    found = meeting(IntervalRule(one.first, one.period), IntervalRule(other.first, other.period))
    end = min(one.end, other.end)
    return None if found is None or found.first > end else Grid(found.first, found.period, end)


def _terms(grids: Sequence[Grid]) -> tuple[_Term, ...]:
    """Return what sums up to the count of the union of ``grids``."""
    terms: list[_Term] = []
    for grid in grids:
        shared = [(-sign, common) for sign, term in terms if (common := _common(term, grid)) is not None]
        terms += [(1, grid), *shared]
    return tuple(terms)


def _sum(terms: Iterable[_Term], after: Instant, until: Instant) -> int:
    return sum(sign * grid.tally(after, until).count for sign, grid in terms)


@dataclass(frozen=True, slots=True)
class UnionOfGrids(MicrosecondTrigger):
    """The instants of ``grids``, and those of ``whole``. Make it with ``union_of_grids``.

    ``whole`` has all fire times that are whole seconds, those of the grids included. ``all_terms`` count the grids, and
    ``whole_terms`` their whole seconds, which would otherwise be counted twice.
    """

    grids: tuple[Grid, ...]
    whole: Trigger
    all_terms: tuple[_Term, ...]
    whole_terms: tuple[_Term, ...]

    @property
    def may_search(self) -> bool:
        """Whether a question may take as long as a search."""
        return may_search(self.whole)

    @override
    def next_after(self, instant: Instant) -> Instant | NotFound | None:
        """Return the earliest fire time strictly later than ``instant``."""
        answers = [grid.next_after(instant) for grid in self.grids]
        earliest = min((answer for answer in answers if answer is not None), default=FOREVER)
        found = self.whole.next_after(instant)
        if isinstance(found, NotFound):
            return earliest if earliest <= found.until else found
        earliest = earliest if found is None else min(earliest, found)
        return None if earliest == FOREVER else earliest

    @override
    def tally(self, after: Instant, until: Instant) -> Tally | PartialTally:
        """Count by arithmetic what lies between the seconds, and whole seconds as ``whole`` does."""
        found = self.whole.tally(after, until)
        if isinstance(found, PartialTally):
            return PartialTally(self._with_grids(found.tally, after, found.until), found.until)
        return self._with_grids(found, after, until)

    def _with_grids(self, whole: Tally, after: Instant, until: Instant) -> Tally:
        between = _sum(self.all_terms, after, until) - _sum(self.whole_terms, after, until)
        if not between:
            return whole
        tallies = [whole, *(grid.tally(after, until) for grid in self.grids)]
        first = min(tally.first for tally in tallies if tally.first is not None)
        last = max(tally.last for tally in tallies if tally.last is not None)
        return Tally(whole.count + between, first, last)


def union_of_grids(grids: Sequence[Grid], whole: Trigger, second: int) -> UnionOfGrids | None:
    """Return a union that is counted without a list; None if there are too many grids.

    Args:
        grids: Some of them have fire times between two seconds.
        whole: All fire times that are whole seconds.
        second: How many units a second has.
    """
    if len(grids) > MOST_GRIDS:
        return None
    seconds = [common for grid in grids if (common := common_grid([grid, _seconds(grid, second)])) is not None]
    return UnionOfGrids(tuple(grids), whole, _terms(grids), _terms(seconds))


def _seconds(grid: Grid, second: int) -> Grid:
    """Return all whole seconds from the first fire time of a grid on."""
    return Grid(-(-grid.first // second) * second, second, grid.end)
