"""The fields of cron: their bounds, their names, and what a message says that they accept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from kalends.errors import InvalidSchedule
from kalends.triggers.text.words import quoted

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
SUNDAY_FIRST = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONDAY_FIRST = (*SUNDAY_FIRST[1:], "sun")


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field of a cron expression; each is equal to itself alone.

    Args:
        name: As messages call it.
        low: Its lowest value.
        high: Its highest value; weekdays may be written up to 7.
        accepts: What may be written, for messages.
        names: What its values may also be called, the lowest first.
    """

    name: str
    low: int
    high: int
    accepts: str
    names: tuple[str, ...] = ()

    def number(self, name: str) -> int | None:
        """Return the value that ``name``, in lower case, stands for."""
        return self.low + self.names.index(name) if name in self.names else None

    def refuse(self, text: str, why: str = "") -> NoReturn:
        """Say what the field accepts, and what was found instead."""
        raise InvalidSchedule(f"{self.name} must be {self.accepts}, got {quoted(text)}{why and f': {why}'}")


def _numeric(name: str, high: int, sample: str) -> Field:
    return Field(
        name, 0, high, f"*, a number from 0 to {high}, a range like {sample}, a step like */5, H, or a list of these"
    )


MINUTE = _numeric("minute", 59, "0-29")
HOUR = _numeric("hour", 23, "9-17")
DAY = Field(
    "day of month",
    1,
    31,
    "*, ?, a number from 1 to 31, a range like 1-7, a step like */2, L, L-3, LW, L-3W, 15W, H, or a list of these",
)
MONTH = Field(
    "month",
    1,
    12,
    "*, a number from 1 to 12, jan to dec, a range like jan-mar, a step like */3, H, or a list of these",
    MONTHS,
)
WEEKDAY = Field(
    "day of week",
    0,
    6,
    "*, ?, a number from 0 (Sunday) to 7 (Sunday), sun to sat, a range like mon-fri, a step like 1-5/2, 5L, mon#2, H, "
    "or a list of these",
    SUNDAY_FIRST,
)
FIVE_FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


def _eighth(name: str, low: int, high: int, sample: str, names: tuple[str, ...] = ()) -> Field:
    named = f", {names[0]} to {names[-1]}" if names else ""
    accepts = (
        f"*, a number from {low} to {high}{named}, a range like {sample}, a step like */2 or a-b/2, or a list of these"
    )
    return Field(name, low, high, accepts, names)


YEAR = _eighth("year", 1970, 9999, "2026-2030")
MONTH_OF_YEAR = _eighth("month", 1, 12, "jan-mar", MONTHS)
DAY_OF_MONTH = Field(
    "day",
    1,
    31,
    "*, a number from 1 to 31, a range like 1-7, a step like */2 or a-b/2, last (or L), last-3, LW, 15W, an "
    "expression like 2nd fri or last sun, or a list of these",
)
WEEK = _eighth("week", 1, 53, "10-20")
DAY_OF_WEEK = Field(
    "dayOfWeek",
    0,
    6,
    "*, a name from mon to sun, a range like mon-fri, a step like */2, or a list of these; no digits, as 0 is Monday "
    "to APScheduler and Sunday to cron",
    MONDAY_FIRST,
)
NUMBERED_DAY_OF_WEEK = _eighth("day_of_week", 0, 6, "mon-fri", MONDAY_FIRST)
"""As APScheduler reads it: 0 is Monday."""
HOUR_OF_DAY = _eighth("hour", 0, 23, "9-17")
MINUTE_OF_HOUR = _eighth("minute", 0, 59, "0-29")
SECOND_OF_MINUTE = _eighth("second", 0, 59, "0-29")
EIGHT_FIELDS = (YEAR, MONTH_OF_YEAR, DAY_OF_MONTH, WEEK, DAY_OF_WEEK, HOUR_OF_DAY, MINUTE_OF_HOUR, SECOND_OF_MINUTE)
"""From the most significant to the least."""
