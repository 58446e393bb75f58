"""Which Jobs count as requested runs that are not recorded: their name must be the digest of their token."""

from __future__ import annotations

from dataclasses import replace

from doubles import JOB, START, every, resource, schedule_of
from engine.unrecorded import IGNORED, decided_on, job, of_jobs
from engine.world import armed
from kalends.engine.core.state import HOURS_AHEAD, ActiveRun, Counts
from kalends.engine.ports import JobView
from kalends.model.instants import LAST_INSTANT
from kalends.model.reasons import Reason
from kalends.stores.status_record import decode, encode


def test_a_request_at_the_end_of_time_is_no_request() -> None:
    schedule = of_jobs()
    forged = job(LAST_INSTANT, START + 1, request="zzz")
    decision = decided_on(schedule, armed(schedule), START + 2, forged)
    assert (decision.state.last_requested, decision.state.counts) == (None, Counts())
    assert "was not asked for" in decision.state.conditions[IGNORED].message


def test_a_job_whose_name_is_not_the_digest_of_its_token_is_no_request_and_starts_nothing() -> None:
    schedule = of_jobs()
    forged = JobView("nightly-m-abcdefgh", START + 1, START + 1, request="m-abcdefgh")
    decision = decided_on(schedule, armed(schedule), START + 2, forged)
    assert (decision.state.last_requested, decision.state.counts) == (None, Counts())
    assert decision.starts_before == ()
    assert "nightly-m-abcdefgh was not asked for" in decision.state.conditions[IGNORED].message


def test_beside_a_job_whose_token_was_removed_a_request_is_counted_once() -> None:
    schedule = replace(of_jobs(), request="now")
    stripped = JobView("nightly-m-abcdefgh", START + 1, START + 1, request="m-abcdefgh")
    real = job(START + 2, START + 2, request="now")
    decision = decided_on(schedule, armed(schedule), START + 3, stripped, real)
    assert decision.state.counts == Counts(requested=1, started=1, active=1)
    assert [run.name for run in decision.state.active] == [real.name]


def test_a_recorded_run_whose_job_lost_its_token_is_neither_ignored_nor_run_again() -> None:
    schedule = of_jobs()
    run = ActiveRun("nightly-m-abcdefgh", START + 1, START + 1, "jobs", request="now")
    counts = Counts(requested=1, started=1, active=1)
    state = armed(schedule, last_requested=START + 1, active=(run,), counts=counts)
    stripped = JobView("nightly-m-abcdefgh", START + 2, START + 2, request="m-abcdefgh")
    decision = decided_on(schedule, state, START + 3, stripped)
    assert decision.state.counts == counts
    assert IGNORED not in decision.state.conditions


def test_a_request_after_one_that_lies_ahead_of_the_clock_is_adopted() -> None:
    schedule = of_jobs()
    ahead = START + 86_400
    state = armed(schedule, last_requested=ahead)
    decision = decided_on(schedule, state, START + 2, job(ahead + 1, START + 1, request="zzz"))
    assert decision.state.counts == Counts(requested=1, started=1, active=1)


def test_an_instant_of_a_request_far_ahead_is_a_status_that_cannot_be_true() -> None:
    schedule = of_jobs()
    state = armed(schedule, last_requested=LAST_INSTANT)
    decision = decided_on(schedule, state, START + 60)
    ready = decision.state.conditions["Ready"]
    assert (ready.status, ready.reason) == (False, Reason.INVALID_STATUS)
    assert "status.lastRequestTime must be at most 48 hours ahead" in ready.message
    assert decision.starts_before == ()


def test_a_request_is_recorded_whatever_instant_the_last_one_has() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB) | {})
    schedule = replace(schedule, request="now")
    at_the_end = LAST_INSTANT - HOURS_AHEAD * 1800
    state = armed(schedule, last_requested=LAST_INSTANT, cursor=at_the_end)
    decision = decided_on(schedule, state, at_the_end)
    assert decision.state.last_requested == LAST_INSTANT
    assert decode(encode(decision.state), created=START) is not None
