"""Jobs that the real APScheduler 3 has stored and exported, read with the unpickler that admits few classes."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore as ForeignStore
from apscheduler.schedulers.background import BackgroundScheduler as ForeignScheduler
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from kalends.job import Job
from kalends.library.foreign.jobs import FoundJob, jobs_in_file, jobs_in_place
from kalends.library.foreign.pickles import unpickled
from kalends.schedulers.background import BackgroundScheduler
from kalends.testing.fire_times import chain, utc

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2030, 1, 1, tzinfo=UTC)
TRIGGERS: dict[str, Any] = {
    "cron": CronTrigger(day_of_week="mon-fri", hour="9-17/2", minute="*/20", timezone=BERLIN, jitter=3),
    "months": CronTrigger(month="jan-mar,oct", day="last,2nd fri", hour=4, timezone="UTC"),
    "steps": CronTrigger(minute="5/10", second="7", timezone=BERLIN, start_date="2029-01-01", end_date="2031-06-01"),
    "interval": IntervalTrigger(days=2, seconds=7.25, start_date=NOW, timezone=BERLIN),
    "date": DateTrigger(datetime(2030, 6, 1, 1, 2, 3, 4, tzinfo=BERLIN)),
    "calendar": CalendarIntervalTrigger(months=1, hour=9, start_date=date(2030, 1, 15), timezone=BERLIN),
    "or": OrTrigger([CronTrigger(hour=4, timezone="UTC"), CronTrigger(hour=9, timezone="UTC")]),
    "and": AndTrigger([CronTrigger(day=13, timezone="UTC"), CronTrigger(day_of_week="fri", timezone="UTC")]),
}


def work(*args: object, **kwargs: object) -> None:
    """Is what the jobs call."""


@dataclass
class Client:
    """A class of the program."""

    name: str


class Evil:
    """Runs a command when its pickle is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("evil",)


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[ForeignScheduler]:
    """Return a paused scheduler of APScheduler with a table in a file."""
    scheduler = ForeignScheduler(jobstores={"default": ForeignStore(f"sqlite:///{tmp_path / 'theirs.sqlite'}")})
    scheduler.start(paused=True)
    yield scheduler
    scheduler.shutdown()


def stored(tmp_path: Path, *allow: str) -> dict[str, FoundJob]:
    return {found.id: found for found in jobs_in_place(f"sqlite:///{tmp_path / 'theirs.sqlite'}", None, allow)}


def job_of(found: FoundJob) -> Job:
    assert found.job is not None, found.problem
    return found.job


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_stored_trigger_has_the_same_fire_times(theirs: ForeignScheduler, tmp_path: Path, name: str) -> None:
    theirs.add_job(work, TRIGGERS[name], id=name)
    trigger = job_of(stored(tmp_path)[name]).trigger
    if name == "cron":
        assert getattr(trigger, "jitter", None) == 3
        setattr(trigger, "jitter", None)  # noqa: B010 - compared without delays
        TRIGGERS[name].jitter = None
    several = 1 if name == "and" else 6  # APScheduler hangs on the second
    assert utc(chain(trigger, NOW, several)) == utc(chain(TRIGGERS[name], NOW, several))
    assert type(trigger).__module__.startswith("kalends.triggers.")


def test_a_stored_job_is_kept_with_all_its_fields(theirs: ForeignScheduler, tmp_path: Path) -> None:
    given: dict[str, Any] = {"when": NOW, "price": Decimal("1.10"), "names": {"a", "b"}}
    theirs.add_job(
        work,
        "interval",
        hours=3,
        args=[1, timedelta(5)],
        kwargs=given,
        id="it",
        name="Report",
        misfire_grace_time=77,
        coalesce=False,
        max_instances=4,
        executor="processpool",
        next_run_time=NOW,
    )
    job = job_of(stored(tmp_path)["it"])
    assert (job.func, job.name, job.args, job.kwargs) == (work, "Report", (1, timedelta(5)), given)
    assert (job.misfire_grace_time, job.coalesce, job.max_instances, job.executor) == (77, False, 4, "processpool")
    assert (job.next_run_time, job.first_fire_time) == (NOW, NOW)


def test_a_paused_job_stays_paused(theirs: ForeignScheduler, tmp_path: Path) -> None:
    theirs.add_job(work, "interval", hours=3, id="it", next_run_time=None)
    assert job_of(stored(tmp_path)["it"]).next_run_time is None


def test_a_pickle_that_would_run_code_is_refused(
    theirs: ForeignScheduler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    theirs.add_job(work, "interval", hours=3, id="evil", args=[Evil()])
    theirs.add_job(work, "interval", hours=3, id="good")
    found = stored(tmp_path)
    assert found["evil"].job is None
    assert "the pickle names posix:mkdir, which is not admitted" in found["evil"].problem
    assert found["good"].job is not None
    assert not (tmp_path / "evil").exists()


def test_a_class_of_the_program_is_read_if_it_is_allowed(theirs: ForeignScheduler, tmp_path: Path) -> None:
    theirs.add_job(work, "interval", hours=3, id="it", args=[Client("ACME")])
    name = f"{Client.__module__}:Client"
    assert name in stored(tmp_path)["it"].problem
    assert job_of(stored(tmp_path, name)["it"]).args == (Client("ACME"),)


@pytest.mark.parametrize(
    "data",
    [
        b"cbuiltins\ngetattr\n(cbuiltins\nset\nS'__class__'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cbuiltins\ngetattr\n(cdatetime\ndatetime\nS'now'\ntR.",
        b"cdatetime\ndatetime.now\n.",
        b"\x80\x05garbage",
        b"",
    ],
)
def test_what_is_not_admitted_is_not_reached(data: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError):
        unpickled(data)


@pytest.mark.parametrize("zone", [ZoneInfo("Asia/Tokyo"), UTC])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_moments_are_read_with_their_zones(zone: Any, protocol: int) -> None:
    moment = datetime(2030, 1, 1, tzinfo=zone)
    found = unpickled(pickle.dumps([moment, timedelta(1), date(2030, 1, 1)], protocol))
    assert found == [moment, timedelta(1), date(2030, 1, 1)]
    assert str(found[0].tzinfo) == str(zone)


def test_a_file_that_apscheduler_exported_is_imported_by_choice(theirs: ForeignScheduler, tmp_path: Path) -> None:
    for name, trigger in TRIGGERS.items():
        theirs.add_job(work, trigger, id=name, args=[NOW])
    theirs.export_jobs(str(tmp_path / "jobs.json"))
    ours = BackgroundScheduler(timezone="UTC")
    with pytest.raises(ValueError, match="pickles=True"):
        ours.import_jobs(str(tmp_path / "jobs.json"))
    ours.import_jobs(str(tmp_path / "jobs.json"), pickles=True)
    assert {job.id for job in ours.get_jobs()} == set(TRIGGERS)
    expected = theirs.get_job("months")
    job = ours.get_job("months")
    assert job is not None
    assert (job.next_run_time, job.args) == (expected.next_run_time, (NOW,))


def test_a_file_with_a_job_that_cannot_be_read_adds_none(tmp_path: Path) -> None:
    theirs = ForeignScheduler()  # its memory reads no pickle
    theirs.start(paused=True)
    theirs.add_job(work, "interval", hours=1, id="a")
    theirs.add_job(work, "interval", hours=1, id="b", args=[Evil()])
    theirs.export_jobs(str(tmp_path / "jobs.json"))
    theirs.shutdown()
    ours = BackgroundScheduler(timezone="UTC")
    with pytest.raises(ValueError, match="not admitted"):
        ours.import_jobs(str(tmp_path / "jobs.json"), pickles=True)
    assert ours.get_jobs() == []


def test_a_class_that_a_file_names_is_not_made_unless_it_is_apschedulers() -> None:
    text = '{"version": 1, "jobs": [{"__apscheduler_class__": "os:system", "__apscheduler_state__": {}}]}'
    (found,) = jobs_in_file(io.StringIO(text))
    assert (found.id, found.job) == ("jobs[0]", None)
    assert "UnpicklingError: the file names the class os:system, which is not admitted" in found.problem
