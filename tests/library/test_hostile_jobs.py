"""A job of APScheduler that was made to do harm, or was damaged, is refused by itself: the others are converted."""

from __future__ import annotations

import base64
import io
import json
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore as ForeignStore
from apscheduler.schedulers.background import BackgroundScheduler as ForeignScheduler
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import create_engine, text

from kalends.library.foreign.jobs import FoundJob, jobs_in_file, jobs_in_place
from kalends.library.foreign.triggers import MOST_MEMBERS

ENDLESS = Decimal("1E+999999999")
"""The whole number of this needs a gigabyte and hours."""


def cron(field: str, value: object, **options: Any) -> CronTrigger:
    """Return a trigger whose only expression has another value in a field."""
    trigger = CronTrigger(timezone="UTC", **options)
    (given,) = [one for one in trigger.fields if not one.is_default]
    setattr(given.expressions[0], field, value)
    return trigger


def changed(trigger: Any, name: str, value: object) -> Any:
    setattr(trigger, name, value)
    return trigger


MINUTE = IntervalTrigger(minutes=1, timezone="UTC")
HOSTILE: dict[str, Callable[[], Any]] = {
    "first must be a whole number from 0 to 9999, got Decimal": lambda: cron("first", ENDLESS, month="jan"),
    "last must be a whole number from 0 to 9999, got Decimal": lambda: cron("last", ENDLESS, day_of_week="mon-fri"),
    "step must be a whole number from 0 to 9999, got Decimal": lambda: cron("step", ENDLESS, minute="*/5"),
    "first must be a whole number from 0 to 9999, got bool": lambda: cron("first", True, hour=1),  # noqa: FBT003
    "first must be a whole number from 0 to 9999, got int": lambda: cron("first", 1 << 100_000, hour=1),
    "option_num must be a whole number from 0 to 5, got -1": lambda: cron("option_num", -1, day="2nd fri"),
    "weekday must be a whole number from 0 to 6, got 7": lambda: cron("weekday", 7, day="2nd fri"),
    "a range of cron must be within jan-dec": lambda: cron("first", 13, month="feb"),
    "fields must be a list, got int": lambda: changed(cron("first", 1, hour=1), "fields", 5),
    "interval must be a whole number from 0 to 1000000, got Decimal": lambda: changed(
        CalendarIntervalTrigger(months=1, start_date=date(2030, 1, 1)), "months", ENDLESS
    ),
    "interval must be timedelta, got Decimal": lambda: changed(
        IntervalTrigger(minutes=1, timezone="UTC"), "interval", ENDLESS
    ),
    "run_date must be datetime, got Decimal": lambda: changed(DateTrigger(datetime(2030, 1, 1)), "run_date", ENDLESS),  # noqa: DTZ001
    "jitter must be a number of seconds, or None, got Decimal": lambda: changed(
        CronTrigger(hour=1, timezone="UTC"), "jitter", ENDLESS
    ),
    "end_date must be date, got Decimal": lambda: changed(CronTrigger(hour=1, timezone="UTC"), "end_date", ENDLESS),
    f"the trigger must consist of at most {MOST_MEMBERS} triggers": lambda: OrTrigger(
        [MINUTE] * 50 + [OrTrigger([MINUTE] * 50) for _ in range(20)]
    ),
}


def place(folder: Path) -> str:
    return f"sqlite:///{folder / 'jobs.sqlite'}"


def stored(folder: Path, jobs: dict[str, Any]) -> dict[str, FoundJob]:
    """Return the jobs that are read after these contents of ``job_state`` were written, each under its ID."""
    scheduler = ForeignScheduler(jobstores={"default": ForeignStore(place(folder))}, timezone="UTC")
    scheduler.start(paused=True)
    scheduler.add_job("builtins:print", "cron", hour=3, id="good")
    scheduler.shutdown()
    engine = create_engine(place(folder))
    with engine.begin() as connection:
        for job_id, content in jobs.items():
            connection.execute(
                text("INSERT INTO apscheduler_jobs VALUES (:id, NULL, :state)"), {"id": job_id, "state": content}
            )
    engine.dispose()
    found = {one.id: one for one in jobs_in_place(place(folder), None, ())}
    assert found["good"].job is not None
    return found


def state(**changes: Any) -> dict[str, Any]:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    given = {"func": "builtins:print", "trigger": MINUTE, "executor": "default", "args": (), "kwargs": {}, "name": "x"}
    options = {"misfire_grace_time": 1, "coalesce": True, "max_instances": 1, "next_run_time": moment}
    return {"version": 1, "id": "bad", **given, **options, **changes}


@pytest.mark.parametrize("problem", HOSTILE)
def test_a_trigger_with_values_of_another_kind_is_refused(tmp_path: Path, problem: str) -> None:
    bad = stored(tmp_path, {"bad": pickle.dumps(state(trigger=HOSTILE[problem]()))})["bad"]
    assert bad.job is None
    assert problem in bad.problem


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"id": "good"}, "the state must be that of the job 'bad'"),
        ({"func": 5}, "func cannot be int"),
        ({"args": "text"}, "args cannot be str"),
        ({"kwargs": {1: 2}}, "the names of kwargs must be text"),
        ({"next_run_time": 5}, "next_run_time must be a datetime with a time zone, or None, got int"),
        ({"next_run_time": timedelta(1)}, "next_run_time must be a datetime with a time zone, or None, got timedelta"),
        ({"misfire_grace_time": ENDLESS}, "misfire_grace_time must be a whole number of seconds above 0, or None"),
        ({"coalesce": "never"}, "coalesce must be one of"),
        ({"max_instances": ENDLESS}, "max_instances must be a whole number above 0"),
        ({"executor": 5}, "executor must be text that is not empty"),
        ({"version": 2}, "the state of the job must be of APScheduler 3, version 1"),
    ],
)
def test_a_state_with_values_of_another_kind_is_refused(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    bad = stored(tmp_path, {"bad": pickle.dumps(state(**changes))})["bad"]
    assert bad.job is None
    assert problem in bad.problem


@pytest.mark.parametrize(("content", "kind"), [(10**15, "int"), ("text", "str"), (1.5, "float")])
def test_a_row_without_bytes_is_refused(tmp_path: Path, content: object, kind: str) -> None:
    bad = stored(tmp_path, {"bad": content})["bad"]
    assert bad.problem == f"TypeError: the state of the job must be bytes, got {kind}"


def test_a_message_is_cut(tmp_path: Path) -> None:
    bad = stored(tmp_path, {"bad": pickle.dumps(state(func="builtins:" + "x" * 10_000))})["bad"]
    assert bad.problem.endswith("characters)")
    assert len(bad.problem) < 1100


def exported(*jobs: Any) -> list[FoundJob]:
    return list(jobs_in_file(io.StringIO(json.dumps({"version": 1, "jobs": jobs}))))


def pickled(value: object) -> dict[str, str]:
    return {"__apscheduler_pickle__": base64.b64encode(pickle.dumps(value)).decode()}


def test_a_job_of_a_file_is_refused_by_itself() -> None:
    class_of = "apscheduler.triggers.interval:IntervalTrigger"
    trigger = {
        "__apscheduler_class__": class_of,
        "__apscheduler_state__": {"interval": pickled(timedelta(1)), "timezone": pickled(UTC)},
    }
    good = {**state(), "id": "good", "trigger": trigger, "next_run_time": pickled(datetime(2030, 1, 1, tzinfo=UTC))}
    evil = {**good, "id": "evil", "args": [{"__apscheduler_pickle__": base64.b64encode(b"cos\nsystem\n.").decode()}]}
    found = exported(evil, 5, {"id": 7}, good)
    assert [(one.id, one.job is None) for one in found] == [
        ("evil", True),
        ("jobs[1]", True),
        ("jobs[2]", True),
        ("good", False),
    ]
    assert "the pickle names os:system, which is not admitted" in found[0].problem


def test_the_pickles_of_a_job_in_a_file_have_one_limit() -> None:
    value: Any = []
    for _ in range(17):
        value = [value, value]  # 2 MiB, if shared parts are counted at each use
    (found,) = exported({**state(trigger=None, next_run_time=None), "args": [pickled(value)] * 3})
    assert "if shared parts are counted at each use" in found.problem
