"""Holders under other Leases: not this process is not the same as gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from doubles import JOB, START, every, resource, schedule_of
from engine.world import armed, facts, jobs_of
from kalends.engine.core.holders import Holders, operator_of, others_named
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import ActiveRun, Counts, State
from kalends.engine.decisions.decide import decide
from kalends.engine.decisions.foreign_resources import decide_foreign
from kalends.engine.ports import RunReport
from kalends.model import Outcome
from kalends.model.reasons import Reason
from kalends.stores.status_record import decode, encode

OWN, OTHER = "prod/kalends", "staging/kalends"
ME, REPLICA, FOREIGN = f"{OWN}/me", f"{OWN}/replica", f"{OTHER}/somewhere"
ALONE, BESIDE = Holders(OWN), Holders(OWN, gone=frozenset({OTHER}))


def with_run_of(schedule: Schedule, holder: str, **more: Any) -> State:
    run = ActiveRun(f"nightly-{START + 60}", START + 60, START + 60, "default", holder=holder)
    return armed(schedule, cursor=START + 60, active=(run,), counts=Counts(due=1, started=1, active=1), **more)


@pytest.mark.parametrize(
    ("holder", "holders", "lost"),
    [
        (REPLICA, ALONE, 1),
        ("written-before-holders-named-leases", ALONE, 1),
        (FOREIGN, ALONE, 0),
        (FOREIGN, BESIDE, 1),
        (FOREIGN, Holders(), 0),
        ("another-process", Holders(), 1),
    ],
)
def test_a_run_is_lost_when_its_holder_is_gone_and_not_merely_unknown(holder: str, holders: Holders, lost: int) -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    decision = decide(schedule, with_run_of(schedule, holder), facts(START + 90, holders=holders))
    assert (decision.state.counts.lost, decision.state.counts.active) == (lost, 1 - lost)


def test_a_record_names_the_operator_that_decides_once_something_else_is_written() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    quiet = armed(schedule)
    assert ALONE.owned(quiet, quiet) == quiet
    assert ALONE.owned(replace(quiet, cursor=START + 60), quiet).operator == OWN


def test_a_takeover_is_written_at_once_so_that_the_other_operator_sees_it_should_it_come_back() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    record = armed(schedule, operator=OTHER, other_operator=OWN)
    assert not ALONE.may_decide(record)
    assert BESIDE.may_decide(record)
    assert BESIDE.owned(record, record) == replace(record, operator=OWN, other_operator="")


def test_what_another_operator_decides_on_is_marked_once_and_then_left_alone() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    record = with_run_of(schedule, FOREIGN, operator=OTHER)
    seen = facts(START + 7200, holders=ALONE)
    first = decide_foreign(schedule.ref, record, seen, None)
    assert first.state == ALONE.marked(record, START + 7200)
    assert first.state.conditions["OtherOperator"].status
    assert (first.state.counts, first.state.active) == (record.counts, record.active)
    again = decide_foreign(schedule.ref, first.state, seen, None)
    assert (again.state, again.starts_claimed, again.starts_before, again.deletes) == (first.state, (), (), ())
    third = decide_foreign(schedule.ref, first.state, replace(seen, holders=Holders("third/kalends")), None)
    assert third.state == first.state


def test_jobs_of_another_operators_resource_are_neither_deleted_nor_recorded() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    run = ActiveRun(f"nightly-{START + 60}", START + 60, START + 60, "jobs")
    record = armed(
        schedule, cursor=START + 60, active=(run,), counts=Counts(due=1, started=1, active=1), operator=OTHER
    )
    (job,) = jobs_of(record)
    ended = replace(job, report=RunReport(schedule.ref, run.name, run.fire_time, Outcome.SUCCEEDED, START, START + 61))
    decision = decide_foreign(schedule.ref, record, facts(START + 90, holders=ALONE, jobs=(ended,)), None)
    assert decision.state.active == record.active


def test_an_operator_that_handed_a_resource_over_still_records_how_its_own_run_ended() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    record = with_run_of(schedule, ME, operator=OTHER, other_operator=OWN)
    name = record.active[0].name
    continuing = facts(START + 90, me=ME, holders=ALONE, here=frozenset({name}))
    assert decide_foreign(schedule.ref, record, continuing, None).state == record
    report = RunReport(schedule.ref, name, START + 60, Outcome.SUCCEEDED, START + 60, START + 95)
    ended = decide_foreign(schedule.ref, record, replace(continuing, reports={name: report}), None)
    assert (ended.state.counts.succeeded, ended.state.counts.active) == (1, 0)


def test_a_claim_of_a_resource_that_was_handed_over_before_it_started_does_not_start() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    record = with_run_of(schedule, ME, operator=OTHER, other_operator=OWN)
    decision = decide_foreign(schedule.ref, record, facts(START + 61, me=ME, holders=ALONE), None)
    assert (decision.starts_claimed, decision.state.counts.cancelled) == ((), 1)
    assert decision.state.history[0].reason == Reason.OTHER_OPERATOR


def test_both_sides_say_the_same_of_each_other_until_one_is_gone() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    record = armed(schedule, operator=OWN, other_operator=OTHER)
    assert ALONE.contention(record) == Holders(OTHER).contention(record)
    assert "prod/kalends decides" in ALONE.contention(record)
    assert BESIDE.contention(record) == ""
    assert ALONE.contention(armed(schedule, operator=OWN)) == ""


def test_operators_survive_the_way_through_the_status() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    record = with_run_of(schedule, FOREIGN, operator=OTHER, other_operator=OWN)
    read = decode(encode(record), created=START)
    assert read is not None
    assert (read.operator, read.other_operator, read.active[0].holder) == (OTHER, OWN, FOREIGN)
    records = [("team-a", record), ("team-a", None), ("team-b", armed(schedule, operator=OTHER))]
    assert others_named(records, OWN) == {OTHER: 2}
    assert operator_of("pod-1") == ""


def test_a_namespace_that_forges_many_leases_does_not_crowd_out_the_leases_of_other_namespaces() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    forged = [("hostile", armed(schedule, operator=f"hostile/forged-{n}")) for n in range(200) for _ in range(10)]
    named = others_named([*forged, ("team-a", armed(schedule, operator=OTHER))], OWN)
    assert len(named) == 201
    assert OTHER in list(named)[:2]
    wider = [("team-b", armed(schedule, operator=OTHER)), ("team-a", armed(schedule, operator=OTHER))]
    assert next(iter(others_named([*forged, *wider], OWN))) == OTHER
