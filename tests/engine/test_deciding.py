"""What is decided about one resource, without a loop: fixtures, an instant, the wanted decisions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from doubles import JOB, START, every, resource, schedule_of
from kalends.engine.deciding import arm, decide, decide_invalid
from kalends.engine.facts import Facts
from kalends.engine.policies import Refusal
from kalends.engine.ports import Decided, JobView, Problem, RunReport
from kalends.engine.state import ActiveRun, Counts, State
from kalends.model import Outcome
from kalends.model.reasons import Reason
from kalends.stores.record import decode, encode


def facts(now: float, **more):
    return Facts(now=now, me="me", **more)


def decided(decision, kind):
    return sum(one.count for one in decision.notices if isinstance(one, Decided) and one.verdict == kind)


def armed(schedule, **more) -> State:
    return State(armed=schedule.first_armed, schedule_hash=schedule.hash, observed_generation=1, **more)


def test_nothing_is_due_before_the_first_fire_time():
    schedule = schedule_of(resource(trigger=every(60)))
    decision = decide(schedule, None, facts(START + 59.9))
    assert decision.state.counts == Counts()
    assert decision.wake_at == START + 60
    assert decision.state.next_run == START + 60


def test_a_due_fire_time_of_a_task_is_claimed_before_it_starts():
    schedule = schedule_of(resource(trigger=every(60)))
    claim = decide(schedule, None, facts(START + 60.2))
    assert claim.starts_before == ()
    assert claim.starts_claimed == ()
    assert [(run.name, run.holder) for run in claim.state.active] == [(f"nightly-{START + 60}", "me")]
    assert claim.state.cursor == START + 60
    start = decide(schedule, claim.state, facts(START + 60.3))
    assert [run.fire_time for run in start.starts_claimed] == [START + 60]
    assert start.state == claim.state


def test_a_due_fire_time_of_a_job_is_created_before_it_is_recorded():
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    decision = decide(schedule, None, facts(START + 60, outlives_us=True, jobs=()))
    assert [run.name for run in decision.starts_before] == [f"nightly-{START + 60}"]
    assert decision.state.active[0].holder == ""
    assert decision.state.counts == Counts(due=1, started=1, active=1)


@pytest.mark.parametrize(
    ("coalesce", "chosen", "coalesced"),
    [("Latest", [START + 300], 4), ("Earliest", [START + 60], 4), ("All", [START + 60 * n for n in range(1, 6)], 0)],
)
def test_coalesce_says_which_of_several_due_fire_times_run(coalesce, chosen, coalesced):
    schedule = schedule_of(resource(trigger=every(60), coalesce=coalesce, concurrencyPolicy="Allow"))
    decision = decide(schedule, None, facts(START + 310))
    assert [run.fire_time for run in decision.state.active] == chosen
    assert decision.state.counts.coalesced == coalesced == decided(decision, "Coalesced")
    assert decision.state.counts.due == 5
    assert decision.state.cursor == START + 300


def test_coalesce_all_runs_the_latest_of_too_many_and_counts_the_rest():
    spec = {"trigger": every(1), "coalesce": "All", "concurrencyPolicy": "Allow", "maxCatchUpRuns": 3}
    schedule = schedule_of(resource(jobTemplate=JOB, **spec))
    week = 7 * 86_400
    decision = decide(schedule, None, facts(START + week, outlives_us=True, jobs=()))
    assert [run.fire_time for run in decision.starts_before] == [START + week - 2, START + week - 1, START + week]
    assert decision.state.counts == Counts(due=week, coalesced=week - 3, started=3, active=3)


def test_what_is_later_than_its_grace_time_is_missed_and_counted_exactly():
    schedule = schedule_of(resource(trigger=every(60), startingDeadlineSeconds=90))
    decision = decide(schedule, None, facts(START + 310))
    assert decision.state.counts == Counts(due=5, missed=3, coalesced=1, started=1, active=1)
    assert decision.state.last_misfire is not None
    assert decision.state.last_misfire.fire_time == START + 180
    assert decision.state.last_misfire.reason == Reason.DEADLINE_EXCEEDED


@pytest.mark.parametrize(("lateness", "missed"), [(30.0, 0), (30.001, 1)])
def test_exactly_at_the_deadline_is_in_time(lateness, missed):
    schedule = schedule_of(resource(trigger=every(60), startingDeadlineSeconds=30))
    assert decide(schedule, None, facts(START + 60 + lateness)).state.counts.missed == missed


def test_forbid_skips_a_run_that_finds_the_last_one_running():
    schedule = schedule_of(resource(trigger=every(60)))
    running = ActiveRun(f"nightly-{START + 60}", START + 60, START + 60, "default", holder="me")
    state = armed(schedule, cursor=START + 60, active=(running,), counts=Counts(due=1, started=1, active=1))
    decision = decide(schedule, state, facts(START + 120, here=frozenset({running.name})))
    assert decision.state.counts == Counts(due=2, started=1, active=1, skipped=1)
    assert decision.state.last_misfire is not None
    assert "maxInstances" in decision.state.last_misfire.message


def test_allow_starts_it_all_the_same():
    schedule = schedule_of(resource(trigger=every(60), concurrencyPolicy="Allow"))
    running = ActiveRun(f"nightly-{START + 60}", START + 60, START + 60, "default", holder="me")
    state = armed(schedule, cursor=START + 60, active=(running,), counts=Counts(due=1, started=1, active=1))
    decision = decide(schedule, state, facts(START + 120, here=frozenset({running.name})))
    assert decision.state.counts == Counts(due=2, started=2, active=2)


def test_a_run_that_finds_no_free_worker_is_queued_until_its_deadline():
    schedule = schedule_of(resource(trigger=every(60), startingDeadlineSeconds=10))
    moment = decide(schedule, None, facts(START + 60, free_slots=0))
    assert moment.waiting
    assert moment.state.counts == Counts(), "a worker may be free in a moment"
    assert moment.wake_at == pytest.approx(START + 62, abs=0.01)
    waiting = decide(schedule, moment.state, facts(moment.wake_at, free_slots=0))
    assert waiting.waiting
    assert waiting.state.counts == Counts(due=1, queued=1)
    assert waiting.wake_at == pytest.approx(START + 70, abs=0.01)
    given_up = decide(schedule, waiting.state, facts(START + 70.01, free_slots=0))
    assert given_up.state.counts == Counts(due=1, missed=1)
    assert given_up.state.last_misfire is not None
    assert given_up.state.last_misfire.reason == Reason.WAITED_TOO_LONG
    assert not given_up.waiting


def test_a_claim_whose_holder_is_gone_is_lost_and_not_repeated():
    schedule = schedule_of(resource(trigger=every(60)))
    claim = ActiveRun(f"nightly-{START + 60}", START + 60, START + 60, "default", holder="somebody-else")
    state = armed(schedule, cursor=START + 60, active=(claim,), counts=Counts(due=1, started=1, active=1))
    decision = decide(schedule, state, facts(START + 61))
    assert decision.state.counts == Counts(due=1, started=1, lost=1)
    assert decision.starts_claimed == ()
    assert decision.state.history[0].outcome is Outcome.LOST


def test_a_claim_that_comes_to_start_too_late_is_missed_not_started():
    schedule = schedule_of(resource(trigger=every(60), startingDeadlineSeconds=5))
    claim = decide(schedule, None, facts(START + 61)).state
    decision = decide(schedule, claim, facts(START + 66))
    assert decision.starts_claimed == ()
    assert decision.state.counts == Counts(due=1, missed=1)
    assert decision.state.active == ()


def test_a_job_that_was_created_and_not_recorded_is_adopted_even_when_it_would_be_late_now():
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB, startingDeadlineSeconds=5))
    jobs = (JobView(f"nightly-{START + 60}", START + 60, START + 60),)
    decision = decide(schedule, None, facts(START + 200, outlives_us=True, jobs=jobs))
    assert decision.state.counts == Counts(due=3, started=1, active=1, missed=2)
    assert [run.fire_time for run in decision.state.active] == [START + 60]


def test_a_job_that_ended_is_history_with_its_result():
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    first = decide(schedule, None, facts(START + 60, outlives_us=True, jobs=())).state
    name = f"nightly-{START + 60}"
    report = RunReport(schedule.ref, name, START + 60, Outcome.SUCCEEDED, START + 61, START + 65, result="42")
    jobs = (JobView(name, START + 60, START + 60, report),)
    decision = decide(schedule, first, facts(START + 66, outlives_us=True, jobs=jobs))
    assert decision.state.counts == Counts(due=1, started=1, succeeded=1)
    assert decision.state.history[0].result == "42"
    assert decision.state.last_successful == START + 65
    assert decision.state.conditions["LastRunSucceeded"].status is True


def test_a_job_that_was_deleted_by_hand_while_it_ran_is_lost_with_a_reason():
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    first = decide(schedule, None, facts(START + 60, outlives_us=True, jobs=())).state
    decision = decide(schedule, first, facts(START + 70, outlives_us=True, jobs=()))
    assert decision.state.counts == Counts(due=1, started=1, lost=1)
    assert decision.state.history[0].reason == Reason.JOB_DELETED


def test_nothing_is_judged_of_jobs_that_are_not_known_yet():
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    first = decide(schedule, None, facts(START + 60, outlives_us=True, jobs=())).state
    assert decide(schedule, first, facts(START + 70, outlives_us=True, jobs=None)).state.counts.active == 1


def test_a_job_that_the_api_server_refuses_for_good_is_a_failed_run():
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    refusal = {f"nightly-{START + 60}": Refusal(Reason.NAME_TAKEN, "somebody else's")}
    decision = decide(schedule, None, facts(START + 60, outlives_us=True, jobs=(), refused=refusal))
    assert decision.starts_before == ()
    assert decision.state.counts == Counts(due=1, started=1, failed=1)
    assert decision.state.history[0].reason == Reason.NAME_TAKEN


def test_finished_jobs_beyond_the_limits_are_deleted_oldest_first():
    limits = {"successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 0}
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB, **limits))
    outcomes = [Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.FAILED, Outcome.SUCCEEDED, Outcome.SUCCEEDED]
    jobs = []
    for number, outcome in enumerate(outcomes, start=1):
        at = START + 60 * number
        report = RunReport(schedule.ref, f"nightly-{at}", at, outcome, at, at + 1)
        jobs.append(JobView(report.name, at, at, report))
    state = armed(schedule, cursor=START + 300)
    decision = decide(schedule, state, facts(START + 301, outlives_us=True, jobs=tuple(jobs)))
    assert decision.deletes == tuple(f"nightly-{START + 60 * n}" for n in (1, 2, 3))


def test_a_suspended_schedule_has_no_fire_times_and_a_resumed_one_starts_from_now():
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


def test_an_edited_schedule_never_fires_for_instants_before_the_edit():
    state = decide(schedule_of(resource(trigger=every(3600))), None, facts(START + 1)).state
    edited = schedule_of(resource(trigger=every(60), generation=2))
    decision = decide(edited, state, facts(START + 1000))
    assert decision.state.counts == Counts()
    assert decision.state.next_run == START + 1020


def test_an_edit_of_what_runs_changes_no_fire_time():
    state = decide(schedule_of(resource(trigger=every(60))), None, facts(START + 1)).state
    edited = schedule_of(resource(trigger=every(60), generation=2, task={"name": "kalends.sleep"}))
    assert decide(edited, state, facts(START + 100)).state.counts.due == 1


def test_where_the_time_of_the_edit_is_known_the_schedule_counts_from_there():
    state = decide(schedule_of(resource(trigger=every(3600))), None, facts(START + 1)).state
    edited = replace(schedule_of(resource(trigger=every(60), generation=2)), edited=START + 500)
    decision = decide(edited, state, facts(START + 1000))
    assert decision.state.counts.due == 8
    assert decision.state.armed == START + 500


def test_the_cursor_never_goes_back_when_the_clock_does():
    schedule = schedule_of(resource(trigger=every(60)))
    state = armed(schedule, cursor=START + 600, counts=Counts(due=10, started=10, succeeded=10))
    decision = decide(schedule, state, facts(START + 100))
    assert decision.state.cursor == START + 600
    assert decision.state.counts == state.counts
    assert decision.wake_at == START + 660


def test_arming_again_without_a_change_changes_nothing():
    schedule = schedule_of(resource(trigger=every(60)))
    state = armed(schedule)
    assert arm(schedule, state, START + 10_000) is state


def test_an_exhausted_schedule_is_ready_and_says_so():
    schedule = schedule_of(resource(trigger={"date": {"at": "2000-01-01T00:00:00Z"}}))
    state = decide(schedule, None, facts(START)).state
    assert state.conditions["Ready"].status is True
    assert state.conditions["Ready"].reason == Reason.EXHAUSTED


def test_no_trigger_means_one_run_as_soon_as_the_resource_is_seen():
    schedule = schedule_of(resource())
    decision = decide(schedule, None, facts(START + 5))
    assert [run.fire_time for run in decision.state.active] == [START]
    after = decide(schedule, decision.state, facts(START + 500, here=frozenset({f"nightly-{START}"})))
    assert after.state.counts.due == 1


def test_deciding_again_from_the_record_decides_nothing_new():
    schedule = schedule_of(resource(trigger=every(60)))
    state = decide(schedule, None, facts(START + 1000)).state
    again = decide(schedule, state, facts(START + 1000, here=frozenset(run.name for run in state.active)))
    assert again.state == state


def test_an_invalid_resource_is_stalled_and_its_record_is_kept():
    schedule = schedule_of(resource(trigger=every(60)))
    state = armed(schedule, cursor=START + 60, counts=Counts(due=1, started=1, succeeded=1))
    problem = Problem("InvalidSchedule", "spec.schedule: must be …")
    decision = decide_invalid(schedule.ref, 2, problem, state, facts(START + 100))
    assert decision.state.conditions["Stalled"].status is True
    assert decision.state.conditions["Ready"].status is False
    assert decision.state.counts == state.counts
    assert decision.state.observed_generation == 2


def test_a_mended_resource_loses_its_stalled_condition():
    schedule = schedule_of(resource(trigger=every(60), generation=3))
    problem = Problem("InvalidSchedule", "spec.schedule: must be …")
    stalled = decide_invalid(schedule.ref, 2, problem, armed(schedule), facts(START + 100)).state
    mended = decide(schedule, stalled, facts(START + 200)).state
    assert "Stalled" not in mended.conditions
    assert mended.conditions["Ready"].status is True
    assert mended.counts == Counts()


def test_while_draining_nothing_new_is_decided_but_ends_are_recorded():
    schedule = schedule_of(resource(trigger=every(60)))
    state = decide(schedule, None, facts(START + 60)).state
    name = state.active[0].name
    report = RunReport(schedule.ref, name, START + 60, Outcome.SUCCEEDED, START + 60, START + 61)
    told = facts(START + 200, dispatch=False, here=frozenset({name}), reports={name: report})
    assert decide(schedule, state, told).state.counts == Counts(due=1, started=1, succeeded=1)


def test_jitter_delays_the_start_and_never_the_fire_time():
    schedule = schedule_of(resource(trigger=every(60), jitterSeconds=50))
    decision = decide(schedule, None, facts(START))
    assert decision.wake_at is not None
    assert START + 60 <= decision.wake_at <= START + 110
    if decision.wake_at > START + 60:
        assert decide(schedule, None, facts(decision.wake_at - 0.5)).state.counts == Counts()
    assert decide(schedule, None, facts(decision.wake_at)).state.active[0].fire_time == START + 60


DAY = 86_400
CENTURY = START + 36_525 * DAY


@pytest.mark.parametrize(
    ("edited", "name"), [({"cursor": CENTURY}, "lastScheduleTime"), ({"armed": CENTURY}, "armedTime")]
)
def test_a_record_far_ahead_of_the_clock_is_refused_with_what_is_accepted_and_stays_as_it_is(edited, name):
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
    assert [notice.ready for notice in decision.notices] == [False]
    again = decide(schedule, decision.state, facts(START + 180, here=frozenset({record.active[0].name})))
    assert (again.state, again.notices) == (decision.state, ()), "said once, not at every look"


def test_a_record_that_was_far_ahead_of_the_clock_goes_on_once_it_is_mended():
    schedule = schedule_of(resource(trigger=every(60), concurrencyPolicy="Allow"))
    before = decide(schedule, None, facts(START + 60)).state
    refused = decide(schedule, replace(before, cursor=CENTURY), facts(START + 120)).state
    mended = decide(schedule, replace(refused, cursor=START + 120), facts(START + 180.5)).state
    assert mended.conditions["Ready"].reason == Reason.ARMED
    assert "Stalled" not in mended.conditions
    assert mended.counts.due == before.counts.due + 1
    assert mended.cursor == START + 180


def test_a_clock_stepped_back_by_a_day_trips_nothing_and_one_far_behind_is_looked_at_when_it_is_right():
    schedule = schedule_of(resource(trigger=every(60)))
    record = decide(schedule, None, facts(START + 60)).state
    stepped = decide(schedule, record, facts(START + 60 - DAY))
    assert stepped.state.conditions["Ready"].status
    behind = decide(schedule, record, facts(0))
    assert not behind.state.conditions["Ready"].status
    assert behind.wake_at is not None
    assert decide(schedule, behind.state, facts(behind.wake_at)).state.conditions["Ready"].status


def test_active_jobs_that_were_too_many_to_list_are_found_again_after_a_restart():
    schedule = schedule_of(resource(trigger=every(1), jobTemplate=JOB, concurrencyPolicy="Allow", coalesce="All"))
    full = decide(schedule, None, facts(START + 70, outlives_us=True, jobs=())).state
    assert full.counts.active == 70
    read_back = decode(encode(full), created=START)
    assert len(read_back.active) == 50
    jobs = tuple(JobView(run.name, run.fire_time, run.started) for run in full.active if run.fire_time != START + 60)
    again = decide(schedule, read_back, facts(START + 70.5, outlives_us=True, jobs=jobs)).state
    assert len(again.active) == again.counts.active == 69
    assert again.counts.lost == 1
    assert again.counts.imbalance() is None


def test_a_job_that_an_edit_passed_over_before_it_was_recorded_is_accounted_for():
    state = decide(schedule_of(resource(trigger=every(60), jobTemplate=JOB)), None, facts(START + 1)).state
    jobs = (JobView(f"nightly-{START + 60}", START + 60, START + 60),)
    suspended = schedule_of(resource(trigger=every(60), jobTemplate=JOB, suspend=True, generation=2))
    decision = decide(suspended, state, facts(START + 61, outlives_us=True, jobs=jobs))
    assert decision.state.counts == Counts(due=1, started=1, active=1)
    again = decide(suspended, decision.state, facts(START + 62, outlives_us=True, jobs=jobs))
    assert again.state == decision.state


def test_a_claim_whose_resource_has_come_to_run_elsewhere_does_not_start():
    claim = decide(schedule_of(resource(trigger=every(60))), None, facts(START + 60)).state
    edited = schedule_of(resource(trigger=every(60), jobTemplate=JOB, generation=2))
    decision = decide(edited, claim, facts(START + 61, outlives_us=True, jobs=()))
    assert decision.starts_claimed == ()
    assert decision.state.counts == Counts(due=1, started=1, cancelled=1)


def test_a_job_at_an_instant_that_is_no_fire_time_passes_over_none_that_is_one():
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    jobs = (JobView("nightly-odd", START + 61, START + 61),)
    decision = decide(schedule, None, facts(START + 62, outlives_us=True, jobs=jobs))
    assert [run.name for run in decision.state.active] == ["nightly-odd"]
    assert decision.state.counts == Counts(due=2, started=1, active=1, skipped=1)
    again = decide(schedule, decision.state, facts(START + 63, outlives_us=True, jobs=jobs))
    assert again.state == decision.state


def test_what_an_edited_schedule_names_before_a_job_of_the_old_one_is_decided_with_it():
    state = decide(schedule_of(resource(trigger=every(60), jobTemplate=JOB)), None, facts(START + 1)).state
    jobs = (JobView(f"nightly-{START + 60}", START + 60, START + 60),)
    spec = {"trigger": every(7), "jobTemplate": JOB, "concurrencyPolicy": "Allow", "coalesce": "All"}
    edited = replace(schedule_of(resource(generation=2, **spec)), edited=START + 40)
    decision = decide(edited, state, facts(START + 61, outlives_us=True, jobs=jobs))
    assert decision.state.cursor == START + 60
    assert [run.fire_time - START for run in decision.state.active] == [60, 42, 49, 56]


def test_an_edit_to_no_schedule_at_all_does_not_run_for_the_creation():
    state = decide(schedule_of(resource(trigger=every(60))), None, facts(START + 1)).state
    edited = schedule_of(resource(generation=2))
    decision = decide(edited, state, facts(START + 30))
    assert decision.state.armed == START + 30
    assert decision.state.counts == Counts()


def test_a_start_that_was_refused_fails_on_record_also_where_a_later_job_was_created_meanwhile():
    spec = {"trigger": every(10), "jobTemplate": JOB, "coalesce": "All", "concurrencyPolicy": "Allow"}
    refused = {f"nightly-{START + 10}": Refusal(Reason.NAME_TAKEN, "it is somebody else's")}
    jobs = (JobView(f"nightly-{START + 20}", START + 20, START + 21),)
    decision = decide(
        schedule_of(resource(**spec)), None, facts(START + 21, outlives_us=True, jobs=jobs, refused=refused)
    )
    assert decision.state.counts == Counts(due=2, started=2, active=1, failed=1)
