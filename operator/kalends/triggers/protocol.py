"""The port that every trigger implements: a rule that names instants, and can count them.

Instants are whole seconds since 1970-01-01T00:00:00Z. A trigger reads no clock and has no randomness: the same question
has the same answer on every machine and after every restart, which is what makes a fire time the identity of a run.

A question has a budget of work (``kalends.triggers.search.budget``). A rule that has to search may reach its end before
the answer is known. Then the answer is ``NotFound`` or ``PartialTally``: it says how far the rule was searched, and
never means that there is no fire time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from kalends.triggers.search.budget import Budget

Instant: TypeAlias = int


@dataclass(frozen=True, slots=True)
class NotFound:
    """The search ended at its budget: there is no fire time up to ``until`` (inclusive), and later ones are unknown."""

    until: Instant


@dataclass(frozen=True, slots=True)
class Tally:
    """How many fire times a stretch of time holds, and which are the outermost."""

    count: int
    first: Instant | None
    last: Instant | None


NOTHING = Tally(count=0, first=None, last=None)


@dataclass(frozen=True, slots=True)
class PartialTally:
    """Counting ended at its budget: ``tally`` is exact up to ``until`` (inclusive), and later ones are not counted."""

    tally: Tally
    until: Instant


class Trigger(Protocol):
    """A pure rule that names instants, from 1970 to the end of the year 9999."""

    def next_after(self, instant: Instant) -> Instant | NotFound | None:
        """Return the earliest fire time strictly later than ``instant``; None if it is certain that there is none."""
        ...

    def tally(self, after: Instant, until: Instant) -> Tally | PartialTally:
        """Count the fire times with ``after`` < fire time <= ``until``, without listing them."""
        ...

    def several_after(self, instant: Instant, number: int) -> tuple[Instant, ...] | NotFound:
        """Return the first ``number`` fire times strictly later than ``instant``; fewer if there are no more."""
        ...

    def fires_at(self, instant: Instant) -> bool:
        """Return whether ``instant`` is a fire time."""
        ...


def may_search(trigger: Trigger) -> bool:
    """Return whether a question to a trigger may take as long as a search may: such triggers have ``may_search``."""
    return bool(getattr(trigger, "may_search", False))


class Rule(Trigger, Protocol):
    """A trigger that others can be made of. What it spends is taken from the budget of the whole question."""

    @property
    def leaves(self) -> int:
        """How many rules that are not made of others it consists of."""
        ...

    @property
    def is_direct(self) -> bool:
        """Whether every answer follows from arithmetic alone, without a search."""
        ...

    def seek(self, instant: Instant, until: Instant, budget: Budget) -> Instant | NotFound | None:
        """Return the earliest fire time with ``instant`` < fire time <= ``until``; None if there is certainly none."""
        ...

    def count(self, after: Instant, until: Instant, budget: Budget) -> Tally | PartialTally:
        """Count the fire times with ``after`` < fire time <= ``until``."""
        ...

    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return the fire times with ``start`` <= fire time < ``stop`` as a bit set: bit i stands for ``start + i``.

        A day takes 11 kB, and a machine instruction compares sixty seconds of two triggers. Ask for a day at most.
        """
        ...
