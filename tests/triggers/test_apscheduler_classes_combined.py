"""``OrTrigger`` and ``AndTrigger``: sets of instants, where APScheduler's lose fire times or hang."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kalends.errors import SearchUnfinished
from kalends.triggers.base import BaseTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import AndTrigger, OrTrigger
from kalends.triggers.cron import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.programs.compiled import compile_trigger
from kalends.triggers.protocol import Tally
from triggers.program_triggers import NOW, SECOND, chain, counts_agree, cron_fields, instants, listed, moments


def crons() -> st.SearchStrategy[CronTrigger]:
    return cron_fields().map(lambda fields: CronTrigger(**fields, timezone="UTC"))


def intervals() -> st.SearchStrategy[IntervalTrigger]:
    return st.builds(
        lambda period, start: IntervalTrigger(seconds=period / 4, start_date=start, timezone="UTC"),
        st.sampled_from([1, 3, 4, 8, 240, 14_400, 14_401]),
        moments(NOW - timedelta(hours=1), 0) | moments(NOW, 1),
    )


def members() -> st.SearchStrategy[CronTrigger | IntervalTrigger | DateTrigger]:
    dates = moments(NOW, 3).map(lambda moment: DateTrigger(moment, "UTC"))
    return crons() | intervals() | dates


def in_union(triggers: list[CronTrigger | IntervalTrigger | DateTrigger], count: int) -> list[int]:
    after = instants([NOW])[0] - 1
    each = [listed(compile_trigger(trigger), after, count) for trigger in triggers]
    return sorted({instant for found in each for instant in found})[:count]


@given(st.lists(members(), min_size=1, max_size=3))
def test_or_fires_whenever_a_member_does_each_in_its_own_phase(
    triggers: list[CronTrigger | IntervalTrigger | DateTrigger],
) -> None:
    trigger = OrTrigger(triggers)
    expected = in_union(triggers, 8)
    assert instants(chain(trigger, NOW, 8)) == expected
    compiled = compile_trigger(trigger)
    assert listed(compiled, instants([NOW])[0] - 1, 8) == expected
    assert counts_agree(compiled, instants([NOW])[0] - 1, expected)


def test_or_of_two_intervals_loses_none() -> None:
    ten, fifteen = (IntervalTrigger(minutes=minutes, start_date=NOW, timezone="UTC") for minutes in (10, 15))
    found = chain(OrTrigger([ten, fifteen]), NOW, 6)
    assert [(moment - NOW).seconds // 60 for moment in found] == [0, 10, 15, 20, 30, 40]


def test_or_of_two_dates_fires_twice() -> None:
    dates = [NOW + timedelta(hours=1), NOW]
    assert chain(OrTrigger(list(map(DateTrigger, dates))), NOW, 3) == sorted(dates)


def test_a_year_of_an_interval_between_seconds_and_a_cron_is_counted_at_once() -> None:
    quarters = IntervalTrigger(seconds=0.25, start_date=NOW + timedelta(microseconds=1), timezone="UTC")
    thirds = IntervalTrigger(seconds=0.75, start_date=NOW, timezone="UTC")
    trigger = compile_trigger(OrTrigger([quarters, thirds, CronTrigger(minute="*/7", timezone="UTC")]))
    start, year = instants([NOW])[0], 365 * 86_400 * SECOND
    at_thirds = year // 750_000
    crons = sum(1 for minute in range(365 * 1_440) if (30 + minute) % 60 % 7 == 0)
    common = sum(1 for minute in range(365 * 1_440) if (30 + minute) % 60 % 7 == 0 and minute * 60 * 4 % 3 == 0)
    expected = Tally(year // 250_000 + at_thirds + crons - common, start, start + year - 249_999)
    assert trigger.tally(start - 1, start + year - 1) == expected


def test_members_keep_their_own_zones_and_bounds() -> None:
    berlin = CronTrigger(hour=9, timezone="Europe/Berlin", end_date="2026-02-12")
    tokyo = CronTrigger(hour=9, timezone="Asia/Tokyo", start_date="2026-02-13")
    found = chain(OrTrigger([berlin, tokyo]), datetime(2026, 2, 11, tzinfo=UTC), 2)
    assert found == [datetime(2026, 2, 11, 8, tzinfo=UTC), datetime(2026, 2, 13, tzinfo=UTC)]


@given(crons() | intervals(), st.integers(1, 5_000))
def test_the_jitter_of_a_member_delays_each_fire_time_by_less_than_the_next(
    member: CronTrigger | IntervalTrigger, jitter: int
) -> None:
    exact = listed(compile_trigger(member), instants([NOW])[0] - 1, 8)
    assume(exact)
    member.jitter = jitter
    trigger = compile_trigger(OrTrigger([member]))
    delayed = listed(trigger, exact[0] - 1, 7)
    following = [*exact[1:8], *([None] if len(exact) < 8 else [])]
    assert len(delayed) == len(exact[:7])
    for fire_time, moved, after in zip(exact, delayed, following, strict=False):
        assert fire_time <= moved <= fire_time + jitter * SECOND
        assert after is None or moved < after
    assert counts_agree(trigger, exact[0] - 1, delayed)


# --- and --------------------------------------------------------------------------------------------------------------


def test_friday_the_thirteenth_fires_again_and_again() -> None:
    both = AndTrigger([CronTrigger(day_of_week="fri", timezone="UTC"), CronTrigger(day=13, timezone="UTC")])
    assert [(moment.month, moment.day) for moment in chain(both, NOW, 3)] == [(2, 13), (3, 13), (11, 13)]


def test_the_example_of_apschedulers_documentation_fires() -> None:
    both = AndTrigger(
        [
            CalendarIntervalTrigger(days=3, start_date="2026-02-11", timezone="UTC"),
            CronTrigger(day_of_week="sat,sun", timezone="UTC"),
        ]
    )
    assert [moment.day for moment in chain(both, NOW, 3)] == [14, 1, 7]


def test_members_that_never_agree_have_no_fire_time_at_once() -> None:
    both = AndTrigger([CronTrigger(day=13, timezone="UTC"), CronTrigger(day=14, timezone="UTC")])
    assert both.get_next_fire_time(None, NOW) is None


def test_intervals_agree_to_the_microsecond() -> None:
    one = IntervalTrigger(seconds=0.3, start_date=NOW, timezone="UTC")
    other = IntervalTrigger(seconds=0.5, start_date=NOW + timedelta(seconds=0.4), timezone="UTC")
    found = chain(AndTrigger([one, other]), NOW, 2)
    assert found == [NOW + timedelta(seconds=0.9), NOW + timedelta(seconds=2.4)]
    other.start_date += timedelta(microseconds=1)
    assert AndTrigger([one, other]).get_next_fire_time(None, NOW) is None


def test_an_interval_that_begins_between_two_seconds_never_agrees_with_a_cron() -> None:
    start = NOW + timedelta(microseconds=1)
    both = AndTrigger(
        [IntervalTrigger(hours=1, start_date=start, timezone="UTC"), CronTrigger(minute="*", timezone="UTC")]
    )
    assert both.get_next_fire_time(None, NOW) is None


@given(st.lists(members(), min_size=2, max_size=3))
def test_and_fires_only_where_all_members_do(triggers: list[CronTrigger | IntervalTrigger | DateTrigger]) -> None:
    trigger = AndTrigger(triggers)
    try:
        found = instants(chain(trigger, NOW, 3))
    except SearchUnfinished:
        return
    for member in triggers:
        compiled = compile_trigger(member)
        assert all(compiled.fires_at(instant) for instant in found)
    if found:
        sparse = [listed(compile_trigger(member), instants([NOW])[0] - 1, 50) for member in triggers]
        common = set.intersection(*map(set, sparse))
        assert all(instant in found for instant in common if instant <= found[-1])


def test_a_search_for_agreement_is_bounded() -> None:
    class Odd(BaseTrigger):
        asked = 0

        def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
            Odd.asked += 1
            start = previous_fire_time or now
            return start + timedelta(hours=1, microseconds=1)

    both = AndTrigger([Odd(), CronTrigger(minute=0, timezone="UTC")])
    with pytest.raises(SearchUnfinished):
        both.get_next_fire_time(None, NOW)
    assert Odd.asked < 50_000


def test_members_with_jitter_never_agree_so_they_are_refused() -> None:
    with pytest.raises(ValueError, match="jitter must be that of the AndTrigger"):
        AndTrigger([CronTrigger(hour=1, jitter=5)])


@pytest.mark.parametrize("kind", [AndTrigger, OrTrigger])
def test_members_must_be_triggers_and_there_must_be_some(kind: type[AndTrigger | OrTrigger]) -> None:
    with pytest.raises(ValueError, match="at least one member"):
        kind([])
    with pytest.raises(TypeError, match="must be instances of BaseTrigger, got str"):
        kind(["cron"])  # type: ignore[list-item]


def test_a_change_of_a_member_counts() -> None:
    member = CronTrigger(hour=1, timezone="UTC")
    trigger = OrTrigger([member])
    assert trigger.get_next_fire_time(None, NOW) == datetime(2026, 2, 12, 1, tzinfo=UTC)
    member.start_date = datetime(2026, 3, 1, tzinfo=UTC)
    assert trigger.get_next_fire_time(None, NOW) == datetime(2026, 3, 1, 1, tzinfo=UTC)
    trigger.triggers = [*trigger.triggers, DateTrigger(NOW)]
    assert trigger.get_next_fire_time(None, NOW) == NOW


def test_str_names_the_members() -> None:
    one, other = CronTrigger(hour=1, timezone="UTC"), IntervalTrigger(seconds=5)
    assert str(OrTrigger([one, other])) == "or[cron[hour='1'], interval[0:00:05]]"
    assert str(AndTrigger([one, other])) == "and[cron[hour='1'], interval[0:00:05]]"
