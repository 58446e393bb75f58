"""Remembers results of searches, so that no search is repeated and each continues where the previous search ended.

Fire times never change, so what is remembered is never wrong; how far it reaches only grows. Answers that arithmetic
gives at once are not remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from kalends.triggers.protocol import NOTHING, Instant, NotFound, PartialTally, Rule, Tally, Trigger
from kalends.triggers.rules.rule import list_on
from kalends.triggers.search.budget import BLOCK_BITS, Budget
from kalends.triggers.zones.zone import FOREVER, LAST_INSTANT

_MOST_RANGES = 4
"""How many answers of ``next_after`` are kept: a decision asks for what is due, for what follows, and for jitter."""
_MOST_BLOCKS = 4_096  # 136 years

_Answer: TypeAlias = Instant | NotFound | None


@dataclass(frozen=True, slots=True)
class _SearchedRange:
    """There is no fire time with ``after`` < fire time <= ``until``; ``answer`` says what follows."""

    after: Instant
    until: Instant
    answer: _Answer


@dataclass(slots=True)
class _Listing:
    """All fire times with ``after`` < fire time <= ``until``, of a list that is not complete yet."""

    after: Instant
    until: Instant
    found: list[Instant]


@dataclass(frozen=True, slots=True)
class RememberedTrigger:
    """The fire times of ``rule``, whose answers are remembered.

    ``next_after`` gives a remembered ``NotFound`` again without a search. Asked for what follows its ``until``, it
    searches on. ``tally`` counts on from the last block that is complete.
    """

    may_search: ClassVar[bool] = True

    rule: Rule
    _searched: list[_SearchedRange] = field(default_factory=list, compare=False, repr=False)
    _blocks: dict[int, Tally] = field(default_factory=dict, compare=False, repr=False)
    _listings: list[_Listing] = field(default_factory=list, compare=False, repr=False)

    def next_after(self, instant: Instant) -> Instant | NotFound | None:
        """Return the earliest fire time strictly later than ``instant``; None if it is certain that there is none."""
        after = instant
        for place, known in enumerate(self._searched):
            if known.after <= instant <= known.until:
                if not isinstance(known.answer, NotFound) or instant < known.until:
                    return known.answer
                after = known.after
                del self._searched[place]
                break
        answer = self.rule.seek(instant, LAST_INSTANT, Budget())
        self._searched.insert(0, _SearchedRange(after, _end(answer), answer))
        del self._searched[_MOST_RANGES:]
        return answer

    def tally(self, after: Instant, until: Instant) -> Tally | PartialTally:
        """Count the fire times with ``after`` < fire time <= ``until``; whole blocks are counted once."""
        budget = Budget()
        total = NOTHING
        # What was searched and holds no fire time need not be counted.
        after = max(after, *(known.until for known in self._searched if known.after <= after <= known.until), after)
        while after < until:
            number = (after + 1) >> BLOCK_BITS
            begin, end = number << BLOCK_BITS, (number + 1) << BLOCK_BITS
            is_whole = after + 1 == begin and end - 1 <= until
            stop = min(end - 1, until)
            known = self._blocks.get(number) if is_whole else None
            counted = known or self.rule.count(after, stop, budget)
            if isinstance(counted, PartialTally):
                return PartialTally(_joined(total, counted.tally), counted.until)
            if is_whole and known is None:
                if len(self._blocks) >= _MOST_BLOCKS:
                    self._blocks.clear()
                self._blocks[number] = counted
            total = _joined(total, counted)
            after = stop
        return total

    def several_after(self, instant: Instant, number: int) -> tuple[Instant, ...] | NotFound:
        """Return the first ``number`` fire times strictly later than ``instant``, going on where it ended."""
        listing = self._listings.pop() if self._listings else None
        if listing is None or not listing.after <= instant <= listing.until:
            listing = _Listing(instant, instant, [])
        found = [fire_time for fire_time in listing.found if fire_time > instant]
        until = list_on(self.rule, listing.until, number, found)
        if until is None:
            return tuple(found[:number])
        self._listings.append(_Listing(instant, until, found))
        return NotFound(until)

    def fires_at(self, instant: Instant) -> bool:
        """Return whether ``instant`` is a fire time."""
        return self.rule.fires_at(instant)


def _end(answer: _Answer) -> Instant:
    """Return up to where an answer says that there is no fire time."""
    if isinstance(answer, NotFound):
        return answer.until
    return FOREVER if answer is None else answer - 1


def remembered(rule: Rule) -> Trigger:
    """Return a trigger that answers as ``rule`` does and repeats no search."""
    return rule if rule.is_direct else RememberedTrigger(rule)


def _joined(one: Tally, other: Tally) -> Tally:
    """Return the tally of two ranges, the second right after the first."""
    first = other.first if one.first is None else one.first
    return Tally(one.count + other.count, first, one.last if other.last is None else other.last)
