"""What is decided about one resource, without a loop: fixtures, an instant, the wanted decisions."""

from __future__ import annotations

from typing import Any

import pytest

from doubles import JOB, START, every, resource, schedule_of
from engine.world import armed, decided, facts
from kalends.engine.core.definition import Problem
from kalends.engine.core.state import ActiveRun, Counts
from kalends.engine.decisions.decide import decide, decide_invalid
from kalends.engine.ports import ReadinessChanged, RunReport
from kalends.model import Outcome, format_instant
from kalends.model.reasons import Reason
from narrowing import present


def test_nothing_is_due_before_the_first_fire_time() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    decision = decide(schedule, None, facts(START + 59.9))
    assert decision.state.counts == Counts()
    assert decision.wake_at == START + 60
    assert decision.state.next_run == START + 60


def test_a_due_fire_time_of_a_task_is_claimed_before_it_starts() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    claim = decide(schedule, None, facts(START + 60.2))
    assert claim.starts_before == ()
    assert claim.starts_claimed == ()
    assert [(run.name, run.holder) for run in claim.state.active] == [(f"nightly-{START + 60}", "me")]
    assert claim.state.cursor == START + 60
    start = decide(schedule, claim.state, facts(START + 60.3))
    assert [run.fire_time for run in start.starts_claimed] == [START + 60]
    assert (start.state, start.starts_claimed) == (claim.state, claim.starts_after)


@pytest.mark.parametrize(
    ("coalesce", "chosen", "coalesced"),
    [("Latest", [START + 300], 4), ("Earliest", [START + 60], 4), ("All", [START + 60 * n for n in range(1, 6)], 0)],
)
def test_coalesce_says_which_of_several_due_fire_times_run(coalesce: str, chosen: list[Any], coalesced: int) -> None:
    schedule = schedule_of(resource(trigger=every(60), coalesce=coalesce, concurrencyPolicy="Allow"))
    decision = decide(schedule, None, facts(START + 310))
    assert [run.fire_time for run in decision.state.active] == chosen
    assert decision.state.counts.coalesced == coalesced == decided(decision, "Coalesced")
    assert decision.state.counts.due == 5
    assert decision.state.cursor == START + 300


def test_coalesce_all_runs_the_latest_of_too_many_and_counts_the_rest() -> None:
    spec: dict[str, Any] = {"trigger": every(1), "coalesce": "All", "concurrencyPolicy": "Allow", "maxCatchUpRuns": 3}
    schedule = schedule_of(resource(jobTemplate=JOB, **spec))
    week = 7 * 86_400
    decision = decide(schedule, None, facts(START + week, durable=True, jobs=()))
    assert [run.fire_time for run in decision.starts_before] == [START + week - 2, START + week - 1, START + week]
    assert decision.state.counts == Counts(due=week, coalesced=week - 3, started=3, active=3)


def test_what_is_later_than_its_grace_time_is_missed_and_counted_exactly() -> None:
    schedule = schedule_of(resource(trigger=every(60), startingDeadlineSeconds=90))
    decision = decide(schedule, None, facts(START + 310))
    assert decision.state.counts == Counts(due=5, missed=3, coalesced=1, started=1, active=1)
    assert decision.state.last_misfire is not None
    assert decision.state.last_misfire.fire_time == START + 180
    assert decision.state.last_misfire.reason == Reason.DEADLINE_EXCEEDED


@pytest.mark.parametrize(("lateness", "missed"), [(30.0, 0), (30.001, 1)])
def test_exactly_at_the_deadline_is_in_time(lateness: float, missed: int) -> None:
    schedule = schedule_of(resource(trigger=every(60), startingDeadlineSeconds=30))
    assert decide(schedule, None, facts(START + 60 + lateness)).state.counts.missed == missed


def test_forbid_skips_a_run_that_finds_the_last_one_running() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    running = ActiveRun(f"nightly-{START + 60}", START + 60, START + 60, "default", holder="me")
    state = armed(schedule, cursor=START + 60, active=(running,), counts=Counts(due=1, started=1, active=1))
    decision = decide(schedule, state, facts(START + 120, here=frozenset({running.name})))
    assert decision.state.counts == Counts(due=2, started=1, active=1, skipped=1)
    assert decision.state.last_misfire is not None
    assert "maxInstances" in decision.state.last_misfire.message


def test_allow_starts_it_nevertheless() -> None:
    schedule = schedule_of(resource(trigger=every(60), concurrencyPolicy="Allow"))
    running = ActiveRun(f"nightly-{START + 60}", START + 60, START + 60, "default", holder="me")
    state = armed(schedule, cursor=START + 60, active=(running,), counts=Counts(due=1, started=1, active=1))
    decision = decide(schedule, state, facts(START + 120, here=frozenset({running.name})))
    assert decision.state.counts == Counts(due=2, started=2, active=2)


def test_a_run_that_finds_no_free_worker_is_queued_until_its_deadline() -> None:
    schedule = schedule_of(resource(trigger=every(60), startingDeadlineSeconds=10))
    moment = decide(schedule, None, facts(START + 60, free_slots=0))
    assert moment.waiting
    assert moment.state.counts == Counts(), "a worker may be free in a moment"
    assert moment.wake_at == pytest.approx(START + 62, abs=0.01)
    waiting = decide(schedule, moment.state, facts(present(moment.wake_at), free_slots=0))
    assert waiting.waiting
    assert waiting.state.counts == Counts(due=1, queued=1)
    assert waiting.wake_at == pytest.approx(START + 70, abs=0.01)
    given_up = decide(schedule, waiting.state, facts(START + 70.01, free_slots=0))
    assert given_up.state.counts == Counts(due=1, missed=1)
    assert given_up.state.last_misfire is not None
    assert given_up.state.last_misfire.reason == Reason.WAITED_TOO_LONG
    assert not given_up.waiting


def test_a_claim_whose_holder_is_gone_is_lost_and_not_repeated() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    claim = ActiveRun(f"nightly-{START + 60}", START + 60, START + 60, "default", holder="somebody-else")
    state = armed(schedule, cursor=START + 60, active=(claim,), counts=Counts(due=1, started=1, active=1))
    decision = decide(schedule, state, facts(START + 61))
    assert decision.state.counts == Counts(due=1, started=1, lost=1)
    assert decision.starts_claimed == ()
    assert decision.state.history[0].outcome is Outcome.LOST


def test_a_claim_that_comes_to_start_too_late_is_missed_not_started() -> None:
    schedule = schedule_of(resource(trigger=every(60), startingDeadlineSeconds=5))
    claim = decide(schedule, None, facts(START + 61)).state
    decision = decide(schedule, claim, facts(START + 66))
    assert decision.starts_claimed == ()
    assert decision.state.counts == Counts(due=1, missed=1)
    assert decision.state.active == ()


def test_an_exhausted_schedule_is_ready_with_the_reason_exhausted() -> None:
    schedule = schedule_of(resource(trigger={"date": {"at": "2000-01-01T00:00:00Z"}}))
    state = decide(schedule, None, facts(START)).state
    assert state.conditions["Ready"].status is True
    assert state.conditions["Ready"].reason == Reason.EXHAUSTED


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"trigger": {"date": {"at": "2000-01-01T00:00:00Z"}}}, "its only fire time had passed before it was created"),
        ({"schedule": "@daily", "endTime": "2000-01-01"}, "its last fire time had passed before it was created"),
        ({"schedule": "@every 1h", "endTime": "2000-01-01"}, "it has no fire time: its `endTime` had passed before it"),
    ],
)
def test_what_was_over_before_its_creation_is_a_warning(spec: dict[str, Any], words: str) -> None:
    schedule = schedule_of(resource(**spec))
    decision = decide(schedule, None, facts(START))
    assert words in decision.state.conditions["Ready"].message
    [readiness] = [notice for notice in decision.notices if isinstance(notice, ReadinessChanged)]
    assert (readiness.reason, readiness.ready, readiness.warns) == (Reason.EXHAUSTED, True, True)
    again = decide(schedule, decision.state, facts(START + 60))
    assert again.notices == ()
    assert again.state == decision.state


def test_what_has_done_its_work_is_no_warning() -> None:
    schedule = schedule_of(resource(trigger={"date": {"at": format_instant(START + 60)}}))
    state = decide(schedule, None, facts(START)).state
    decision = decide(schedule, state, facts(START + 61))
    readiness = [notice for notice in decision.notices if isinstance(notice, ReadinessChanged)]
    assert [(notice.reason, notice.warns) for notice in readiness] == [(Reason.EXHAUSTED, False)]
    assert decision.state.conditions["Ready"].message.endswith("no further fire times")


def test_an_edit_to_an_instant_that_has_passed_is_reported() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    state = decide(schedule, None, facts(START + 600)).state
    edited = schedule_of(resource(trigger={"date": {"at": format_instant(START + 300)}}))
    decision = decide(edited, state, facts(START + 601))
    assert "its only fire time had passed before it was last changed or resumed" in (
        decision.state.conditions["Ready"].message
    )


def test_deciding_again_from_the_record_decides_nothing_new() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    state = decide(schedule, None, facts(START + 1000)).state
    again = decide(schedule, state, facts(START + 1000, here=frozenset(run.name for run in state.active)))
    assert again.state == state


def test_an_invalid_resource_is_stalled_and_its_record_is_kept() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    state = armed(schedule, cursor=START + 60, counts=Counts(due=1, started=1, succeeded=1))
    problem = Problem("InvalidSchedule", "spec.schedule: must be …")
    decision = decide_invalid(schedule.ref, 2, problem, state, facts(START + 100))
    assert decision.state.conditions["Stalled"].status is True
    assert decision.state.conditions["Ready"].status is False
    assert decision.state.counts == state.counts
    assert decision.state.observed_generation == 2


def test_a_refused_schedule_still_says_when_it_would_be_due() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    problem = Problem("InvalidSchedule", "spec.schedule: must be …", "99 * * * *")
    assert decide_invalid(schedule.ref, 2, problem, armed(schedule), facts(START)).state.summary == "99 * * * *"


def test_a_corrected_resource_loses_its_stalled_condition() -> None:
    schedule = schedule_of(resource(trigger=every(60), generation=3))
    problem = Problem("InvalidSchedule", "spec.schedule: must be …")
    stalled = decide_invalid(schedule.ref, 2, problem, armed(schedule), facts(START + 100)).state
    corrected = decide(schedule, stalled, facts(START + 200)).state
    assert "Stalled" not in corrected.conditions
    assert corrected.conditions["Ready"].status is True
    assert corrected.counts == Counts()


def test_while_draining_nothing_new_is_decided_but_ends_are_recorded() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    state = decide(schedule, None, facts(START + 60)).state
    name = state.active[0].name
    report = RunReport(schedule.ref, name, START + 60, Outcome.SUCCEEDED, START + 60, START + 61)
    known = facts(START + 200, dispatch=False, here=frozenset({name}), reports={name: report})
    assert decide(schedule, state, known).state.counts == Counts(due=1, started=1, succeeded=1)


def test_jitter_delays_the_start_and_never_the_fire_time() -> None:
    schedule = schedule_of(resource(trigger=every(60), jitterSeconds=50))
    decision = decide(schedule, None, facts(START))
    assert decision.wake_at is not None
    assert START + 60 <= decision.wake_at <= START + 110
    if decision.wake_at > START + 60:
        assert decide(schedule, None, facts(decision.wake_at - 0.5)).state.counts == Counts()
    assert decide(schedule, None, facts(decision.wake_at)).state.active[0].fire_time == START + 60


def test_a_claim_whose_resource_has_come_to_run_elsewhere_does_not_start() -> None:
    claim = decide(schedule_of(resource(trigger=every(60))), None, facts(START + 60)).state
    edited = schedule_of(resource(trigger=every(60), jobTemplate=JOB, generation=2))
    decision = decide(edited, claim, facts(START + 61, durable=True, jobs=()))
    assert decision.starts_claimed == ()
    assert decision.state.counts == Counts(due=1, started=1, cancelled=1)
