"""The claims about triggers: what a scheduler relies on, and what job stores need.

Fixtures: ``now``, a moment with a time zone, and ``trigger``, an instance of the class under test whose fire times
begin soon after it. A trigger that cannot be stored, as it is for memory alone, leaves out
``test_a_restored_trigger_has_the_same_fire_times``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from kalends.testing.fire_times import ascends, chain, listed
from kalends.triggers.base import BaseTrigger
from kalends.triggers.programs.compiled import compile_trigger, jitter_of
from kalends.triggers.programs.datetimes import microseconds_of
from kalends.triggers.programs.stored import state_of, trigger_of
from kalends.triggers.protocol import PartialTally

SEVERAL = 12


def test_fire_times_have_a_time_zone_and_ascend(trigger: BaseTrigger, now: datetime) -> None:
    found = chain(trigger, now, SEVERAL)
    assert found
    assert all(moment.tzinfo is not None for moment in found)
    assert ascends(found)


def test_the_first_fire_time_is_not_before_now(trigger: BaseTrigger, now: datetime) -> None:
    found = trigger.get_next_fire_time(None, now)
    assert found is not None
    assert found >= now


def test_equal_questions_have_equal_answers(trigger: BaseTrigger, now: datetime) -> None:
    if jitter_of(trigger):
        return  # the delays of runs differ; the engine asks for the fire times without them
    assert chain(trigger, now, SEVERAL) == chain(trigger, now, SEVERAL)


def test_the_zone_of_the_question_does_not_change_the_instants(trigger: BaseTrigger, now: datetime) -> None:
    if jitter_of(trigger):
        return
    elsewhere = chain(trigger, now.astimezone(ZoneInfo("Pacific/Apia")), SEVERAL)
    assert [microseconds_of(moment) for moment in elsewhere] == [
        microseconds_of(moment) for moment in chain(trigger, now.astimezone(UTC), SEVERAL)
    ]


def test_the_engine_reads_the_same_fire_times(trigger: BaseTrigger, now: datetime) -> None:
    if jitter_of(trigger):
        return
    expected = [microseconds_of(moment) for moment in chain(trigger, now, SEVERAL)]
    compiled = compile_trigger(trigger, first=expected[0])
    assert listed(compiled, expected[0] - 1, len(expected)) == expected
    tally = compiled.tally(expected[0] - 1, expected[-1])
    assert not isinstance(tally, PartialTally)
    assert (tally.count, tally.first, tally.last) == (len(expected), expected[0], expected[-1])


def test_a_restored_trigger_has_the_same_fire_times(trigger: BaseTrigger, now: datetime) -> None:
    again = trigger_of(json.loads(json.dumps(state_of(trigger))))
    assert type(again) is type(trigger)
    assert state_of(again) == state_of(trigger)
    if not jitter_of(trigger):
        assert chain(again, now, SEVERAL) == chain(trigger, now, SEVERAL)
