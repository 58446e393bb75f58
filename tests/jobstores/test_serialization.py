"""Jobs and records as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from apscheduler.schedulers.background import BackgroundScheduler as ApschedulerScheduler
from hypothesis import given
from hypothesis import strategies as st

from jobstores import jobs
from jobstores.jobs import BERLIN, NOON, Reports, job, record
from jobstores.values import Client, Level
from kalends.engine.core.state import State
from kalends.job import Job
from kalends.jobstores.base import TransientJobError
from kalends.jobstores.serialization import job_from_json, job_to_json, record_from_json, record_to_json
from kalends.library.exporting import read_jobs
from kalends.triggers.combining import OrTrigger
from kalends.triggers.cron import CronTrigger
from kalends.triggers.date import DateTrigger


def test_an_export_of_apscheduler_is_refused_without_unpickling(tmp_path: Path) -> None:
    theirs = ApschedulerScheduler(timezone="UTC")
    theirs.start(paused=True)
    theirs.add_job("jobstores.jobs:report", "cron", hour=3)
    theirs.export_jobs(str(tmp_path / "jobs.json"))
    theirs.shutdown()
    with pytest.raises(ValueError, match="APScheduler's export_jobs wrote the job, with pickles"):
        read_jobs(str(tmp_path / "jobs.json"))


INSTANTS = st.integers(-(1 << 60), 1 << 60)


def through_json(given: Job) -> Job:
    return job_from_json(json.loads(json.dumps(job_to_json(given))))


@pytest.mark.parametrize(
    "options",
    [
        {"args": (1, (2, b"3"), NOON), "kwargs": {"client": Client("a", [Level.HIGH])}},
        {"misfire_grace_time": None, "coalesce": "earliest", "max_instances": 7},
        {"retry": {"limit": 3, "backoff": 10}, "time_limit": 0.25, "max_runs": 4, "concurrency": "replace"},
        {"at": None},
        {"at": datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)},
        {"at": datetime(2026, 10, 25, 2, 30, 0, 7, tzinfo=UTC)},
        {"name": "Täglich"},
    ],
)
def test_a_job_survives(options: dict[str, Any]) -> None:
    given = job("a", **options)
    found = through_json(given)
    states = [one.__getstate__() for one in (given, found)]
    triggers = [state.pop("trigger") for state in states]
    assert states[0] == states[1]
    assert str(triggers[0]) == str(triggers[1])
    if given.next_run_time is not None:
        assert found.next_run_time is not None
        assert found.next_run_time.fold == given.next_run_time.fold


@pytest.mark.parametrize(
    "trigger",
    [
        DateTrigger(NOON),
        CronTrigger(hour="8-18", day_of_week="mon-fri", timezone=BERLIN),
        OrTrigger([CronTrigger(hour=3, timezone=BERLIN), DateTrigger(NOON)]),
    ],
)
def test_its_trigger_survives(trigger: Any) -> None:
    found = through_json(job("a", trigger=trigger))
    assert str(found.trigger) == str(trigger)
    now = NOON - timedelta(days=3)
    assert found.trigger.get_next_fire_time(None, now) == trigger.get_next_fire_time(None, now)


@pytest.mark.parametrize(
    ("func", "reference"),
    [
        (jobs.report, "jobstores.jobs:report"),
        ("jobstores.jobs:report", "jobstores.jobs:report"),
        (Reports.daily, "jobstores.jobs:Reports.daily"),
        (Reports.weekly, "jobstores.jobs:Reports.weekly"),
    ],
)
def test_its_callable_is_named(func: Any, reference: str) -> None:
    written = job_to_json(job("a", func=func))
    assert written["func"] == reference
    assert callable(job_from_json(written).func)


def test_the_method_of_an_instance_is_the_function_with_the_instance() -> None:
    found = through_json(job("a", func=Client("b").report))
    assert (found.func, found.args) == (Client.report, (Client("b"),))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"func": lambda: None}, "no reference leads to its callable"),
        ({"func": Reports().monthly}, r"args\[0\] must be .*, got jobstores\.jobs\.Reports"),
        ({"args": (1, {"a": object()})}, r"args\[1\]\['a'\] must be"),
        ({"kwargs": {"client": [0, 1, 2, object()]}}, r"kwargs\['client'\]\[3\] must be"),
    ],
)
def test_what_has_no_json_form_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TransientJobError, match=f"Job \\(a\\) cannot be added to this job store: .*{message}"):
        job_to_json(job("a", **options))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 3}, "has version 3, and this version of Kalends reads 2 at most"),
        ({"version": None}, "must have a version"),
        ({"func": "jobstores.jobs:gone"}, "cannot resolve"),
        ({"trigger": {"type": "lunar", "version": 1}}, "lunar"),
        ({"args": 5}, "cannot be read"),
    ],
)
def test_what_is_no_job_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, LookupError), match=message):
        job_from_json(job_to_json(job("a")) | change)


@given(INSTANTS, st.none() | INSTANTS, st.integers(0, 10**6), st.text())
def test_a_record_survives(armed: int, cursor: int | None, missed: int, summary: str) -> None:
    given = State(armed=armed, cursor=cursor, history=record(missed=missed).history, summary=summary)
    assert record_from_json(record_to_json(given)) == given


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[]", "must be a JSON object"),
        (
            b'{"version":2,"record":{"armed":1}}',
            "the record has version 2, and this version of Kalends reads 1 at most",
        ),
        (b'{"version":1,"record":{}}', "the record cannot be read: armed"),
        (b'{"version":1,"record":{"armed":1,"history":[{"outcome":"Odd"}]}}', "the record cannot be read: history"),
        (b'{"version":0,"record":{"armed":1}}', "must have a version"),
    ],
)
def test_what_is_no_record_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        record_from_json(text)


def test_a_message_with_lone_surrogates_does_not_stop_a_record() -> None:
    given = State(armed=1, summary="bad \udcff name", operator="größe")
    assert record_from_json(record_to_json(given)) == State(armed=1, summary="bad ? name", operator="größe")


def test_a_record_leaves_defaults_out() -> None:
    assert orjson.loads(record_to_json(State(armed=5))) == {"version": 1, "record": {"armed": 5}}
