"""``exclude``, ``daylight_saving`` and H as options of ``add_job``, ``modify_job`` and ``scheduled_job``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kalends.jobstores.serialization import job_from_json, job_to_json
from kalends.library.definitions import definition_of
from kalends.schedulers.background import BackgroundScheduler
from kalends.triggers.cron import CronTrigger
from kalends.triggers.interval import IntervalTrigger

BERLIN = ZoneInfo("Europe/Berlin")
FAR = datetime(2090, 1, 2, tzinfo=BERLIN)
"""A Monday."""
WEEKEND = CronTrigger(day_of_week="sat,sun", timezone=BERLIN)


def function() -> None: ...


@pytest.fixture
def scheduler() -> BackgroundScheduler:
    return BackgroundScheduler(timezone=BERLIN)


def daily() -> IntervalTrigger:
    return IntervalTrigger(days=1, start_date=FAR - timedelta(days=2), timezone=BERLIN)


def test_the_first_fire_time_of_a_job_is_not_excluded(scheduler: BackgroundScheduler) -> None:
    assert scheduler.add_job(function, daily()).next_run_time == FAR - timedelta(days=2)
    assert scheduler.add_job(function, daily(), exclude=WEEKEND).next_run_time == FAR


def test_dates_are_days_in_the_zone_of_the_trigger(scheduler: BackgroundScheduler) -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    job = scheduler.add_job(
        function, "cron", hour=1, start_date=FAR, timezone=tokyo, exclude=["2090-01-03", FAR.date()]
    )
    assert job.next_run_time == datetime(2090, 1, 4, 1, tzinfo=tokyo)


def test_a_changed_exclude_moves_the_next_fire_time(scheduler: BackgroundScheduler) -> None:
    job = scheduler.add_job(function, daily(), id="it")
    scheduler.modify_job("it", exclude=[WEEKEND, FAR.date()])
    assert job.next_run_time == FAR + timedelta(days=1)
    job.modify(exclude=None)
    assert (job.next_run_time, job.exclude) == (FAR - timedelta(days=2), ())


def test_a_changed_exclude_keeps_a_fire_time_that_waits_to_be_decided(scheduler: BackgroundScheduler) -> None:
    due = datetime.now(UTC) - timedelta(minutes=5)
    job = scheduler.add_job(function, "interval", hours=1, next_run_time=due, id="it")
    job.modify(exclude=(due + timedelta(minutes=59), due + timedelta(minutes=61)))
    assert job.next_run_time == due
    job.modify(exclude=(None, due + timedelta(minutes=61)))
    assert job.next_run_time == due + timedelta(hours=2)


def test_a_paused_job_stays_paused_after_a_change_of_exclude(scheduler: BackgroundScheduler) -> None:
    job = scheduler.add_job(function, daily(), next_run_time=None, id="it")
    job.modify(exclude=WEEKEND)
    assert job.next_run_time is None
    resumed = scheduler.resume_job("it")
    assert resumed is not None
    assert resumed.next_run_time == FAR


def test_another_trigger_keeps_what_is_excluded(scheduler: BackgroundScheduler) -> None:
    job = scheduler.add_job(function, "interval", hours=1, exclude=WEEKEND)
    job.reschedule(daily())
    assert job.next_run_time == FAR


def test_a_decorated_function_has_the_options(scheduler: BackgroundScheduler) -> None:
    scheduler.scheduled_job(daily(), id="it", exclude=WEEKEND, daylight_saving="literal")(function)
    job = scheduler.get_job("it")
    assert job is not None
    assert (job.exclude, job.daylight_saving) == ((WEEKEND,), "literal")


def test_daylight_saving_is_that_of_the_engines_trigger(scheduler: BackgroundScheduler) -> None:
    before_the_gap = datetime(2090, 3, 26, 1, tzinfo=BERLIN)
    nightly = CronTrigger(hour=2, minute=30, start_date=before_the_gap, timezone=BERLIN)
    assert scheduler.add_job(function, nightly).next_run_time == datetime(2090, 3, 26, 3, tzinfo=BERLIN)
    job = scheduler.add_job(function, nightly, daylight_saving="literal", id="literal")
    assert job.next_run_time == datetime(2090, 3, 27, 2, 30, tzinfo=BERLIN)
    job.modify(daylight_saving="adjust")
    assert job.next_run_time == datetime(2090, 3, 26, 3, tzinfo=BERLIN)
    with pytest.raises(ValueError, match="daylight_saving must be one of 'adjust', 'literal', got 'summer'"):
        job.modify(daylight_saving="summer")


def test_a_replaced_job_with_another_exclude_does_not_keep_its_fire_time(scheduler: BackgroundScheduler) -> None:
    with scheduler:
        scheduler.pause()
        scheduler.add_job(function, daily(), id="it", replace_existing=True)
        job = scheduler.add_job(function, daily(), id="it", exclude=WEEKEND, replace_existing=True)
        assert job.next_run_time == FAR


def test_h_follows_from_the_id_of_the_job(scheduler: BackgroundScheduler) -> None:
    trigger = CronTrigger.from_crontab("H H * * *", timezone=BERLIN)
    first, again = (scheduler.add_job(function, trigger, id="report") for _ in range(2))
    others = {scheduler.add_job(function, trigger, id=str(number)).next_run_time for number in range(9)}
    assert first.next_run_time == again.next_run_time
    assert len(others) > 5
    scheduler.add_job(function, "cron", hour="H(0-5)", id="alias")


def test_h_without_an_id_is_refused(scheduler: BackgroundScheduler) -> None:
    with pytest.raises(ValueError, match="H in a cron expression needs the ID of the job"):
        scheduler.add_job(function, "cron", minute="H")
    assert scheduler.get_jobs() == []


def test_a_stored_job_has_the_same_fire_times(scheduler: BackgroundScheduler) -> None:
    job = scheduler.add_job(function, "cron", minute="H", id="it", exclude=WEEKEND, daylight_saving="literal")
    document = job_to_json(job)
    again = job_from_json(document)
    assert document["version"] == 2
    assert job_to_json(again) == document
    assert definition_of(again).when == definition_of(job).when


def test_a_job_without_the_options_can_be_read_by_earlier_versions(scheduler: BackgroundScheduler) -> None:
    document = job_to_json(scheduler.add_job(function, daily(), id="it"))
    assert document["version"] == 1
    assert not document.keys() & {"exclude", "daylight_saving"}
