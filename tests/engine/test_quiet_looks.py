"""Most looks find nothing new. The short way through a decision that such looks take agrees with the whole of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles import JOB, START, every, resource, schedule_of
from engine.world import facts, jobs_of
from kalends.engine.core.facts import Decision, Facts
from kalends.engine.core.run_names import run_name
from kalends.engine.core.schedule import REQUEST_ANNOTATION, Schedule
from kalends.engine.core.state import ActiveRun, Condition, Counts, QueuedRun, Ref, State
from kalends.engine.decisions import decide as deciding
from kalends.engine.ports import JobView, RunReport
from kalends.model import Outcome

whens = st.sampled_from(
    [
        {"trigger": every(60)},
        {"trigger": every(3600), "jitterSeconds": 30},
        {"schedule": "*/5 * * * *", "timeZone": "Europe/Berlin"},
        {"trigger": {"date": {"at": "2026-11-20T00:00:00Z"}}},
        {"trigger": {"anyOf": [every(90), {"cron": {"minute": "*/7"}}]}},
        {"trigger": {"allOf": [{"cron": {"minute": "*/2"}}, {"cron": {"minute": "*/3", "second": 0}}]}},
        {"trigger": {"cron": {"second": "*/20"}}, "exclude": [{"cron": {"minute": "0-29"}}]},
    ]
)
hows = st.fixed_dictionaries(
    {},
    optional={
        "suspend": st.booleans(),
        "coalesce": st.sampled_from(["Latest", "Earliest", "All"]),
        "concurrencyPolicy": st.sampled_from(["Forbid", "Allow", "Replace", "Queue"]),
        "startingDeadlineSeconds": st.sampled_from([1, 10, 600]),
        "ttlSecondsAfterFinished": st.just(60),
        "maxRuns": st.integers(1, 3),
    },
)
changes = st.fixed_dictionaries(
    {"after": st.integers(0, 2000)},
    optional={
        "generation": st.integers(1, 3),
        "request": st.sampled_from(["", "one", "two"]),
        "jobs": st.booleans(),
        "dispatch": st.booleans(),
        "free_slots": st.sampled_from([0, 1]),
        "next_run": st.sampled_from([None, START + 60, START + 300]),
        "hash": st.sampled_from(["", "other"]),
        "summary": st.just("as it was"),
    },
)


def both_ways(schedule: Schedule, record: State | None, given_facts: Facts) -> tuple[Decision, Decision]:
    short = deciding.decide(schedule, record, given_facts)
    with patch.object(deciding, "quiet", return_value=None):
        return short, deciding.decide(schedule, record, given_facts)


def altered(record: State, change: dict[str, Any]) -> State:
    names = {"next_run": "next_run", "hash": "schedule_hash", "summary": "summary"}
    return replace(record, **{names[name]: value for name, value in change.items() if name in names})


@given(whens, hows, st.booleans(), st.lists(changes, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_the_short_way_decides_what_the_whole_way_decides(
    when: dict[str, Any], how: dict[str, Any], of_jobs: bool, looks: list[Any]
) -> None:
    target = {"jobTemplate": JOB} if of_jobs else {"task": {"name": "kalends.echo"}}
    record, now = None, float(START)
    for look in looks:
        obj = resource(generation=look.get("generation", 1), **when, **how, **target)
        if look.get("request"):
            obj["metadata"]["annotations"] = {REQUEST_ANNOTATION: look["request"]}
        schedule = schedule_of(obj)
        now += look["after"]
        if record is not None:
            record = altered(record, look)
        jobs = jobs_of(record) if look.get("jobs") and record is not None else ()
        free, dispatch = look.get("free_slots", 5), look.get("dispatch", True)
        found = facts(now, durable=of_jobs, jobs=jobs, dispatch=dispatch, free_slots=free)
        short, whole = both_ways(schedule, record, found)
        assert short == whole
        record = short.state


@given(whens, st.booleans(), st.floats(0.0, 0.99))
@settings(max_examples=50, deadline=None)
def test_a_look_before_the_next_run_takes_the_short_way_and_changes_nothing(
    when: dict[str, Any], of_jobs: bool, part: float
) -> None:
    target = {"jobTemplate": JOB} if of_jobs else {"task": {"name": "kalends.echo"}}
    schedule = schedule_of(resource(**when, **target))
    first = deciding.decide(schedule, None, facts(START + 0.5, durable=of_jobs))
    if first.state.next_run is None or schedule.jitter:
        return
    now = START + 0.5 + (first.state.next_run - START - 0.5) * part
    short, whole = both_ways(schedule, first.state, facts(now, durable=of_jobs))
    assert short == whole == Decision(state=first.state, wake_at=first.state.next_run)


@given(whens, hows, st.booleans(), st.floats(0.0, 3.0))
@settings(max_examples=150, deadline=None)
def test_a_fire_time_that_finds_no_worker_takes_a_short_way_too(
    when: dict[str, Any], how: dict[str, Any], of_jobs: bool, late: float
) -> None:
    target = {"jobTemplate": JOB} if of_jobs else {"task": {"name": "kalends.echo"}}
    schedule = schedule_of(resource(**when, **how, **target))
    first = deciding.decide(schedule, None, facts(START + 0.5, durable=of_jobs))
    if first.state.next_run is None:
        return
    found = facts(first.state.next_run + late, durable=of_jobs, free_slots=0)
    short, whole = both_ways(schedule, first.state, found)
    assert short == whole


def test_a_wait_for_a_worker_decides_nothing() -> None:
    schedule, record, found = what_is_quiet()
    short, whole = both_ways(schedule, record, replace(found, now=START + 61.5, free_slots=0))
    assert short == whole == Decision(state=record, wake_at=START + 62.001, waiting=True)


def with_active(record: Any) -> Any:
    run = ActiveRun(f"nightly-{START - 60}", START - 60, START - 60, "default", holder="a process that is gone")
    return replace(record, active=(run,), counts=Counts(due=1, started=1, active=1))


def with_queued(record: Any) -> Any:
    queued = (QueuedRun(f"nightly-{START - 60}", START - 60),)
    return replace(record, queued=queued, counts=Counts(due=1, queued=1))


def with_condition(kind: str, reason: str) -> Any:
    condition = Condition(kind, status=True, reason=reason, message="as it was")
    return lambda record: replace(record, conditions={**record.conditions, kind: condition})


FINISHED = tuple(
    JobView(name, at, at, RunReport(Ref("default", "nightly", "uid"), name, at, Outcome.SUCCEEDED, at, at))
    for at in range(START - 300, START, 60)
    for name in [f"nightly-{at}"]
)
OF_A_REQUEST = JobView(run_name("nightly", START, request="now"), START, START, request="now", uid="its-uid")
CHANGES_OF_THE_RECORD = {
    "an active run": with_active,
    "a queued run": with_queued,
    "another hash": lambda record: replace(record, schedule_hash="other"),
    "another generation": lambda record: replace(record, observed_generation=7),
    "another summary": lambda record: replace(record, summary="as it was"),
    "another next run": lambda record: replace(record, next_run=record.next_run + 60),
    "no next run": lambda record: replace(record, next_run=None),
    "a condition of the past": with_condition("JobsIgnored", "UnexpectedJob"),
    "a search that is over": with_condition("Ready", "SearchLimit"),
    "no condition": lambda record: replace(record, conditions={}),
}
CHANGES_OF_THE_SCHEDULE = {
    "a request": {"request": "now"},
    "suspension": {"suspended": True},
    "jitter": {"jitter": 30},
}
CHANGES_OF_THE_FACTS = {
    "a fire time that has come": {"now": START + 60.5},
    "jobs beyond their limit": {"jobs": FINISHED, "durable": True},
    "a Job of a request without its controller": {"orphans": (OF_A_REQUEST,), "durable": True},
}


def what_is_quiet() -> Any:
    schedule = schedule_of(resource(trigger=every(60)))
    found = facts(START + 0.5)
    return schedule, replace(deciding.decide(schedule, None, found).state, cursor=START), found


def assert_seen(schedule: Any, record: Any, found: Any) -> None:
    short, whole = both_ways(schedule, record, found)
    assert whole != Decision(state=record, wake_at=record.next_run), "the change is to be seen"
    assert short == whole


def test_nothing_is_decided_where_nothing_has_changed() -> None:
    schedule, record, found = what_is_quiet()
    assert both_ways(schedule, record, found) == (Decision(state=record, wake_at=record.next_run),) * 2


@pytest.mark.parametrize("change", CHANGES_OF_THE_RECORD.values(), ids=CHANGES_OF_THE_RECORD.keys())
def test_the_short_way_is_not_taken_where_the_record_is_not_up_to_date(change: Any) -> None:
    schedule, record, found = what_is_quiet()
    assert_seen(schedule, change(record), found)


@pytest.mark.parametrize("change", CHANGES_OF_THE_SCHEDULE.values(), ids=CHANGES_OF_THE_SCHEDULE.keys())
def test_the_short_way_is_not_taken_where_the_schedule_asks_for_more(change: Any) -> None:
    schedule, record, found = what_is_quiet()
    assert_seen(replace(schedule, **change), record, found)


@pytest.mark.parametrize("change", CHANGES_OF_THE_FACTS.values(), ids=CHANGES_OF_THE_FACTS.keys())
def test_the_short_way_is_not_taken_where_there_is_something_to_do(change: Any) -> None:
    schedule, record, found = what_is_quiet()
    assert_seen(schedule, record, replace(found, **change))
