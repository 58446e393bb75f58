"""What rules have in common: leaves, which answer at once, and combinations, which may have to search."""

from __future__ import annotations

from abc import ABC, abstractmethod

from kalends.triggers.protocol import Instant, NotFound, PartialTally, Rule, Tally
from kalends.triggers.search.budget import QUESTION, Budget
from kalends.triggers.zones.zone import LAST_INSTANT


class Leaf(ABC):
    """A rule that is not made of others. It answers by arithmetic, so its answers are always complete."""

    __slots__ = ()

    @property
    def leaves(self) -> int:
        """Return 1: it is a leaf itself."""
        return 1

    @property
    def is_direct(self) -> bool:
        """It never searches."""
        return True

    @abstractmethod
    def next_after(self, instant: Instant) -> Instant | None:
        """Return the earliest fire time strictly later than ``instant``; None if there is none."""

    @abstractmethod
    def tally(self, after: Instant, until: Instant) -> Tally:
        """Count the fire times with ``after`` < fire time <= ``until``, without listing them."""

    def several_after(self, instant: Instant, number: int) -> tuple[Instant, ...]:
        """Return the first ``number`` fire times strictly later than ``instant``; fewer if there are no more."""
        found: list[Instant] = []
        while len(found) < number and (following := self.next_after(instant)) is not None:
            found.append(following)
            instant = following
        return tuple(found)

    def fires_at(self, instant: Instant) -> bool:
        """Return whether ``instant`` is a fire time."""
        return self.next_after(instant - 1) == instant

    def seek(self, instant: Instant, until: Instant, budget: Budget) -> Instant | None:
        """Return the earliest fire time with ``instant`` < fire time <= ``until``; None if there is none."""
        budget.spend(QUESTION)
        fire_time = self.next_after(instant)
        return fire_time if fire_time is not None and fire_time <= until else None

    def count(self, after: Instant, until: Instant, budget: Budget) -> Tally:
        """Count as ``tally`` does."""
        budget.spend(QUESTION)
        return self.tally(after, until)


class Combination(ABC):
    """A rule made of other rules. Each question from outside has a separate budget."""

    __slots__ = ()

    @property
    def is_direct(self) -> bool:
        """Most have to search."""
        return False

    @property
    @abstractmethod
    def leaves(self) -> int:
        """How many rules that are not made of others it consists of."""

    @abstractmethod
    def seek(self, instant: Instant, until: Instant, budget: Budget) -> Instant | NotFound | None:
        """Return the earliest fire time with ``instant`` < fire time <= ``until``; None if there is certainly none."""

    @abstractmethod
    def count(self, after: Instant, until: Instant, budget: Budget) -> Tally | PartialTally:
        """Count the fire times with ``after`` < fire time <= ``until``."""

    @abstractmethod
    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return the fire times with ``start`` <= fire time < ``stop`` as a bit set."""

    def next_after(self, instant: Instant) -> Instant | NotFound | None:
        """Return the earliest fire time strictly later than ``instant``; None if it is certain that there is none."""
        return self.seek(instant, LAST_INSTANT, Budget())

    def tally(self, after: Instant, until: Instant) -> Tally | PartialTally:
        """Count the fire times with ``after`` < fire time <= ``until``."""
        return self.count(after, until, Budget())

    def several_after(self, instant: Instant, number: int) -> tuple[Instant, ...] | NotFound:
        """Return the first ``number`` fire times strictly later than ``instant``, all within one budget."""
        found: list[Instant] = []
        at = list_on(self, instant, number, found)
        return NotFound(at) if at is not None else tuple(found)

    def fires_at(self, instant: Instant) -> bool:
        """Return whether ``instant`` is a fire time, by a pattern of one second, without a search."""
        return bool(self.pattern(instant, instant + 1))


def list_on(rule: Rule, instant: Instant, number: int, found: list[Instant]) -> Instant | None:
    """Add fire times later than ``instant`` to ``found`` until it has ``number``, all within one budget.

    Returns:
        None where that is done, or there certainly are no more; else the instant up to which all are found.
    """
    budget = Budget()
    while len(found) < number:
        following = rule.seek(instant, LAST_INSTANT, budget)
        if isinstance(following, NotFound):
            return following.until
        if following is None:
            break
        found.append(following)
        instant = following
    return None
