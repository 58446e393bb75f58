"""What stands between the commas of a cron field, read but not yet worked out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Values:
    """Every ``step``-th value from ``first`` to ``last``.

    ``star``: it was written as ``*`` or ``?``, with a step or without. A range of weekdays that runs on past the end
    of the week has a ``last`` beyond the field's highest value.
    """

    first: int
    last: int
    step: int = 1
    star: bool = False

    @property
    def is_everything(self) -> bool:
        """Return whether it means no restriction."""
        return self.star and self.step == 1


@dataclass(frozen=True, slots=True)
class Hashed:
    """A value, or every ``step``-th, between ``low`` and ``high`` that follows from the name of the resource."""

    low: int
    high: int
    step: int | None = None
    whole: bool = True
    """It was written without a range."""


@dataclass(frozen=True, slots=True)
class LastDay:
    """The last day of the month, or the day so many days ``before`` it."""

    before: int = 0


@dataclass(frozen=True, slots=True)
class LastWorkday:
    """The day from Monday to Friday nearest to the last day of the month, or to the day so many days ``before`` it."""

    before: int = 0


@dataclass(frozen=True, slots=True)
class NearestWorkday:
    """The day from Monday to Friday that is nearest to ``day``, in the same month."""

    day: int


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """The ``nth`` such weekday of the month, 1 to 5, as the field counts weekdays."""

    weekday: int
    nth: int


@dataclass(frozen=True, slots=True)
class LastWeekday:
    """The last such weekday of the month."""

    weekday: int


SpecialDay: TypeAlias = LastDay | LastWorkday | NearestWorkday | NthWeekday | LastWeekday
"""One that depends on how long the month is, or on the weekday that it begins with."""
Item: TypeAlias = Values | Hashed | SpecialDay
Items: TypeAlias = tuple[Item, ...]
