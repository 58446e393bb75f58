"""A trigger whose search reaches its limit: nothing is guessed, nothing is lost, and others get their turn."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from doubles import JOB, START, compiler, every, resource, schedule_of
from engine.world import World, facts
from kalends.engine.core.facts import Decision, Facts
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import Condition, Counts, State
from kalends.engine.decisions.decide import SEARCH_PAUSE, decide
from kalends.engine.loop import gathering
from kalends.engine.ports import JobView
from kalends.model.reasons import Reason
from kalends.stores.objects import read_object
from kalends.triggers.protocol import Tally
from kalends.triggers.rules.remembered import RememberedTrigger
from kalends.triggers.search.budget import Budget
from narrowing import known, present
from triggers.building import shown
from triggers.hostile import ALL_EXCLUDED, APART, EACH_SECOND_BUT, EVENS, MOST_ASKED, ODDS, Work, common

DAY = 86_400


def agreeing_at(instant: int) -> dict[str, Any]:
    date = common(shown(instant).replace(" ", "T")[:19] + "Z")
    return {"trigger": {"allOf": [{"anyOf": [date, *EVENS[1:]]}, {"anyOf": [date, *ODDS[1:]]}]}}


def ready(state: State) -> Condition:
    return state.conditions["Ready"]


def later(schedule: Schedule, state: State, now: float, looks: int = 100) -> tuple[Any, ...]:
    """Look again whenever the decision before asks for it, until a run is started."""
    for number in range(looks):
        decision = decide(schedule, state, facts(now))
        state = decision.state
        if state.active:
            return number, now, state
        assert decision.wake_at is not None
        assert decision.wake_at >= now + SEARCH_PAUSE
        now = present(decision.wake_at)
    raise AssertionError(f"nothing was started in {looks} looks")


def test_a_fire_time_beyond_the_search_limit_is_run_at_its_time() -> None:
    fire_time = START + 300 * DAY + 43_210
    schedule = schedule_of(resource(**agreeing_at(fire_time)))
    decision = decide(schedule, None, facts(START + 1))
    assert decision.state.next_run is None
    assert not decision.searching
    assert ready(decision.state).status
    assert ready(decision.state).reason == Reason.SEARCH_LIMIT
    assert present(decision.wake_at) > START + 30 * DAY
    assert shown(int(present(decision.wake_at)) - 1)[:10] in ready(decision.state).message
    looks, now, state = later(schedule, decision.state, present(decision.wake_at))
    assert now == fire_time
    assert looks < 20
    assert [run.fire_time for run in state.active] == [fire_time]
    assert state.counts == Counts(due=1, started=1, active=1)


def test_a_job_at_another_instant_passes_over_no_fire_time_that_was_not_searched_yet() -> None:
    fire_time = START + 300 * DAY + 43_210
    schedule = schedule_of(resource(**agreeing_at(fire_time), jobTemplate=JOB, generation=2))
    jobs = (JobView(f"nightly-{fire_time + 1}", fire_time + 1, fire_time + 1),)
    state, now = None, fire_time + 2.0
    for _ in range(20):
        decision = decide(schedule, state, facts(now, durable=True, jobs=jobs))
        state = decision.state
        if decision.wake_at is None:
            break
        now = decision.wake_at
    assert present(state).counts == Counts(due=2, started=1, active=1, skipped=1)


def test_after_a_restart_the_search_continues_from_the_record_and_delays_nothing() -> None:
    fire_time = START + 300 * DAY
    schedule = schedule_of(resource(**agreeing_at(fire_time)))
    decision = decide(schedule, None, facts(fire_time + 10))
    assert decision.searching
    assert decision.state.cursor is None
    assert decision.state.counts == Counts()
    assert "still being searched" in ready(decision.state).message
    again = decide(schedule, decision.state, facts(present(decision.wake_at)))
    assert again.state == decision.state
    looks, now, state = later(schedule, decision.state, present(decision.wake_at))
    assert now - fire_time < 10 + 20 * SEARCH_PAUSE
    assert [run.fire_time for run in state.active] == [fire_time]
    assert looks < 20


@pytest.mark.parametrize("spec", [APART, ALL_EXCLUDED])
def test_what_was_not_found_is_never_exhausted_and_never_removed(spec: dict[str, Any]) -> None:
    schedule = schedule_of(resource(ttlSecondsAfterFinished=60, **spec))
    state, now = None, float(START)
    for _ in range(10):
        decision = decide(schedule, state, facts(now))
        state = decision.state
        assert not decision.remove
        assert ready(state).reason == Reason.SEARCH_LIMIT
        assert decision.wake_at is not None
        now = present(decision.wake_at)


def test_a_schedule_that_is_proven_to_be_over_is_exhausted() -> None:
    spec: dict[str, Any] = {**agreeing_at(START + DAY), "endTime": shown(START + 2 * DAY)[:10]}
    schedule = schedule_of(resource(ttlSecondsAfterFinished=60, **spec))
    decision = decide(schedule, None, facts(START + 3 * DAY))
    over = replace(decision.state, active=(), counts=Counts(due=1, started=1, succeeded=1))
    decision = decide(schedule, over, facts(START + 4 * DAY))
    assert ready(decision.state).reason == Reason.EXHAUSTED
    assert decision.remove


def counted(schedule: Schedule, until: int) -> Tally:
    assert isinstance(schedule.trigger, RememberedTrigger)
    return known(schedule.trigger.rule.count(START, until, Budget(10**9)))


@pytest.mark.parametrize("coalesce", ["Latest", "Earliest", "All"])
@pytest.mark.parametrize("deadline", [None, 3600])
def test_a_long_downtime_is_counted_exactly_over_several_looks(coalesce: str, deadline: int | None) -> None:
    spec: dict[str, Any] = {"concurrencyPolicy": "Allow", "coalesce": coalesce, **EACH_SECOND_BUT}
    if deadline is not None:
        spec["startingDeadlineSeconds"] = deadline
    schedule = schedule_of(resource(**spec))
    now = float(START + 300 * DAY)
    decision, looks = decide(schedule, None, facts(now)), 1
    while decision.searching:
        assert decision.state.counts == Counts()
        assert not decision.state.active
        now = present(decision.wake_at)
        decision, looks = decide(schedule, decision.state, facts(now)), looks + 1
    assert 2 < looks < 20
    tally = counted(schedule, int(now))
    counts, runs = decision.state.counts, {"Latest": 1, "Earliest": 1, "All": 50}[coalesce]
    assert counts.due == tally.count
    assert counts.due == counts.missed + counts.coalesced + counts.started + counts.queued
    assert decision.state.cursor == tally.last
    assert (counts.missed > 0) == (deadline is not None)
    assert counts.started + counts.queued >= runs
    assert ready(decision.state).reason == Reason.ARMED


def test_a_look_at_which_nothing_has_changed_asks_no_leaf() -> None:
    schedule = schedule_of(resource(**EACH_SECOND_BUT))
    state = decide(schedule, None, facts(START + 1)).state
    for spec in (EACH_SECOND_BUT, APART):
        schedule = schedule_of(resource(**spec))
        state = decide(schedule, None, facts(START + 1)).state
        work = Work()
        with work.counted():
            for second in range(20):
                assert decide(schedule, state, facts(START + 2 + second)).state == state
        assert work.units == 0, spec


def test_each_look_costs_a_few_questions_at_most() -> None:
    for spec in (EACH_SECOND_BUT, APART, ALL_EXCLUDED):
        schedule = schedule_of(resource(coalesce="All", concurrencyPolicy="Allow", **spec))
        work = Work()
        with work.counted():
            decide(schedule, None, facts(START + 1000 * DAY))
        assert work.units < 3 * 16_384, spec


def test_an_edit_that_does_not_concern_the_trigger_builds_it_no_second_time() -> None:
    one_compiler = compiler()
    work = Work()
    with work.counted():
        first = present(one_compiler.compile(read_object(resource(**APART))).schedule)
        decide(first, None, facts(START + 1))
        before = work.units
        edited = resource(generation=2, maxInstances=3, **APART)
        edited["metadata"]["annotations"] = {"example.com/edited": "today"}
        edited["metadata"]["resourceVersion"] = "2"
        second = present(one_compiler.compile(read_object(edited)).schedule)
        decide(second, None, facts(START + 2))
        assert work.units == before
    assert second.max_instances == 3
    assert second.trigger is first.trigger
    other = one_compiler.compile(read_object(resource(generation=3, **{**APART, "timeZone": "Asia/Tokyo"}))).schedule
    assert present(other).trigger is not first.trigger


def test_a_refused_trigger_is_not_searched_through_again() -> None:
    one_compiler = compiler()
    spec: dict[str, Any] = {"trigger": {"allOf": [{"cron": {"second": 1, "year": 2030}}, {"interval": {"days": 1}}]}}
    work = Work()
    with work.counted():
        first = one_compiler.compile(read_object(resource(**spec))).problem
        before = work.units
        second = one_compiler.compile(read_object(resource(generation=2, **spec))).problem
        assert work.units == before
    assert first is not None
    assert first.reason == Reason.INVALID_SCHEDULE
    assert second == first


@pytest.mark.looptime
async def test_resources_that_are_due_come_before_those_that_may_search(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for number in range(30):
        world.apply(resource(f"hostile-{number}", **APART))
    world.apply(resource("good", trigger=every(1), concurrencyPolicy="Allow"))
    looked_at = []

    def deciding(schedule: Schedule, record: State | None, known: Facts) -> Decision:
        looked_at.append(schedule.ref.name)
        return decide(schedule, record, known)

    monkeypatch.setattr(gathering, "decide", deciding)
    async with world.running():
        await asyncio.sleep(3.5)
    assert looked_at[0] == "good"
    assert len({key for key in looked_at if "hostile" in key}) == 30
    assert [run.fire_time - START for run in world.pool.started][:3] == [1, 2, 3]


def test_many_sparse_runs_after_years_are_listed_over_several_looks() -> None:
    midday = {"cron": {"hour": 12, "minute": 0, "second": 1}}
    trigger = {"allOf": [{"anyOf": [midday, *EVENS[1:]]}, {"anyOf": [midday, *ODDS[8:]]}]}
    spec: dict[str, Any] = {"trigger": trigger, "coalesce": "All", "concurrencyPolicy": "Allow", "maxCatchUpRuns": 300}
    schedule = schedule_of(resource(jobTemplate=JOB, **spec))
    state, now, looks = None, START + 450.5 * DAY, 0
    work = Work()
    with work.counted():
        while True:
            before = work.units
            decision = decide(schedule, state, facts(now, durable=True, jobs=()))
            assert work.units - before < 6 * MOST_ASKED
            state, looks = decision.state, looks + 1
            if not decision.searching:
                break
            assert state.counts == Counts()
            now = present(decision.wake_at)
    assert looks > 10
    first = decision.starts_before[0].fire_time
    assert [run.fire_time for run in decision.starts_before] == [first + DAY * n for n in range(300)]
    assert state.counts.due == state.counts.started + state.counts.coalesced == 451
