"""``ManualScheduler``: time passes when the test says, and each run happens at its fire time, in order."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kalends.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MISSED, EVENT_SCHEDULER_SHUTDOWN
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
from kalends.schedulers import SchedulerNotRunningError
from kalends.testing import ManualClock, ManualScheduler
from kalends.triggers.combining import OrTrigger
from kalends.triggers.cron import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger

START = datetime(2030, 1, 1, tzinfo=UTC)


def nothing() -> None: ...


class Calls:
    """Remembers what was called, and when by the clock of its scheduler."""

    def __init__(self, scheduler: ManualScheduler) -> None:
        self.scheduler = scheduler
        self.items: list[tuple[str, timedelta]] = []

    def __call__(self, name: str) -> None:
        self.items.append((name, self.scheduler.now - START))


def test_runs_happen_in_the_order_of_their_fire_times() -> None:
    with ManualScheduler() as scheduler:
        calls = Calls(scheduler)
        scheduler.add_job(calls, "interval", ["third"], hours=3)
        scheduler.add_job(calls, "interval", ["second"], hours=2)
        scheduler.add_job(calls, "date", ["once"], run_date=START + timedelta(microseconds=250_001))
        scheduler.advance(hours=6)
    hours = [(name, passed / timedelta(hours=1)) for name, passed in calls.items[1:]]
    assert calls.items[0] == ("once", timedelta(microseconds=250_001))
    assert hours[:3] == [("second", 2), ("third", 3), ("second", 4)]
    assert sorted(hours[3:]) == [("second", 6), ("third", 6)]


def test_a_year_of_runs_takes_no_time_of_the_clock_on_the_wall() -> None:
    before = datetime.now(UTC)
    with ManualScheduler(timezone="Europe/Berlin") as scheduler:
        scheduler.add_job(nothing, "cron", hour=2, minute=30)
        scheduler.advance(days=365)
        assert len(scheduler.runs) == 365
    assert datetime.now(UTC) - before < timedelta(days=1)


def test_two_schedulers_do_the_same() -> None:
    def events() -> list[tuple[int, Any]]:
        with ManualScheduler() as scheduler:
            for number in range(5):
                scheduler.add_job(nothing, "interval", id=str(number), minutes=number + 1, jitter=30)
            scheduler.advance(hours=1)
            return [(event.code, getattr(event, "scheduled_run_time", None)) for event in scheduler.events]

    assert events() == events()


def test_time_stands_still_between_two_calls() -> None:
    with ManualScheduler() as scheduler:
        calls = Calls(scheduler)
        scheduler.add_job(calls, "interval", ["tick"], seconds=0.25)
        assert calls.items == []
        scheduler.advance(seconds=0.24)
        assert calls.items == []
        scheduler.advance(seconds=0.01)
        assert calls.items == [("tick", timedelta(seconds=0.25))]
        assert scheduler.now == START + timedelta(seconds=0.25)


def test_a_job_without_a_trigger_runs_when_time_passes_or_not() -> None:
    with ManualScheduler() as scheduler:
        scheduler.add_job(nothing)
        scheduler.advance(0 * timedelta(1))
        assert [event.scheduled_run_time for event in scheduler.runs] == [START]


def test_the_start_of_triggers_follows_from_the_clock() -> None:
    with ManualScheduler() as scheduler:
        interval = scheduler.add_job(nothing, IntervalTrigger(hours=5))
        either = scheduler.add_job(nothing, OrTrigger([DateTrigger(), IntervalTrigger(hours=1)]))
        monthly = scheduler.add_job(nothing, "calendarinterval", months=1)
        scheduler.advance(days=31)
        times = {
            job.id: [one.scheduled_run_time for one in scheduler.runs if one.job_id == job.id]
            for job in (interval, either, monthly)
        }
    assert times[interval.id][:2] == [START + timedelta(hours=hours) for hours in (5, 10)]
    assert times[either.id][:3] == [START + timedelta(hours=hours) for hours in (0, 1, 2)]
    assert [one.date() for one in times[monthly.id]] == [date(2030, 1, 1), date(2030, 2, 1)]


def test_a_run_that_takes_time_moves_the_clock() -> None:
    with ManualScheduler() as scheduler:

        def slow() -> None:
            scheduler.clock.advance(minutes=25)

        scheduler.add_job(slow, "interval", minutes=10, misfire_grace_time=60, coalesce=False)
        scheduler.advance(minutes=36)
        codes = [event.code for event in scheduler.runs]
    assert codes.count(EVENT_JOB_EXECUTED) >= 1
    assert codes.count(EVENT_JOB_MISSED) >= 1


def test_a_failed_run_is_retried_after_its_delay() -> None:
    with ManualScheduler() as scheduler:
        times: list[datetime] = []

        def fails() -> None:
            times.append(scheduler.now)
            if len(times) < 3:
                raise OSError("not yet")

        scheduler.add_job(fails, "date", run_date=START, retry={"limit": 3, "backoff": 60, "factor": 1})
        scheduler.advance(minutes=1)
        assert len(times) == 1
        scheduler.advance(hours=1)
    assert len(times) == 3
    assert timedelta(seconds=60) <= times[1] - times[0] <= timedelta(seconds=75)


def test_an_exception_is_an_event() -> None:
    with ManualScheduler() as scheduler:
        scheduler.add_job(int, args=["x"])
        scheduler.advance(seconds=1)
        (event,) = scheduler.runs
    assert event.code == EVENT_JOB_ERROR
    assert isinstance(event.exception, ValueError)


def test_a_coroutine_function_is_run_to_its_end() -> None:
    async def job() -> str:
        await asyncio.sleep(0)
        return "done"

    with ManualScheduler() as scheduler:
        scheduler.add_job(job)
        scheduler.advance(seconds=1)
        assert [event.retval for event in scheduler.runs] == ["done"]


async def test_time_passes_in_an_async_test_too() -> None:
    with ManualScheduler() as scheduler:
        scheduler.add_job(nothing, "interval", hours=1)
        scheduler.advance(hours=3)
        assert len(scheduler.runs) == 3


def test_a_job_may_change_jobs_and_shut_the_scheduler_down() -> None:
    scheduler = ManualScheduler()
    scheduler.start()

    def last() -> None:
        scheduler.remove_job("other")
        scheduler.shutdown()

    scheduler.add_job(nothing, "interval", minutes=1, id="other")
    scheduler.add_job(last, "interval", seconds=90)
    scheduler.advance(hours=1)
    assert not scheduler.running
    assert [event.job_id for event in scheduler.runs].count("other") == 1
    assert scheduler.events[-1].code == EVENT_SCHEDULER_SHUTDOWN
    with pytest.raises(SchedulerNotRunningError):
        scheduler.advance(hours=1)


def test_a_job_must_not_advance_its_scheduler() -> None:
    with ManualScheduler() as scheduler:
        scheduler.add_job(scheduler.advance, kwargs={"hours": 1})
        scheduler.advance(hours=1)
        (event,) = scheduler.runs
    assert "must not advance its scheduler" in str(event.exception)


def test_a_paused_scheduler_runs_nothing_until_it_is_resumed() -> None:
    with ManualScheduler(job_defaults={"misfire_grace_time": None}) as scheduler:
        scheduler.add_job(nothing, "interval", hours=1)
        scheduler.pause()
        scheduler.advance(hours=3)
        assert scheduler.runs == []
        scheduler.resume()
        scheduler.advance(hours=1)
        assert len(scheduler.runs) == 2


def test_another_scheduler_on_the_store_continues_after_downtime(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2027, 3, 28, tzinfo=ZoneInfo("Europe/Berlin")))
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"

    def new() -> ManualScheduler:
        store = SQLAlchemyJobStore(url)
        return ManualScheduler(clock=clock, timezone="Europe/Berlin", jobstores={"default": store})

    with new() as first:
        first.add_job("builtins:dict", CronTrigger(hour=2, minute=30, timezone="Europe/Berlin"), id="a", coalesce=False)
        first.modify_job("a", misfire_grace_time=None)
        first.advance(hours=12)
        assert len(first.runs) == 1
    clock.advance(days=3)
    with new() as second:
        second.advance(hours=1)
        assert [event.scheduled_run_time.day for event in second.runs] == [29, 30, 31]


def test_the_clock_may_be_set_back_between_two_calls() -> None:
    with ManualScheduler() as scheduler:
        scheduler.add_job(nothing, "interval", hours=1)
        scheduler.advance(hours=2)
        scheduler.clock.set(START)
        scheduler.advance(hours=3)
        assert [(event.scheduled_run_time - START) / timedelta(hours=1) for event in scheduler.runs] == [1, 2, 3]


def test_what_is_due_after_the_clock_was_put_forward_runs_at_once() -> None:
    with ManualScheduler() as scheduler:
        scheduler.add_job(nothing, "interval", hours=1, misfire_grace_time=None, coalesce=False)
        scheduler.advance()
        scheduler.clock.set(START + timedelta(hours=2))
        scheduler.advance()
        assert [(event.scheduled_run_time - START) / timedelta(hours=1) for event in scheduler.runs] == [1, 2]


def test_a_job_may_put_the_clock_forward() -> None:
    with ManualScheduler() as scheduler:
        scheduler.add_job(scheduler.clock.set, "date", [START + timedelta(hours=5)], misfire_grace_time=None)
        scheduler.add_job(nothing, "date", run_date=START + timedelta(hours=5), id="later", misfire_grace_time=None)
        scheduler.advance(seconds=1)
        assert scheduler.runs[-1].job_id == "later"


def test_a_clock_may_be_set_after_a_scheduler_has_shut_down() -> None:
    clock = ManualClock()
    for _ in range(2):
        with ManualScheduler(clock=clock) as scheduler:
            scheduler.advance(minutes=1)
        clock.set(START)


@pytest.mark.parametrize(
    ("advance", "message"),
    [
        (lambda scheduler: scheduler.advance(hours=-1), "must not be negative"),
        (lambda scheduler: scheduler.advance_to(START - timedelta(days=1)), "must not be negative"),
        (lambda scheduler: scheduler.advance_to(datetime(2031, 1, 1)), "must have a time zone"),  # noqa: DTZ001
        (lambda _: ManualClock(datetime(2031, 1, 1)), "must have a time zone"),  # noqa: DTZ001
    ],
)
def test_what_is_no_passing_of_time_is_refused(advance: Any, message: str) -> None:
    with ManualScheduler() as scheduler, pytest.raises(ValueError, match=message):
        advance(scheduler)


def test_time_passes_until_a_moment() -> None:
    with ManualScheduler() as scheduler:
        scheduler.add_job(nothing, "interval", hours=1)
        scheduler.advance_to(START + timedelta(days=1))
        assert len(scheduler.runs) == 24
        assert scheduler.now == START + timedelta(days=1)
