"""What the engine decides on: the same fire times as ``get_next_fire_time`` gives, from a first fire time of choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.triggers.cron import CronTrigger as ForeignTrigger
from hypothesis import given
from hypothesis import strategies as st

from kalends.engine.core.compiler import schedule_hash
from kalends.engine.core.definition import Definition
from kalends.engine.core.schedule import TaskCall
from kalends.errors import InvalidTrigger
from kalends.testing import strategies
from kalends.triggers.base import BaseTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import AndTrigger, OrTrigger
from kalends.triggers.cron import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.microseconds.listed import MOST_STEPS
from kalends.triggers.programs.compiled import compile_trigger, exact_next_fire_time, jitter_of
from kalends.triggers.protocol import NotFound, PartialTally, Tally
from triggers.program_triggers import (
    BERLIN,
    NOW,
    SECOND,
    chain,
    counts_agree,
    cron_fields,
    instants,
    listed,
    moments,
)

START = instants([NOW])[0]
ZONES = st.sampled_from([UTC, BERLIN])


def triggers() -> st.SearchStrategy[BaseTrigger]:
    return strategies.triggers(ZONES)


@given(triggers(), moments(NOW, 300))
def test_a_compiled_trigger_has_the_fire_times_of_get_next_fire_time(trigger: BaseTrigger, now: datetime) -> None:
    expected = [moment for moment in chain(trigger, now, 5) if moment >= now]
    compiled = compile_trigger(trigger)
    after = instants([now])[0] - 1
    assert listed(compiled, after, len(expected)) == instants(expected)
    assert counts_agree(compiled, after, instants(expected))
    assert compiled.several_after(after, len(expected)) == tuple(instants(expected))


@given(triggers(), moments(NOW, 300))
def test_from_a_first_fire_time_of_choice_the_others_follow_as_from_a_previous_fire_time(
    trigger: BaseTrigger, first: datetime
) -> None:
    expected = [first]
    while len(expected) < 5:
        following = trigger.get_next_fire_time(expected[-1], first)
        if following is None:
            break
        expected.append(following)
    compiled = compile_trigger(trigger, first=instants([first])[0])
    assert listed(compiled, 0, len(expected)) == instants(expected)
    assert counts_agree(compiled, 0, instants(expected))
    assert compiled.fires_at(instants([first])[0])
    assert not compiled.fires_at(instants([first])[0] - 1)


def test_an_interval_counts_a_century_of_microseconds_at_once() -> None:
    trigger = compile_trigger(IntervalTrigger(seconds=1e-6, start_date=NOW))
    century = 36_525 * 86_400 * SECOND
    assert trigger.tally(START - 1, START + century) == Tally(century + 1, START, START + century)


def test_later_changes_of_the_trigger_do_not_change_what_was_compiled() -> None:
    trigger = CronTrigger(hour=0, timezone="UTC")
    compiled = compile_trigger(trigger)
    before = compiled.next_after(START)
    trigger.start_date = datetime(2027, 1, 1, tzinfo=UTC)
    assert compiled.next_after(START) == before


# --- what an edit is --------------------------------------------------------------------------------------------------


def hash_of(trigger: BaseTrigger, first: int | None = None) -> str:
    when = compile_trigger(trigger, first=first)
    return schedule_hash(Definition(when=when, target=TaskCall("a")), "UTC")


@given(cron_fields())
def test_equal_triggers_have_equal_hashes_and_jitter_is_no_part_of_it(fields: dict[str, Any]) -> None:
    one = CronTrigger(**fields, timezone="Europe/Berlin")
    other = CronTrigger(**fields, timezone=BERLIN, jitter=5)
    assert hash_of(one) == hash_of(other)
    assert repr(compile_trigger(one)) == repr(compile_trigger(other))
    assert compile_trigger(one) == compile_trigger(other)


def test_other_fire_times_have_other_hashes() -> None:
    made = [
        CronTrigger(hour=1, timezone="UTC"),
        CronTrigger(hour=1, timezone="Europe/Berlin"),
        CronTrigger(hour=1, timezone="UTC", end_date="2027-01-01"),
        IntervalTrigger(seconds=1, start_date=NOW),
        IntervalTrigger(seconds=1.000001, start_date=NOW),
        IntervalTrigger(seconds=1, start_date=NOW + timedelta(microseconds=1)),
        DateTrigger(NOW),
        CalendarIntervalTrigger(days=1, start_date="2026-01-01", timezone="UTC"),
        CalendarIntervalTrigger(days=1, start_date="2026-01-02", timezone="UTC"),
        Every(60),
        Every(61),
        Hidden(60),
        Hidden(61),
    ]
    made += [OrTrigger(made[:2]), AndTrigger(made[:2])]
    assert len({hash_of(trigger) for trigger in made}) == len(made)


def test_a_default_start_is_no_edit_where_the_first_fire_time_is_given() -> None:
    one, other = IntervalTrigger(hours=1, timezone="UTC"), IntervalTrigger(hours=1, timezone="UTC")
    assert one.start_date != other.start_date
    assert hash_of(one, START) == hash_of(other, START)
    assert hash_of(one) != hash_of(other)


# --- triggers of a program --------------------------------------------------------------------------------------------


@dataclass
class Every(BaseTrigger):
    """A trigger as APScheduler's guide describes it: it only knows the time before."""

    seconds: float

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        return now if previous_fire_time is None else previous_fire_time + timedelta(seconds=self.seconds)


class Hidden(BaseTrigger):
    """A trigger that cannot be stored."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        return None


class Weekdays(CronTrigger):
    """A cron trigger that answers in its own way."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        found = super().get_next_fire_time(previous_fire_time, now)
        while found is not None and found.weekday() > 4:
            found = super().get_next_fire_time(found, now)
        return found


def test_a_trigger_of_a_program_is_asked_for_one_fire_time_after_another() -> None:
    trigger = compile_trigger(Every(0.5), first=START)
    expected = [START + number * SECOND // 2 for number in range(6)]
    assert listed(trigger, 0, 6) == expected
    assert counts_agree(trigger, START - 1, expected)
    assert trigger.fires_at(START)
    assert not trigger.fires_at(START + 1)


def test_a_look_lists_a_bounded_number_of_fire_times_and_the_next_look_continues() -> None:
    trigger = compile_trigger(Every(1), first=START)
    far = START + (3 * MOST_STEPS) * SECOND
    seen = []
    tally = trigger.tally(START - 1, far)
    while isinstance(tally, PartialTally):
        seen.append(tally.tally.count)
        tally = trigger.tally(START - 1, far)
    assert seen == [MOST_STEPS, 2 * MOST_STEPS, 3 * MOST_STEPS]
    assert tally == Tally(3 * MOST_STEPS + 1, START, far)
    found = compile_trigger(Every(2), first=START).next_after(far)
    assert isinstance(found, NotFound)
    assert found.until == far


@dataclass
class Full(BaseTrigger):
    """A trigger that needs no previous fire time: full minutes. It counts the questions."""

    asked: list[int] = field(default_factory=list)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        self.asked.append(1)
        start = now if previous_fire_time is None else previous_fire_time + timedelta(microseconds=1)
        return start + timedelta(seconds=60) - timedelta(seconds=start.timestamp() % 60 or 60)


def test_a_trigger_that_needs_no_previous_fire_time_is_not_listed_from_its_first() -> None:
    made = Full()
    trigger = compile_trigger(made, first=START)
    years = START + 10 * 365 * 86_400 * SECOND
    assert trigger.next_after(years) == years + 60 * SECOND
    assert trigger.tally(years, years + 600 * SECOND) == Tally(10, years + 60 * SECOND, years + 600 * SECOND)
    assert len(made.asked) < 60
    assert listed(trigger, START - 1, 2) == [START, START + 60 * SECOND]


def test_compiling_an_equal_trigger_again_continues_its_list() -> None:
    far = START + (3 * MOST_STEPS) * SECOND
    looks = 0
    while isinstance(compile_trigger(Every(1.5), first=START).tally(START - 1, far), PartialTally):
        looks += 1
    assert looks == 2


def test_a_trigger_that_was_changed_is_not_asked_for_an_equal_trigger() -> None:
    one = Every(7)
    compile_trigger(one, first=START)
    one.seconds = 8
    other = compile_trigger(Every(7), first=START)
    assert listed(other, START, 1) == [START + 7 * SECOND]
    assert listed(compile_trigger(one, first=START), START, 1) == [START + 8 * SECOND]


def test_the_first_fire_time_for_the_engine_has_no_jitter() -> None:
    trigger = CronTrigger(hour=0, timezone="UTC", jitter=3_600)
    for _ in range(5):
        assert exact_next_fire_time(trigger, None, NOW) == datetime(2026, 2, 12, tzinfo=UTC)
    assert trigger.jitter == 3_600
    assert exact_next_fire_time(Every(1), NOW, NOW) == NOW + timedelta(seconds=1)


def test_a_subclass_that_answers_in_its_own_way_is_asked() -> None:
    trigger = compile_trigger(Weekdays(hour=0, timezone="UTC"))
    found = listed(trigger, START, 3)
    assert [(instant - instants([datetime(2026, 2, 12, tzinfo=UTC)])[0]) // (86_400 * SECOND) for instant in found] == [
        0,
        1,
        4,
    ]


def test_the_zone_of_the_questions_can_be_chosen() -> None:
    asked = []

    class Noting(BaseTrigger):
        def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> None:
            asked.append((previous_fire_time, now))

    compile_trigger(Noting(), first=START, timezone=BERLIN).next_after(START)
    assert {now.tzinfo for _, now in asked} == {BERLIN}
    assert (NOW, NOW) in asked


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (NOW, "must return a fire time later than the previous fire time 2026-02-11 09:30:00"),
        (NOW.replace(tzinfo=None), "must return a datetime with a time zone, or None"),
        ("soon", "must return a datetime with a time zone, or None, got 'soon'"),
    ],
)
def test_an_answer_that_is_no_later_moment_is_an_error(answer: Any, message: str) -> None:
    class Wrong(BaseTrigger):
        def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> Any:
            return answer

    with pytest.raises(InvalidTrigger, match=message):
        compile_trigger(Wrong(), first=START).next_after(START)


def test_the_engine_applies_the_jitter_of_own_triggers_only() -> None:
    assert jitter_of(CronTrigger(hour=1, jitter=5)) == 5
    assert jitter_of(CronTrigger(hour=1)) == 0
    assert jitter_of(Weekdays(hour=1, jitter=5)) == 0
    assert jitter_of(Every(1)) == 0


def test_a_trigger_of_apscheduler_itself_is_refused() -> None:
    with pytest.raises(TypeError, match=r"kalends\.triggers\.base\.BaseTrigger, got apscheduler\.triggers\.cron"):
        compile_trigger(ForeignTrigger(hour=1))


def test_an_equal_combination_is_compiled_once() -> None:
    def both(hour: str) -> AndTrigger:
        return AndTrigger([CronTrigger(hour=hour, timezone="UTC"), CronTrigger(day_of_week="fri", timezone="UTC")])

    first = compile_trigger(both("4"), first=START)
    assert compile_trigger(both("4"), first=START).times is first.times
    assert compile_trigger(both("5"), first=START).times is not first.times
    assert compile_trigger(both("4"), first=START + SECOND).times is not first.times
    changed = both("4")
    changed.triggers[0].start_date = NOW  # type: ignore[attr-defined]  # a member is a cron trigger
    assert compile_trigger(changed, first=START).times is not first.times
