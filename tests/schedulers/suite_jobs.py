"""Jobs: added, changed, paused and removed while the scheduler runs, from outside and from within a job."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Barrier, Event, Thread
from typing import Any

from kalends.events import EVENT_JOB_EXECUTED, EVENT_JOB_SUBMITTED
from kalends.jobstores.base import ConflictingIdError, JobLookupError
from schedulers.program import Program
from schedulers.recorder import PATIENCE, Recorder


def _count(submitted: Recorder, job_id: str) -> int:
    return sum(event.job_id == job_id for event in list(submitted.items))


def _wait_for_more(submitted: Recorder, job_id: str, number: int) -> None:
    """Wait until so many more runs of a job have been submitted."""
    wanted = _count(submitted, job_id) + number
    submitted.wait_until(lambda: _count(submitted, job_id) >= wanted)


def a_job_without_a_trigger_runs_once_at_once(program: Program) -> None:
    calls = Recorder()
    scheduler = program.started()
    scheduler.add_job(calls, args=["now"])
    scheduler.add_job(calls, "interval", seconds=0.05, args=["later"])
    calls.wait_until(lambda: calls.items.count("later") >= 3)
    assert calls.items.count("now") == 1


def a_job_that_was_added_before_the_start_runs(program: Program) -> None:
    calls = Recorder()
    scheduler = program.new()
    job = scheduler.add_job(calls, "interval", seconds=0.05, args=["early"])
    assert job.pending
    assert [one.id for one in scheduler.get_jobs()] == [job.id]
    program.start(scheduler)
    assert set(calls.wait_for(2)) == {"early"}
    assert not job.pending


def an_interval_of_a_tenth_of_a_second_fires_to_time(program: Program) -> None:
    scheduler = program.started(paused=True)
    begun = program.heard(scheduler, EVENT_JOB_SUBMITTED)
    # A run may still be active at the next fire times, as the machine may be busy.
    job = scheduler.add_job(lambda: None, "interval", seconds=0.1, max_instances=1000, coalesce=False, id="tick")
    first = job.next_run_time
    assert first is not None
    scheduler.resume()
    times = [at for event in begun.wait_for(5) for at in event.scheduled_run_times]
    assert times == [first + timedelta(seconds=0.1) * number for number in range(len(times))]


def a_fire_time_is_kept_to_the_microsecond(program: Program) -> None:
    scheduler = program.started()
    ended = program.heard(scheduler, EVENT_JOB_EXECUTED)
    at = datetime.now(scheduler.timezone) + timedelta(microseconds=50_123)
    scheduler.add_job(lambda: None, "date", run_date=at, misfire_grace_time=None)
    (event,) = ended.wait_for(1)
    assert event.scheduled_run_time == at
    assert datetime.now(scheduler.timezone) >= at


def a_job_gets_its_arguments(program: Program) -> None:
    got: list[Any] = []
    done = Event()

    def job(*args: Any, **kwargs: Any) -> None:
        got.append((args, kwargs))
        done.set()

    program.started().add_job(job, args=(1, "two"), kwargs={"three": 3})
    program.wait(done)
    assert got == [((1, "two"), {"three": 3})]


def a_modified_job_runs_as_modified(program: Program) -> None:
    calls = Recorder()
    scheduler = program.started()
    scheduler.add_job(calls, "interval", seconds=0.05, args=["before"], id="it")
    calls.wait_for(1)
    scheduler.modify_job("it", args=["after"], name="renamed")
    calls.wait_until(lambda: "after" in calls.items)
    found = scheduler.get_job("it")
    assert found is not None
    assert (found.name, found.args) == ("renamed", ("after",))


def a_rescheduled_job_has_the_fire_times_of_its_new_trigger(program: Program) -> None:
    calls = Recorder()
    scheduler = program.started()
    job = scheduler.add_job(calls, "interval", hours=1)
    scheduler.reschedule_job(job.id, trigger="interval", seconds=0.05)
    calls.wait_for(3)


def a_paused_job_does_not_run_until_it_is_resumed(program: Program) -> None:
    calls = Recorder()
    scheduler = program.started()
    submitted = program.heard(scheduler, EVENT_JOB_SUBMITTED)
    job = scheduler.add_job(calls, "interval", seconds=0.05)
    other = scheduler.add_job(lambda: None, "interval", seconds=0.05)
    calls.wait_for(1)
    scheduler.pause_job(job.id)
    _wait_for_more(submitted, other.id, 2)  # what was decided before is reported
    before = _count(submitted, job.id)
    _wait_for_more(submitted, other.id, 4)
    assert _count(submitted, job.id) == before
    paused = scheduler.get_job(job.id)
    assert paused is not None
    assert paused.next_run_time is None
    scheduler.resume_job(job.id)
    _wait_for_more(submitted, job.id, 2)


def a_removed_job_does_not_run(program: Program) -> None:
    calls = Recorder()
    scheduler = program.started()
    submitted = program.heard(scheduler, EVENT_JOB_SUBMITTED)
    job = scheduler.add_job(calls, "interval", seconds=0.05)
    other = scheduler.add_job(lambda: None, "interval", seconds=0.05)
    calls.wait_for(1)
    job.remove()
    _wait_for_more(submitted, other.id, 2)  # what was decided before is reported
    before = _count(submitted, job.id)
    _wait_for_more(submitted, other.id, 4)
    assert _count(submitted, job.id) == before
    assert scheduler.get_job(job.id) is None


def all_jobs_can_be_removed_at_once(program: Program) -> None:
    scheduler = program.started()
    for number in range(5):
        scheduler.add_job(lambda: None, "interval", hours=1, id=str(number))
    scheduler.remove_all_jobs()
    assert scheduler.get_jobs() == []


def a_job_whose_trigger_has_ended_is_removed(program: Program) -> None:
    scheduler = program.started()
    gone = program.heard(scheduler, 1 << 10)
    job = scheduler.add_job(lambda: None)
    (event,) = gone.wait_for(1)
    assert event.job_id == job.id
    assert scheduler.get_job(job.id) is None


def jobs_can_be_changed_from_within_a_job(program: Program) -> None:
    calls = Recorder()
    scheduler = program.started()

    def once() -> None:
        scheduler.add_job(calls, "interval", seconds=0.05, args=["child"], id="child")
        scheduler.modify_job("other", args=["changed"])
        scheduler.reschedule_job("other", trigger="interval", seconds=0.05)
        scheduler.remove_job("self")

    scheduler.add_job(calls, "interval", hours=1, args=["not changed"], id="other")
    scheduler.add_job(once, "interval", seconds=0.05, id="self")
    calls.wait_until(lambda: {"child", "changed"} <= set(calls.items))
    assert scheduler.get_job("self") is None
    assert "not changed" not in calls.items


def a_job_can_pause_itself(program: Program) -> None:
    calls, others = Recorder(), Recorder()
    scheduler = program.started()

    def job() -> None:
        scheduler.pause_job("self")
        calls("ran")

    scheduler.add_job(job, "interval", seconds=0.05, id="self")
    scheduler.add_job(others, "interval", seconds=0.05)
    calls.wait_for(1)
    others.wait_for(len(others) + 4)
    assert len(calls) == 1


def an_id_is_unique_unless_the_job_replaces_the_other(program: Program) -> None:
    calls = Recorder()
    scheduler = program.started()
    scheduler.add_job(calls, "interval", hours=1, args=["old"], id="it")
    try:
        scheduler.add_job(calls, "interval", hours=1, id="it")
    except ConflictingIdError as error:
        assert "it" in str(error)  # noqa: PT017 - no pytest in the program
    else:
        raise AssertionError("two jobs have one ID")
    scheduler.add_job(calls, "interval", seconds=0.05, args=["new"], id="it", replace_existing=True)
    assert set(calls.wait_for(2)) == {"new"}
    assert len(scheduler.get_jobs()) == 1


def an_unknown_job_is_refused(program: Program) -> None:
    scheduler = program.started()
    for use in (scheduler.remove_job, scheduler.pause_job, scheduler.resume_job, scheduler.modify_job):
        try:
            use("nowhere")
        except JobLookupError as error:
            assert "nowhere" in str(error)  # noqa: PT017 - no pytest in the program
        else:
            raise AssertionError(f"{use} found a job")
    assert scheduler.get_job("nowhere") is None


def a_decorated_function_is_a_job(program: Program) -> None:
    calls = Recorder()
    scheduler = program.new()

    @scheduler.scheduled_job("interval", seconds=0.05, id="decorated")
    def job() -> None:
        calls("ran")

    program.start(scheduler)
    calls.wait_for(2)
    job()
    found = scheduler.get_job("decorated")
    assert found is not None
    assert found.name.endswith("job")


def a_coroutine_function_runs_to_its_end(program: Program) -> None:
    calls = Recorder()
    scheduler = program.started()
    ended = program.heard(scheduler, EVENT_JOB_EXECUTED)
    scheduler.add_job(program.host.coroutine_function(lambda: calls("ran")))
    (event,) = ended.wait_for(1)
    assert event.retval == "awaited"
    assert calls.items == ["ran"]
    if program.host.runs_coroutines_in_loop:
        assert calls.threads == [program.host.loop_thread]


def eight_threads_add_and_remove_jobs(program: Program) -> None:
    scheduler = program.started()
    calls = Recorder()
    together, failures = Barrier(8), Recorder()

    def work(number: int) -> None:
        try:
            together.wait(PATIENCE)
            for one in range(20):
                kept, removed = f"kept-{number}-{one}", f"removed-{number}-{one}"
                scheduler.add_job(calls, "interval", hours=1, id=kept)
                scheduler.add_job(calls, "interval", hours=1, id=removed)
                scheduler.get_jobs()
                scheduler.remove_job(removed)
            scheduler.add_job(calls, args=[number])
        except BaseException as error:  # noqa: BLE001 - it is what the test is about
            failures(error)

    threads = [Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert failures.items == []
    assert sorted(calls.wait_for(8)) == list(range(8))
    assert len([job for job in scheduler.get_jobs() if job.id.startswith("kept")]) == 160
