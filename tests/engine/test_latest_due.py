"""The latest of many due fire times are found by going back from now, and are the ones that a walk finds."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from doubles import START, every, resource, schedule_of
from engine.world import facts
from kalends.engine.decisions.decide import decide
from triggers.walking import fire_times

DAY = 86_400

whens = st.sampled_from(
    [
        {"trigger": every(4321)},
        {"schedule": "*/7 9-10 * * mon,thu", "timeZone": "Europe/Berlin"},
        {"trigger": {"anyOf": [{"cron": {"day": "1", "minute": "*"}}, {"cron": {"hour": 3}}]}},
        {"trigger": {"allOf": [{"cron": {"minute": "*/20"}}, {"cron": {"dayOfWeek": "sun", "minute": "*"}}]}},
        {"trigger": {"cron": {"hour": "*/2"}}, "exclude": [{"cron": {"day": "1-20"}}]},
    ]
)


@given(whens, st.integers(1, 90 * DAY), st.integers(1, 120))
@settings(max_examples=60, deadline=None)
def test_coalesce_all_runs_the_latest(when: dict[str, Any], downtime: int, most: int) -> None:
    schedule = schedule_of(resource(coalesce="All", concurrencyPolicy="Queue", maxCatchUpRuns=most, **when))
    decision = decide(schedule, None, facts(START + downtime, free_slots=0))
    assert not decision.searching
    every_one = fire_times(schedule.trigger, START + 1, START + downtime + 1)
    queued = [run.fire_time for run in decision.state.queued]
    assert queued == every_one[-most:]
    assert decision.state.counts.due == len(every_one)
    assert decision.state.counts.coalesced == len(every_one) - len(queued)
