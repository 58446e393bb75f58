"""A scheduler's life: start, pause, resume, shutdown, start again, and use of it in each state."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

from kalends import events as codes
from kalends.schedulers import SchedulerAlreadyRunningError, SchedulerNotRunningError
from kalends.schedulers.base import STATE_PAUSED, STATE_RUNNING, STATE_STOPPED
from schedulers.program import Program
from schedulers.recorder import Recorder


def _raises(error: type[BaseException], use: Callable[[], Any]) -> None:
    try:
        use()
    except error:
        return
    raise AssertionError(f"{use} did not raise {error.__name__}")


def its_state_is_stopped_running_paused(program: Program) -> None:
    scheduler = program.new()
    assert (scheduler.state, scheduler.running) == (STATE_STOPPED, False)
    program.start(scheduler, paused=True)
    assert (scheduler.state, scheduler.running) == (STATE_PAUSED, True)
    scheduler.resume()
    assert (scheduler.state, scheduler.running) == (STATE_RUNNING, True)
    scheduler.pause()
    assert (scheduler.state, scheduler.running) == (STATE_PAUSED, True)
    scheduler.shutdown()
    assert (scheduler.state, scheduler.running) == (STATE_STOPPED, False)


def its_states_are_events(program: Program) -> None:
    scheduler = program.new()
    heard = program.heard(scheduler)
    program.start(scheduler)
    scheduler.pause()
    scheduler.resume()
    scheduler.shutdown()
    heard.wait_until(lambda: codes.EVENT_SCHEDULER_SHUTDOWN in heard.codes())
    assert [code for code in heard.codes() if code <= codes.EVENT_SCHEDULER_RESUMED] == [
        codes.EVENT_SCHEDULER_START,
        codes.EVENT_SCHEDULER_PAUSED,
        codes.EVENT_SCHEDULER_RESUMED,
        codes.EVENT_SCHEDULER_SHUTDOWN,
    ]


def what_does_not_run_cannot_be_stopped(program: Program) -> None:
    scheduler = program.new()
    for use in (scheduler.shutdown, scheduler.pause, scheduler.resume, scheduler.wakeup):
        _raises(SchedulerNotRunningError, use)


def what_runs_cannot_be_started_or_configured(program: Program) -> None:
    scheduler = program.started()
    _raises(SchedulerAlreadyRunningError, lambda: program.start(scheduler))
    _raises(SchedulerAlreadyRunningError, scheduler.configure)


def a_paused_scheduler_begins_no_runs(program: Program) -> None:
    calls, before = Recorder(), Recorder()
    scheduler = program.started()
    scheduler.add_job(before, "interval", seconds=0.02)
    before.wait_for(1)
    scheduler.pause()
    job = scheduler.add_job(calls, "interval", seconds=0.02, misfire_grace_time=None)
    other = program.started()
    ticks = Recorder()
    other.add_job(ticks, "interval", seconds=0.05)
    ticks.wait_for(4)
    assert calls.items == []
    assert scheduler.get_job(job.id) is not None
    scheduler.resume()
    calls.wait_for(2)


def it_can_be_started_again(program: Program) -> None:
    calls = Recorder()
    scheduler = program.started()
    scheduler.add_job(calls, args=["first"])
    calls.wait_for(1)
    scheduler.shutdown()
    scheduler.add_job(calls, "interval", seconds=0.05, args=["second"])
    program.start(scheduler)
    calls.wait_until(lambda: calls.items.count("second") >= 2)


def a_shutdown_waits_for_runs(program: Program) -> None:
    scheduler = program.started()
    ended = program.heard(scheduler, codes.EVENT_JOB_EXECUTED)
    began, release, done = Recorder(), Event(), Recorder()

    def job() -> None:
        began("began")
        program.host.wait_in_job(release)
        done("done")

    scheduler.add_job(job)
    began.wait_for(1)
    if type(program.host).__name__ == "GeventHost":
        release.set()
    else:
        other = program.started()
        other.add_job(release.set, "interval", seconds=0.1)
    scheduler.shutdown(wait=True)
    assert done.items == ["done"]
    assert len(ended.wait_for(1)) == 1


def a_shutdown_waits_for_coroutines(program: Program) -> None:
    scheduler = program.started()
    ended = program.heard(scheduler, codes.EVENT_JOB_EXECUTED)
    submitted = program.heard(scheduler, codes.EVENT_JOB_SUBMITTED)
    scheduler.add_job(program.host.coroutine_function(lambda: None))
    submitted.wait_for(1)
    scheduler.shutdown(wait=True)
    assert ended.wait_for(1)[0].retval == "awaited"


def a_shutdown_without_wait_leaves_runs_behind(program: Program) -> None:
    scheduler = program.started()
    began, release, done = Recorder(), Event(), Recorder()

    def job() -> None:
        began("began")
        program.host.wait_in_job(release)
        done("done")

    scheduler.add_job(job)
    began.wait_for(1)
    scheduler.shutdown(wait=False)
    assert not scheduler.running
    assert done.items == []
    release.set()
    done.wait_for(1)


def a_job_may_shut_it_down(program: Program) -> None:
    for wait in (True, False):
        scheduler = program.started()
        over = program.heard(scheduler, codes.EVENT_SCHEDULER_SHUTDOWN)
        scheduler.add_job(lambda it=scheduler, wait=wait: it.shutdown(wait))
        over.wait_for(1)
        assert not scheduler.running
        program.start(scheduler)
        scheduler.shutdown()


def a_listener_may_shut_it_down(program: Program) -> None:
    scheduler = program.started()
    over = program.heard(scheduler, codes.EVENT_SCHEDULER_SHUTDOWN)
    scheduler.add_listener(lambda _: scheduler.shutdown(), codes.EVENT_JOB_EXECUTED)
    scheduler.add_job(lambda: None)
    over.wait_for(1)
    assert not scheduler.running


def a_wakeup_changes_nothing(program: Program) -> None:
    calls = Recorder()
    scheduler = program.started()
    scheduler.add_job(calls, "interval", seconds=0.05)
    for _ in range(3):
        scheduler.wakeup()
    calls.wait_for(3)


def a_start_that_fails_can_be_tried_again(program: Program) -> None:
    calls = Recorder()
    scheduler = program.new()
    scheduler.add_job(calls, "interval", seconds=0.05, id="it", args=["first"])
    scheduler.add_job(calls, "interval", seconds=0.05, id="it", args=["second"])
    scheduler.add_job(calls, "interval", seconds=0.05, id="other", args=["third"])
    _raises(KeyError, lambda: program.start(scheduler))
    assert not scheduler.running
    scheduler.remove_job("it")
    program.start(scheduler)
    calls.wait_until(lambda: "third" in calls.items)
