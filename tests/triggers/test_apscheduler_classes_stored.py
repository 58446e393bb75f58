"""Triggers as JSON and as pickles, by alias, and in every kind of time zone that a program may give."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given

from kalends.triggers.base import BaseTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import AndTrigger, OrTrigger
from kalends.triggers.cron import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.programs.compiled import compile_trigger
from kalends.triggers.programs.stored import state_of, trigger_of
from triggers.program_triggers import BERLIN, NOW, chain
from triggers.test_apscheduler_classes_compiled import triggers

TRIGGERS = [
    CronTrigger(day="2nd fri", hour="*/3", timezone=BERLIN, start_date="2026-01-01 00:00:00.5", jitter=3),
    CronTrigger(timezone="UTC", end_date=datetime(2027, 1, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))),
    IntervalTrigger(seconds=0.25, start_date=NOW, end_date="2027-01-01", timezone="Asia/Tokyo"),
    IntervalTrigger(weeks=500, seconds=86_399.999999),
    DateTrigger("2026-10-25 02:30:00.000001", "Europe/Berlin"),
    DateTrigger(datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)),
    CalendarIntervalTrigger(months=1, hour=9, start_date="2026-01-31", end_date="2030-01-01", timezone=BERLIN),
    OrTrigger([CronTrigger(hour=1, timezone="UTC", jitter=4), DateTrigger(NOW)], jitter=5),
    AndTrigger([CronTrigger(day=13, timezone="UTC"), CronTrigger(day_of_week="fri", timezone="UTC")]),
]


@pytest.mark.parametrize("trigger", TRIGGERS, ids=str)
def test_a_state_is_json_and_gives_an_equal_trigger(trigger: BaseTrigger) -> None:
    state = json.loads(json.dumps(state_of(trigger)))
    again = trigger_of(state)
    assert type(again) is type(trigger)
    assert state_of(again) == state
    assert repr(again) == repr(trigger)
    assert repr(compile_trigger(again)) == repr(compile_trigger(trigger))


@pytest.mark.parametrize("trigger", TRIGGERS, ids=str)
def test_pickles_and_copies_are_equal(trigger: BaseTrigger) -> None:
    trigger.get_next_fire_time(None, NOW)
    for again in (pickle.loads(pickle.dumps(trigger)), copy.copy(trigger), copy.deepcopy(trigger)):  # noqa: S301
        assert state_of(again) == state_of(trigger)


@given(triggers())
def test_a_restored_trigger_has_the_same_fire_times(trigger: BaseTrigger) -> None:
    assert chain(trigger_of(state_of(trigger)), NOW, 4) == chain(trigger, NOW, 4)


# --- classes of a program ---------------------------------------------------------------------------------------------


class Silent(BaseTrigger):
    """A trigger without a state."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        return None


@dataclass
class Skipping(Silent):
    """A trigger around another."""

    inner: BaseTrigger
    days: list[str] = field(default_factory=list)


class Counting(Silent):
    """A trigger with its own state."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __getstate__(self) -> dict[str, Any]:
        return {"step": self.step}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.step = state["step"]


class Nightly(CronTrigger):
    """A trigger that only adds a name."""


def test_a_dataclass_is_stored_by_its_fields_triggers_included() -> None:
    trigger = Skipping(CronTrigger(hour=1, timezone="UTC"), ["2026-12-25"])
    again = trigger_of(json.loads(json.dumps(state_of(trigger))))
    assert isinstance(again, Skipping)
    assert (repr(again.inner), again.days) == (repr(trigger.inner), trigger.days)


def test_a_class_with_getstate_and_setstate_is_stored_by_it() -> None:
    state = state_of(Counting(5))
    again = trigger_of(state)
    assert isinstance(again, Counting)
    assert again.step == 5
    assert state == {"type": f"{__name__}:Counting", "version": 1, "state": {"step": 5}}


def test_a_subclass_of_a_built_in_trigger_is_stored_as_such() -> None:
    again = trigger_of(state_of(Nightly(hour=3, timezone="UTC", jitter=1)))
    assert isinstance(again, Nightly)
    assert repr(again) == "<Nightly (hour='3', jitter=1, timezone='UTC')>"


def test_a_subclass_with_attributes_of_its_own_is_refused_without_getstate() -> None:
    trigger = Nightly(hour=3, timezone="UTC")
    trigger.colour = "red"
    with pytest.raises(TypeError, match=r"must define __getstate__ and __setstate__ .* adds the attributes colour"):
        state_of(trigger)


def test_what_is_not_json_is_refused_with_its_place() -> None:
    with pytest.raises(TypeError, match=r"Skipping\.days\[1\] must be None, a boolean, .* to be stored, got"):
        state_of(Skipping(Counting(1), ["a", NOW]))  # type: ignore[list-item]
    with pytest.raises(TypeError, match="Silent must be a dataclass, or define __getstate__ and __setstate__"):
        state_of(Silent())


def test_a_class_that_another_process_cannot_find_is_refused() -> None:
    @dataclass
    class Local(Silent):
        pass

    with pytest.raises(TypeError, match="must be a class that can be imported under this name"):
        state_of(Local())


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ({}, ValueError, "must have a type and a version"),
        ({"type": "cron", "version": 2}, ValueError, "of version 1 at most, got 2"),
        ({"type": "cron", "version": 1}, ValueError, "the state of a cron trigger cannot be read"),
        ({"type": "no_such_module:A", "version": 1, "state": {}}, LookupError, "a class that can be imported"),
        ({"type": "json:JSONDecoder", "version": 1, "state": {}}, ValueError, "a subclass of BaseTrigger"),
        ({"type": "date", "version": 1, "run_date": "now", "run_date_is_default": False}, ValueError, "a moment"),
    ],
)
def test_a_state_that_cannot_be_read_is_refused(state: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        trigger_of(state)


def test_what_a_hash_is_made_of_never_changes() -> None:
    # Records keep the hash: another text would be an edit of every job, and start its fire times from now.
    start = "2026-01-31"
    made = [
        (CronTrigger(day="LAST", hour="09", timezone=BERLIN, jitter=9), None),
        (IntervalTrigger(seconds=0.25, end_date=NOW, timezone="UTC"), 5),
        (CalendarIntervalTrigger(months=1, start_date=start, timezone="UTC"), None),
        (OrTrigger([DateTrigger(start, "UTC")], jitter=3), 7),
    ]
    assert [compile_trigger(trigger, first=first).description for trigger, first in made] == [
        (
            '{"end_date":null,"fields":{"day":"last","hour":"9"},"first":null,"start_date":null,'
            '"timezone":"Europe/Berlin","type":"cron","version":1}'
        ),
        (
            '{"end_date":"2026-02-11T09:30:00+00:00","first":5,"microseconds":250000,"timezone":"UTC",'
            '"type":"interval","version":1}'
        ),
        (
            '{"days":0,"end_date":null,"first":null,"hour":0,"minute":0,"months":1,"second":0,'
            '"start_date":"2026-01-31","timezone":"UTC","type":"calendarinterval","version":1,"weeks":0,"years":0}'
        ),
        (
            '{"first":7,"triggers":[{"run_date":"2026-01-31T00:00:00+00:00","run_date_is_default":false,"type":"date",'
            '"version":1}],"type":"or","version":1}'
        ),
    ]
