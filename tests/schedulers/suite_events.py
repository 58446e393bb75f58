"""Events: every kind, their attributes, masks, listeners that fail; misfires, max_instances, coalescing."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Event
from typing import Any

from kalends import events as codes
from kalends.executors.debug import DebugExecutor
from kalends.jobstores.memory import MemoryJobStore
from schedulers.program import Program
from schedulers.recorder import Recorder


def a_listener_gets_the_value_that_a_job_returns(program: Program) -> None:
    scheduler = program.started()
    ended = program.heard(scheduler, codes.EVENT_JOB_EXECUTED)
    job = scheduler.add_job(lambda: {"answer": 42}, id="it")
    (event,) = ended.wait_for(1)
    assert (event.job_id, event.jobstore, event.retval) == (job.id, "default", {"answer": 42})
    assert (event.exception, event.traceback) == (None, None)


def a_listener_gets_the_exception_of_a_job_and_its_traceback(program: Program) -> None:
    scheduler = program.started()
    ended = program.heard(scheduler, codes.EVENT_JOB_ERROR | codes.EVENT_JOB_EXECUTED)
    problem = ValueError("of the job")

    def failing() -> None:
        raise problem

    scheduler.add_job(failing)
    (event,) = ended.wait_for(1)
    assert event.code == codes.EVENT_JOB_ERROR
    assert event.exception is problem
    assert "in failing" in event.traceback
    assert event.traceback.rstrip().endswith("ValueError: of the job")


def a_job_that_fails_runs_again(program: Program) -> None:
    scheduler = program.started()
    ended = program.heard(scheduler, codes.EVENT_JOB_ERROR)
    scheduler.add_job(lambda: 1 / 0, "interval", seconds=0.05)
    ended.wait_for(3)


def a_job_that_exits_ends_neither_the_program_nor_the_scheduler(program: Program) -> None:
    scheduler = program.started()
    ended = program.heard(scheduler, codes.EVENT_JOB_ERROR)

    def leave() -> None:
        raise SystemExit(3)

    scheduler.add_job(leave, "interval", seconds=0.05)
    assert isinstance(ended.wait_for(2)[1].exception, SystemExit)


def a_listener_gets_events_of_its_mask_alone(program: Program) -> None:
    scheduler = program.started()
    added = program.heard(scheduler, codes.EVENT_JOB_ADDED)
    ended = program.heard(scheduler, codes.EVENT_JOB_EXECUTED)
    scheduler.add_job(lambda: None)
    ended.wait_for(1)
    assert added.codes() == [codes.EVENT_JOB_ADDED]
    assert set(ended.codes()) == {codes.EVENT_JOB_EXECUTED}


def a_listener_that_was_removed_gets_no_events(program: Program) -> None:
    scheduler = program.started()
    first, second = program.heard(scheduler), program.heard(scheduler)
    scheduler.remove_listener(first)
    before = len(first)
    scheduler.add_job(lambda: None)
    second.wait_until(lambda: codes.EVENT_JOB_EXECUTED in second.codes())
    assert len(first) == before


def a_listener_that_fails_stops_neither_the_others_nor_the_jobs(program: Program) -> None:
    scheduler = program.started()

    def failing(_: Any) -> None:
        raise RuntimeError("of a listener")

    scheduler.add_listener(failing)
    ended = program.heard(scheduler, codes.EVENT_JOB_EXECUTED)
    scheduler.add_job(lambda: None, "interval", seconds=0.05)
    ended.wait_for(3)


def a_listener_may_use_the_scheduler(program: Program) -> None:
    scheduler = program.started()
    calls = Recorder()

    def chain(event: Any) -> None:
        if event.job_id == "first":
            scheduler.add_job(calls, args=["second"], id="second")

    scheduler.add_listener(chain, codes.EVENT_JOB_EXECUTED)
    scheduler.add_job(lambda: None, id="first")
    assert calls.wait_for(1) == ["second"]


def listeners_of_runs_are_called_in_the_thread_of_the_loop(program: Program) -> None:
    scheduler = program.started()
    ended = program.heard(scheduler, codes.EVENT_JOB_EXECUTED | codes.EVENT_JOB_SUBMITTED)
    scheduler.add_job(lambda: None)
    ended.wait_for(2)
    if program.host.calls_listeners_in_loop:
        assert set(ended.threads) == {program.host.loop_thread}


def every_change_of_a_job_is_an_event(program: Program) -> None:
    scheduler = program.started()
    heard = program.heard(scheduler)
    scheduler.add_job(lambda: None, "interval", hours=1, id="it")
    scheduler.modify_job("it", name="other")
    scheduler.pause_job("it")
    scheduler.resume_job("it")
    scheduler.remove_job("it")
    scheduler.remove_all_jobs()
    assert heard.codes() == [
        codes.EVENT_JOB_ADDED,
        *[codes.EVENT_JOB_MODIFIED] * 3,
        codes.EVENT_JOB_REMOVED,
        codes.EVENT_ALL_JOBS_REMOVED,
    ]
    assert {event.job_id for event in heard.items[:-1]} == {"it"}
    assert {event.jobstore for event in heard.items[:-1]} == {"default"}
    assert heard.items[-1].alias is None


def an_executor_and_a_job_store_can_be_added_and_removed_while_it_runs(program: Program) -> None:
    scheduler = program.started()
    heard = program.heard(scheduler)
    calls = Recorder()
    scheduler.add_executor(DebugExecutor(), "more")
    scheduler.add_jobstore(MemoryJobStore(), "more")
    scheduler.add_job(calls, "interval", seconds=0.05, executor="more", jobstore="more", id="it")
    calls.wait_for(3)
    found = scheduler.get_job("it", "more")
    assert found is not None
    scheduler.remove_jobstore("more")
    scheduler.remove_executor("more")
    assert scheduler.get_jobs() == []
    about = [event for event in heard.items if getattr(event, "alias", None) == "more"]
    assert [event.code for event in about] == [
        codes.EVENT_EXECUTOR_ADDED,
        codes.EVENT_JOBSTORE_ADDED,
        codes.EVENT_JOBSTORE_REMOVED,
        codes.EVENT_EXECUTOR_REMOVED,
    ]


def a_fire_time_that_is_too_late_is_missed(program: Program) -> None:
    calls = Recorder()
    scheduler = program.started()
    heard = program.heard(scheduler, codes.EVENT_JOB_MISSED)
    late = datetime.now(scheduler.timezone) - timedelta(seconds=30)
    scheduler.add_job(calls, "interval", hours=1, next_run_time=late, misfire_grace_time=5, id="late")
    (event,) = heard.wait_for(1)
    assert (event.job_id, event.scheduled_run_time) == ("late", late)
    assert calls.items == []
    found = scheduler.get_job("late")
    assert found is not None
    assert found.next_run_time is not None


def a_fire_time_runs_late_within_its_grace_time(program: Program) -> None:
    scheduler = program.started()
    ended = program.heard(scheduler, codes.EVENT_JOB_EXECUTED | codes.EVENT_JOB_MISSED)
    late = datetime.now(scheduler.timezone) - timedelta(seconds=30)
    scheduler.add_job(lambda: None, "interval", hours=1, next_run_time=late, misfire_grace_time=3600)
    (event,) = ended.wait_for(1)
    assert (event.code, event.scheduled_run_time) == (codes.EVENT_JOB_EXECUTED, late)


def a_job_has_no_more_runs_at_once_than_it_may(program: Program) -> None:
    scheduler = program.started()
    heard = program.heard(scheduler, codes.EVENT_JOB_MAX_INSTANCES)
    began, release = Recorder(), Event()

    def job() -> None:
        began("began")
        program.host.wait_in_job(release)

    scheduler.add_job(job, "interval", seconds=0.05, max_instances=1, id="busy")
    began.wait_for(1)
    event = heard.wait_for(2)[0]
    assert event.job_id == "busy"
    assert len(event.scheduled_run_times) == 1
    assert len(began) == 1
    release.set()
    began.wait_for(2)


def several_instances_run_at_once_if_they_may(program: Program) -> None:
    scheduler = program.started()
    began, release = Recorder(), Event()

    def job() -> None:
        began("began")
        program.host.wait_in_job(release)

    scheduler.add_job(job, "interval", seconds=0.05, max_instances=2)
    try:
        if type(program.host).__name__ != "GeventHost":
            began.wait_for(2)
    finally:
        release.set()
    began.wait_for(3)


def missed_fire_times_are_coalesced_into_the_latest(program: Program) -> None:
    scheduler = program.started(paused=True)
    coalesced = program.heard(scheduler, codes.EVENT_JOB_COALESCED)
    submitted = program.heard(scheduler, codes.EVENT_JOB_SUBMITTED)
    start = datetime.now(scheduler.timezone) - timedelta(seconds=0.95)
    scheduler.add_job(lambda: None, "interval", seconds=0.1, next_run_time=start, misfire_grace_time=None)
    scheduler.resume()
    coalesced.wait_until(lambda: sum(event.count for event in coalesced.items) >= 9)
    (first, *_) = submitted.wait_for(1)
    assert first.scheduled_run_times[0] >= start + timedelta(seconds=0.9)


def missed_fire_times_all_run_if_they_are_not_coalesced(program: Program) -> None:
    scheduler = program.started(paused=True)
    ended = program.heard(scheduler, codes.EVENT_JOB_EXECUTED)
    start = datetime.now(scheduler.timezone) - timedelta(seconds=40)
    scheduler.add_job(
        lambda: None,
        "interval",
        seconds=10,
        next_run_time=start,
        end_date=start + timedelta(seconds=35),
        misfire_grace_time=None,
        coalesce=False,
    )
    scheduler.resume()
    times = [event.scheduled_run_time for event in ended.wait_for(4)]
    assert times == [start + timedelta(seconds=10) * number for number in range(4)]
