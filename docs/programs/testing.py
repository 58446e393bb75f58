"""Tests of a program that uses Kalends, without waiting: see docs/testing.md."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from kalends.events import EVENT_JOB_MISSED
from kalends.tasks import current_run, task
from kalends.testing import ManualClock, ManualScheduler, run

sent: list[datetime] = []


def send_report(scheduler: ManualScheduler) -> None:
    sent.append(scheduler.now)


@task
def archive(folder: str) -> str:
    return f"{folder}/{current_run().scheduled_time:%Y-%m-%d}"


def test_a_report_is_sent_on_each_workday_also_when_the_clocks_change() -> None:
    clock = ManualClock(datetime(2027, 3, 26, tzinfo=ZoneInfo("Europe/Berlin")))
    with ManualScheduler(clock=clock, timezone="Europe/Berlin") as scheduler:
        scheduler.add_job(send_report, "cron", [scheduler], day_of_week="mon-fri", hour=7)
        scheduler.advance(days=5)
    assert [f"{moment:%a %H:%M %Z}" for moment in sent] == ["Fri 07:00 CET", "Mon 07:00 CEST", "Tue 07:00 CEST"]


def test_a_run_that_takes_long_lets_the_next_fire_time_pass() -> None:
    with ManualScheduler() as scheduler:
        scheduler.add_job(lambda: scheduler.clock.advance(minutes=90), "interval", hours=1, coalesce=False)
        scheduler.advance(hours=2, minutes=45)
        missed = [event for event in scheduler.runs if event.code == EVENT_JOB_MISSED]
    assert [event.scheduled_run_time.hour for event in missed] == [2]


def test_a_task_knows_its_fire_time() -> None:
    found = run(archive, ["backups"], fire_time=datetime(2027, 3, 26, tzinfo=UTC))
    assert found.value == "backups/2027-03-26"


if __name__ == "__main__":
    test_a_report_is_sent_on_each_workday_also_when_the_clocks_change()
    test_a_run_that_takes_long_lets_the_next_fire_time_pass()
    test_a_task_knows_its_fire_time()
    print("3 tests passed")
