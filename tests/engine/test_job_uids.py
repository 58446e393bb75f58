"""The UID of each active run's Job: recorded with the start, kept while the Job is not shown, used to find it again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from doubles import JOB, START, Cluster, every, resource, schedule_of
from engine.world import World, armed, facts
from kalends.engine.core.definition import Problem
from kalends.engine.core.facts import Decision
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import ActiveRun, Counts, Ref, State
from kalends.engine.decisions.decide import decide, decide_invalid
from kalends.engine.ports import JobView, RunReport
from kalends.engine.runs.job_uids import with_job_uids
from kalends.model import Outcome
from kalends.model.reasons import Reason
from kalends.stores.status_record import decode, encode
from narrowing import present

NAME = f"nightly-{START + 60}"


def of_jobs(**spec: Any) -> Schedule:
    return schedule_of(resource(trigger=every(60), jobTemplate=JOB, **spec))


def running(schedule: Schedule, **more: Any) -> State:
    run = ActiveRun(NAME, START + 60, START + 60, "jobs", **more)
    return armed(schedule, cursor=START + 60, active=(run,), counts=Counts(due=1, started=1, active=1))


def job(**more: Any) -> JobView:
    return JobView(NAME, START + 60, START + 60, **{"uid": "uid-1", **more})


def decided_on(state: State, *jobs: Any, now: int = START + 61, **more: Any) -> Decision:
    return decide(of_jobs(**more), state, facts(now, durable=True, jobs=jobs))


@pytest.mark.looptime
async def test_the_write_that_records_a_start_records_the_uid_of_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    writes = []
    write = world.store.write

    async def counted(ref: Ref, version: str, before: State | None, after: State, **more: Any) -> Any:
        writes.append([run.job_uid for run in after.active])
        return await write(ref, version, before, after, **more)

    monkeypatch.setattr(world.store, "write", counted)
    key = world.apply(resource(trigger=every(60), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(61)
    assert [run["uid"] for run in world.store.status(key)["active"]] == ["uid-1"]
    assert [uids for uids in writes if uids] == [["uid-1"]], "it costs no write of its own"


@pytest.mark.looptime
async def test_an_operator_that_starts_reads_the_recorded_job_by_its_uid() -> None:
    world = World()
    key = world.apply(resource(trigger=every(60), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(61)
    (hidden,) = world.cluster.jobs[world.store.snapshot(key).ref.uid]
    seen_by_next = Cluster(world.clock)
    seen_by_next.hidden = {hidden: world.cluster.jobs[world.store.snapshot(key).ref.uid].pop(hidden)}
    seen_by_next.jobs = {world.store.snapshot(key).ref.uid: {}}
    world.cluster = seen_by_next
    successor = world.made("successor")
    successor.observe(world.store.snapshot(key))
    async with world.running(successor):
        await asyncio.sleep(70)
    assert seen_by_next.looked_for_uids == ["uid-1"]
    assert (seen_by_next.created, world.counts(key)["lost"], world.counts(key)["active"]) == ([], 0, 1)


@pytest.mark.looptime
async def test_the_end_of_a_run_is_asked_for_by_the_uid_of_its_job() -> None:
    world = World()
    world.apply(resource(trigger=every(60), jobTemplate=JOB, concurrencyPolicy="Replace"))
    async with world.running():
        await asyncio.sleep(130)
    assert world.cluster.cancelled_uids[:1] == ["uid-1"]


def test_a_record_of_an_earlier_release_gets_the_uid_once_the_job_is_seen() -> None:
    state = running(of_jobs())
    assert decided_on(state, job()).state.active[0].job_uid == "uid-1"
    unsure = decide_invalid(
        of_jobs().ref, 2, Problem(Reason.INVALID_SPEC, "no"), state, facts(START + 61, jobs=(job(),))
    )
    assert unsure.state.active[0].job_uid == "uid-1"


def test_a_uid_stays_recorded_while_its_job_is_not_shown() -> None:
    decision = decided_on(running(of_jobs(), job_uid="uid-1"))
    assert decision.state.active[0].job_uid == "uid-1"
    assert decision.looks == (NAME,)


def test_an_unrecorded_job_is_recorded_with_its_uid() -> None:
    decision = decided_on(armed(of_jobs()), job())
    assert [run.job_uid for run in decision.state.active] == ["uid-1"]


def test_a_job_that_replaced_the_recorded_job_is_recorded_in_its_place() -> None:
    decision = decided_on(running(of_jobs(), job_uid="uid-0"), job())
    assert [run.job_uid for run in decision.state.active] == ["uid-1"]


def test_the_next_attempt_has_its_own_job() -> None:
    schedule = of_jobs(retry={"limit": 2, "backoffSeconds": 10})
    failed = RunReport(schedule.ref, NAME, START + 60, Outcome.FAILED, START + 60, START + 70)
    state = running(schedule, job_uid="uid-1")
    again = decide(schedule, state, facts(START + 71, durable=True, jobs=(job(report=failed),))).state
    assert [(run.attempt, run.job_uid) for run in again.active] == [(2, "")]


def test_a_run_in_a_pool_has_no_uid() -> None:
    state = running(of_jobs(), holder="me")
    assert with_job_uids(state, (job(),)) == state


def test_a_job_that_has_no_uid_takes_none_away() -> None:
    state = running(of_jobs(), job_uid="uid-1")
    assert with_job_uids(state, (job(uid=""),)) == state


def test_a_uid_is_written_and_read() -> None:
    state = running(of_jobs(), job_uid="uid-1")
    written = encode(state)
    assert written["active"][0]["uid"] == "uid-1"
    assert present(decode(written, created=START)).active == state.active
    assert "uid" not in encode(running(of_jobs()))["active"][0]


def test_a_job_that_the_resource_no_longer_controls_is_not_deleted_by_the_history_limits() -> None:
    ended = RunReport(of_jobs().ref, NAME, START + 60, Outcome.SUCCEEDED, START + 60, START + 70)
    state = replace(running(of_jobs()), active=(), counts=Counts(due=1, started=1, succeeded=1))
    ours, theirs = job(report=ended), job(report=ended, disowned=True, altered=True)
    assert decided_on(state, ours, successfulJobsHistoryLimit=0).deletes == (NAME,)
    assert decided_on(state, theirs, successfulJobsHistoryLimit=0).deletes == ()


# -- a Job that was created and not recorded, and whose owner references were removed since


def taken_up(
    *orphans: Any, state: State | None = None, schedule: Schedule | None = None, now: int = START + 3600, **more: Any
) -> tuple[Any, ...]:
    schedule = schedule or of_jobs()
    gathered = facts(now, **{"durable": True, "jobs": (), **more}, orphans=orphans)
    decision = decide(schedule, state or armed(schedule), gathered)
    if decision.takes_up:
        assert decision.state == (state or armed(schedule)), "nothing is decided before it is followed"
        assert decision.starts_before == ()
    return decision.takes_up


def test_a_job_that_was_not_recorded_is_followed_before_anything_is_decided() -> None:
    assert taken_up(job()) == (job(),)


@pytest.mark.looptime
async def test_a_job_of_the_first_fire_time_is_followed_before_there_is_a_record() -> None:
    world = World()
    obj = resource(trigger=every(60), jobTemplate=JOB)
    uid = obj["metadata"]["uid"]
    stripped = replace(job(), created=START + 60)
    world.cluster.stripped = {uid: {stripped.name: stripped}}
    world.cluster.hidden = {stripped.name: stripped}
    world.cluster.jobs = {uid: {}}
    await asyncio.sleep(150)
    key = world.apply(obj)
    async with world.running():
        await asyncio.sleep(20)
    assert world.cluster.looked_for_uids == ["uid-1"]
    assert world.cluster.created == []
    assert [run["uid"] for run in world.store.status(key)["active"]] == ["uid-1"]


@pytest.mark.parametrize("state", [armed(of_jobs(), cursor=START + 60), running(of_jobs())])
def test_a_job_whose_fire_time_is_decided_is_left_alone(state: State) -> None:
    assert taken_up(job(), state=state) == ()


def test_a_job_that_is_older_than_the_resource_is_left_alone() -> None:
    assert taken_up(replace(job(), fire_time=START + 30, created=START - 1)) == ()


def test_a_job_of_a_fire_time_to_come_is_left_alone() -> None:
    assert taken_up(replace(job(), fire_time=START + 7200)) == ()


def test_a_job_is_left_alone_where_the_resource_runs_a_task() -> None:
    runs_a_task = schedule_of(resource(trigger=every(60)))
    assert taken_up(job(), schedule=runs_a_task, durable=False) == ()
    first = decide(runs_a_task, None, facts(START + 3600, jobs=(), orphans=(job(),)))
    assert first.takes_up == ()


def test_a_job_of_the_next_attempt_is_followed() -> None:
    schedule = of_jobs(retry={"limit": 2, "backoffSeconds": 10})
    waits = running(schedule, attempt=2, retry_at=START + 80)
    second = replace(job(), attempt=2, created=START + 80)
    assert taken_up(second, schedule=schedule, state=waits) == (second,)


def test_a_job_of_a_request_that_was_not_recorded_is_followed() -> None:
    requested = replace(job(), request="once", name="nightly-m-abcdefgh")
    assert taken_up(requested) == (requested,)
    assert taken_up(requested, state=armed(of_jobs(), last_requested=START + 60)) == ()
