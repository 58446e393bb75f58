"""From when fire times count: edits, suspensions, clocks and records far ahead, without a loop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from doubles import JOB, START, every, resource, schedule_of, snapshot_of
from engine.world import armed, facts
from kalends.engine.core.state import Counts
from kalends.engine.decisions.decide import arm, decide
from kalends.engine.ports import JobView, ReadinessChanged
from kalends.model import format_instant
from kalends.model.instants import LAST_INSTANT
from kalends.model.reasons import Reason
from narrowing import present

DAY = 86_400
CENTURY = START + 36_525 * DAY


def test_a_suspended_schedule_has_no_fire_times_and_a_resumed_one_starts_from_now() -> None:
    suspended = schedule_of(resource(trigger=every(60), suspend=True, generation=2))
    running = decide(schedule_of(resource(trigger=every(60))), None, facts(START + 1)).state
    asleep = decide(suspended, running, facts(START + 30))
    assert asleep.state.next_run is None
    assert asleep.wake_at is None
    assert asleep.state.conditions["Ready"].reason == Reason.SUSPENDED
    later = decide(suspended, asleep.state, facts(START + 3600)).state
    assert later.counts == Counts()
    resumed = decide(schedule_of(resource(trigger=every(60), generation=3)), later, facts(START + 3601))
    assert resumed.state.counts == Counts()
    assert resumed.state.next_run == START + 3660


def test_an_edited_schedule_never_fires_for_instants_before_the_edit() -> None:
    state = decide(schedule_of(resource(trigger=every(3600))), None, facts(START + 1)).state
    edited = schedule_of(resource(trigger=every(60), generation=2))
    decision = decide(edited, state, facts(START + 1000))
    assert decision.state.counts == Counts()
    assert decision.state.next_run == START + 1020


@pytest.mark.parametrize("claimed", [0, START - CENTURY, CENTURY, LAST_INSTANT])
def test_a_time_of_the_edit_that_a_user_wrote_lies_between_the_record_and_now(claimed: int) -> None:
    before = decide(schedule_of(resource(trigger=every(60))), None, facts(START + 120)).state
    edited = replace(schedule_of(resource(trigger=every(30), generation=2)), edited=claimed)
    after = decide(edited, before, facts(START + 200)).state
    assert before.armed <= after.armed <= START + 200
    assert after.counts.due - before.counts.due <= 2
    assert START + 200 < present(after.next_run) <= START + 230


def test_an_edit_of_what_runs_changes_no_fire_time() -> None:
    state = decide(schedule_of(resource(trigger=every(60))), None, facts(START + 1)).state
    edited = schedule_of(resource(trigger=every(60), generation=2, task={"name": "kalends.sleep"}))
    assert decide(edited, state, facts(START + 100)).state.counts.due == 1


def test_where_the_time_of_the_edit_is_known_the_schedule_counts_from_there() -> None:
    state = decide(schedule_of(resource(trigger=every(3600))), None, facts(START + 1)).state
    edited = replace(schedule_of(resource(trigger=every(60), generation=2)), edited=START + 500)
    decision = decide(edited, state, facts(START + 1000))
    assert decision.state.counts.due == 8
    assert decision.state.armed == START + 500


def test_another_zone_of_the_operators_own_loses_nothing_that_it_does_not_move() -> None:
    job = resource(trigger={"date": {"at": format_instant(START + 60)}})
    here, elsewhere = (present(snapshot_of(job, time_zone=zone).schedule) for zone in ("UTC", "Asia/Tokyo"))
    state = decide(here, None, facts(START + 1)).state
    assert decide(elsewhere, state, facts(START + 100)).state.counts.due == 1


def test_what_another_zone_of_the_operators_own_moves_starts_from_now() -> None:
    here, elsewhere = (
        present(snapshot_of(resource(schedule="* * * * *"), time_zone=zone).schedule) for zone in ("UTC", "Asia/Tokyo")
    )
    state = decide(here, None, facts(START + 1)).state
    decision = decide(elsewhere, state, facts(START + 3600))
    assert decision.state.counts.due == 0
    assert decision.state.armed == START + 3600


def test_the_cursor_never_goes_back_when_the_clock_does() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    state = armed(schedule, cursor=START + 600, counts=Counts(due=10, started=10, succeeded=10))
    decision = decide(schedule, state, facts(START + 100))
    assert decision.state.cursor == START + 600
    assert decision.state.counts == state.counts
    assert decision.wake_at == START + 660


def test_arming_again_without_a_change_changes_nothing() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    state = armed(schedule)
    assert arm(schedule, state, START + 10_000) is state


def test_what_an_edited_schedule_names_before_a_job_of_the_old_one_is_decided_with_it() -> None:
    state = decide(schedule_of(resource(trigger=every(60), jobTemplate=JOB)), None, facts(START + 1)).state
    jobs = (JobView(f"nightly-{START + 60}", START + 60, START + 60),)
    spec: dict[str, Any] = {"trigger": every(7), "jobTemplate": JOB, "concurrencyPolicy": "Allow", "coalesce": "All"}
    edited = replace(schedule_of(resource(generation=2, **spec)), edited=START + 40)
    decision = decide(edited, state, facts(START + 61, durable=True, jobs=jobs))
    assert decision.state.cursor == START + 60
    assert [run.fire_time - START for run in decision.state.active] == [60, 42, 49, 56]


def test_an_edit_to_no_schedule_at_all_does_not_run_for_the_creation() -> None:
    state = decide(schedule_of(resource(trigger=every(60))), None, facts(START + 1)).state
    edited = schedule_of(resource(generation=2))
    decision = decide(edited, state, facts(START + 30))
    assert decision.state.armed == START + 30
    assert decision.state.counts == Counts()


@pytest.mark.parametrize(
    ("edited", "name"), [({"cursor": CENTURY}, "decidedUntilTime"), ({"armed": CENTURY}, "armedTime")]
)
def test_a_record_far_ahead_of_the_clock_is_refused_with_what_is_accepted_and_stays_as_it_is(
    edited: dict[str, Any], name: str
) -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    record = replace(decide(schedule, None, facts(START + 60)).state, **edited)
    decision = decide(schedule, record, facts(START + 120, here=frozenset({record.active[0].name})))
    ready = decision.state.conditions["Ready"]
    assert (ready.status, ready.reason) == (False, Reason.INVALID_STATUS)
    assert f"status.{name} must be at most 48 hours ahead of the operator's clock" in ready.message
    assert decision.state.conditions["Stalled"].status
    assert (decision.state.armed, decision.state.cursor) == (record.armed, record.cursor)
    assert (decision.state.counts, decision.state.active) == (record.counts, record.active)
    assert (decision.starts_before, decision.starts_claimed, decision.state.next_run) == ((), (), None)
    (notice,) = decision.notices
    assert isinstance(notice, ReadinessChanged)
    assert notice.ready is False
    again = decide(schedule, decision.state, facts(START + 180, here=frozenset({record.active[0].name})))
    assert (again.state, again.notices) == (decision.state, ()), "said once, not at every look"


def test_a_record_that_was_far_ahead_of_the_clock_continues_once_it_is_corrected() -> None:
    schedule = schedule_of(resource(trigger=every(60), concurrencyPolicy="Allow"))
    before = decide(schedule, None, facts(START + 60)).state
    refused = decide(schedule, replace(before, cursor=CENTURY), facts(START + 120)).state
    corrected = decide(schedule, replace(refused, cursor=START + 120), facts(START + 180.5)).state
    assert corrected.conditions["Ready"].reason == Reason.ARMED
    assert "Stalled" not in corrected.conditions
    assert corrected.counts.due == before.counts.due + 1
    assert corrected.cursor == START + 180


def test_a_clock_stepped_back_by_a_day_trips_nothing_and_one_far_behind_is_looked_at_when_it_is_right() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    record = decide(schedule, None, facts(START + 60)).state
    stepped = decide(schedule, record, facts(START + 60 - DAY))
    assert stepped.state.conditions["Ready"].status
    behind = decide(schedule, record, facts(0))
    assert not behind.state.conditions["Ready"].status
    assert behind.wake_at is not None
    assert decide(schedule, behind.state, facts(behind.wake_at)).state.conditions["Ready"].status


def test_no_trigger_means_one_run_as_soon_as_the_resource_is_seen() -> None:
    schedule = schedule_of(resource())
    decision = decide(schedule, None, facts(START + 5))
    assert [run.fire_time for run in decision.state.active] == [START]
    after = decide(schedule, decision.state, facts(START + 500, here=frozenset({f"nightly-{START}"})))
    assert after.state.counts.due == 1
