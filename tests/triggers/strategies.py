"""Schedules that Hypothesis writes, each with what it means said in the plainest way, for oracles to go by."""

from __future__ import annotations

import calendar
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from hypothesis import strategies as st

from kalends.testing.strategies import ZONES
from triggers.walking import changes

ALL_ZONES = sorted(zoneinfo.available_timezones() - {"localtime"})
"""The database's; a machine's own local time is none of them."""
SUNDAY_FIRST = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True)
class Said:
    """The text of a field, and the values that it names."""

    text: str
    values: frozenset[int]
    star: bool = False
    """The text begins with a star."""
    everything: bool = False


@dataclass(frozen=True)
class SaidDay:
    """The text of a field, and whether it names a day."""

    text: str
    names: Callable[[date], bool]
    everything: bool = False

    def __repr__(self) -> str:
        return f"SaidDay({self.text!r})"


@dataclass(frozen=True)
class Cron:
    """A cron expression and its meaning."""

    minute: Said
    hour: Said
    day: SaidDay
    month: Said
    weekday: SaidDay

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.minute.text, self.hour.text, self.day.text, self.month.text, self.weekday.text)

    @property
    def follows_clock(self) -> bool:
        return self.minute.star or self.hour.star

    def names_day(self, day: date) -> bool:
        if day.month not in self.month.values:
            return False
        if self.day.everything or self.weekday.everything:
            return self.day.names(day) and self.weekday.names(day)
        return self.day.names(day) or self.weekday.names(day)

    def names_minute(self, day: date, minute: int) -> bool:
        return minute // 60 in self.hour.values and minute % 60 in self.minute.values and self.names_day(day)


@st.composite
def numbers(draw: st.DrawFn, low: int, high: int, *, stars: bool = True) -> Said:
    """Write one item of a numeric field."""
    kind = draw(st.sampled_from(("*", "*/n", "n", "a-b", "a-b/n", "n/n") if stars else ("n", "n", "a-b", "a-b/n")))
    if kind == "*":
        return Said(draw(st.sampled_from("*?")), frozenset(range(low, high + 1)), star=True, everything=True)
    step = draw(st.integers(1, high - low + 5))
    if kind == "*/n":
        return Said(f"*/{step}", frozenset(range(low, high + 1, step)), star=True, everything=step == 1)
    first = draw(st.integers(low, high))
    if kind == "n":
        return Said(str(first), frozenset({first}))
    if kind == "n/n":
        return Said(f"{first}/{step}", frozenset(range(first, high + 1, step)))
    last = draw(st.integers(first, high))
    if kind == "a-b":
        return Said(f"{first}-{last}", frozenset(range(first, last + 1)))
    return Said(f"{first}-{last}/{step}", frozenset(range(first, last + 1, step)))


@st.composite
def lists(draw: st.DrawFn, items: st.SearchStrategy[Said], most: int = 3) -> Said:
    """Write a list of items."""
    parts = draw(st.lists(items, min_size=1, max_size=most))
    return Said(
        ",".join(part.text for part in parts),
        frozenset().union(*(part.values for part in parts)),
        star=parts[0].star,
        everything=any(part.everything for part in parts),
    )


minutes = lists(numbers(0, 59))
hours = lists(numbers(0, 23))


def said(text: str, high: int) -> Said:
    """Return the meaning of numbers, ranges and steps, from 0 on, told anew."""
    values: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = ("0", "-", str(high)) if span == "*" else span.partition("-")
        values |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return Said(text, frozenset(values), star=text.startswith("*"), everything="*" in text and "/" not in text)


fixed_hours_at_changes = st.sampled_from(
    ["0", "1", "2", "3", "23", "0,2", "1-2", "2-3", "0-3", "1,2,3", "22,23", "0-23", "0-23/2", "1-23/2"]
)
fixed_minutes_at_changes = st.sampled_from(
    ["0", "1", "15", "30", "45", "59", "0,30", "0-59", "0-59/7", "20-40", "5,35"]
)
hours_at_changes = fixed_hours_at_changes | st.sampled_from(["*", "*/2", "*/3", "1,*/4"])
minutes_at_changes = fixed_minutes_at_changes | st.sampled_from(["*", "*/5", "*/7", "*/30", "3,*/20"])


@st.composite
def named_months(draw: st.DrawFn) -> Said:
    first = draw(st.integers(1, 12))
    last = draw(st.integers(first, 12))
    text = MONTHS[first - 1] if first == last else f"{MONTHS[first - 1]}-{MONTHS[last - 1]}"
    return Said(draw(st.sampled_from((text, text.upper(), text.title()))), frozenset(range(first, last + 1)))


months = st.one_of(st.just(Said("*", frozenset(range(1, 13)), everything=True)), lists(numbers(1, 12) | named_months()))


def in_days(said: Said) -> SaidDay:
    return SaidDay(said.text, lambda day: day.day in said.values, said.everything)


def length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def nearest_workday(day: date, wanted: int) -> bool:
    if wanted > length(day):
        return False
    target = day.replace(day=wanted)
    workdays = [one for one in (day.replace(day=number) for number in range(1, length(day) + 1)) if one.weekday() < 5]
    return day == min(workdays, key=lambda one: abs(one - target))


@st.composite
def special_days(draw: st.DrawFn) -> SaidDay:
    kind = draw(st.sampled_from(("L", "L-n", "LW", "L-nW", "nW")))
    if kind == "L":
        return SaidDay("L", lambda day: (day + timedelta(1)).day == 1)
    if kind == "L-n":
        before = draw(st.integers(1, 30))
        return SaidDay(f"L-{before}", lambda day: length(day) - day.day == before)
    if kind == "L-nW":
        before = draw(st.integers(1, 30))
        return SaidDay(f"L-{before}W", lambda day: length(day) > before and nearest_workday(day, length(day) - before))
    if kind == "LW":
        return SaidDay(
            "LW",
            lambda day: (
                day.weekday() < 5
                and not any(day.replace(day=later).weekday() < 5 for later in range(day.day + 1, length(day) + 1))
            ),
        )
    wanted = draw(st.integers(1, 31))
    return SaidDay(f"{wanted}W", lambda day: nearest_workday(day, wanted))


def _weekday(day: date) -> int:
    return day.isoweekday() % 7


@st.composite
def weekday_values(draw: st.DrawFn) -> SaidDay:
    first, last = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    kind = draw(st.sampled_from(("n", "name", "a-b", "names", "a-7", "a-b/n", "*/n")))
    if kind in {"n", "name"}:
        text = SUNDAY_FIRST[first] if kind == "name" else draw(st.sampled_from([str(first)] + ["7"] * (first == 0)))
        return SaidDay(text, lambda day: _weekday(day) == first)
    if kind == "names":
        span = {(first + steps) % 7 for steps in range((last - first) % 7 + 1)}
        return SaidDay(f"{SUNDAY_FIRST[first]}-{SUNDAY_FIRST[last]}", lambda day: _weekday(day) in span)
    if kind == "a-7":
        return SaidDay(f"{first}-7", lambda day: (_weekday(day) or 7) >= first)
    step = draw(st.integers(1, 7))
    if kind == "*/n":
        return SaidDay(f"*/{step}", lambda day: _weekday(day) % step == 0, everything=step == 1)
    first, last = min(first, last), max(first, last)
    if kind == "a-b":
        return SaidDay(f"{first}-{last}", lambda day: first <= _weekday(day) <= last)
    return SaidDay(f"{first}-{last}/{step}", lambda day: _weekday(day) in range(first, last + 1, step))


@st.composite
def special_weekdays(draw: st.DrawFn) -> SaidDay:
    weekday = draw(st.integers(0, 6))
    name = draw(st.sampled_from((str(weekday), SUNDAY_FIRST[weekday])))
    nth = draw(st.integers(0, 5))
    if nth == 0:
        text = draw(st.sampled_from((f"{name}L", f"{name}#L")))
        return SaidDay(text, lambda day: _weekday(day) == weekday and day.day > length(day) - 7)
    return SaidDay(f"{name}#{nth}", lambda day: _weekday(day) == weekday and (day.day + 6) // 7 == nth)


@st.composite
def day_lists(draw: st.DrawFn, items: st.SearchStrategy[SaidDay]) -> SaidDay:
    parts = draw(st.lists(items, min_size=1, max_size=3))
    return SaidDay(
        ",".join(part.text for part in parts),
        lambda day: any(part.names(day) for part in parts),
        any(part.everything for part in parts),
    )


EVERY_DAY = SaidDay("*", lambda day: True, everything=True)
days = st.one_of(st.just(EVERY_DAY), day_lists(numbers(1, 31).map(in_days) | special_days()))
weekdays = st.one_of(st.just(EVERY_DAY), day_lists(weekday_values() | special_weekdays()))
often_every_day = st.one_of(st.just(EVERY_DAY), st.just(EVERY_DAY), weekdays)

crons = st.builds(Cron, minutes, hours, days, months, weekdays)
"""Any ``schedule`` of five fields."""
EVERY_MONTH = Said("*", frozenset(range(1, 13)), everything=True)


def daily(minutes: st.SearchStrategy[str], hours: st.SearchStrategy[str]) -> st.SearchStrategy[Cron]:
    return st.builds(
        lambda minute, hour, weekday: Cron(said(minute, 59), said(hour, 23), EVERY_DAY, EVERY_MONTH, weekday),
        minutes,
        hours,
        often_every_day,
    )


fixed_crons = daily(fixed_minutes_at_changes, fixed_hours_at_changes)
"""Fixed times of most days, many of them where clocks change."""
time_crons = fixed_crons | daily(minutes_at_changes, hours_at_changes)
"""The same, and those that follow the clock."""
zones = st.sampled_from(ZONES)
CHANGES = [(zone, instant) for zone in ZONES for instant in changes(zone, 2009, 2027)]
near_changes = st.sampled_from(CHANGES)
"""A zone, and an instant at which its clocks change."""
