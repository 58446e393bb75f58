"""What a ``Job`` is, and what it refuses: fields, names, references, states."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from kalends.job import Job
from kalends.schedulers.background import BackgroundScheduler
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger

AT = datetime(2030, 1, 1, tzinfo=UTC)


def function(one: Any = None, *, two: Any = None) -> Any:
    return one, two


class Tool:
    def method(self) -> None: ...

    @classmethod
    def of_class(cls) -> None: ...

    @staticmethod
    def of_none() -> None: ...


@pytest.fixture
def scheduler() -> BackgroundScheduler:
    return BackgroundScheduler(timezone="UTC")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (function, "function"),
        (partial(function, 1), "function"),
        (Tool().method, "Tool.method"),
        (Tool.of_class, "Tool.of_class"),
        (Tool.of_none, "Tool.of_none"),
        (Tool, "Tool"),
    ],
)
def test_a_job_without_a_name_is_called_as_its_callable(
    scheduler: BackgroundScheduler, given: Callable[..., Any], name: str
) -> None:
    assert scheduler.add_job(given).name == name


def test_a_job_without_an_id_gets_one(scheduler: BackgroundScheduler) -> None:
    first, second = scheduler.add_job(function), scheduler.add_job(function)
    assert first.id != second.id
    assert first != second
    assert len({first, second}) == 2


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"id": 1}, TypeError),
        ({"func": 1}, TypeError),
        ({"func": "no colon"}, ValueError),
        ({"func": "kalends.job:nothing"}, LookupError),
        ({"args": 1}, TypeError),
        ({"args": "text"}, TypeError),
        ({"kwargs": 1}, TypeError),
        ({"args": (1, 2)}, ValueError),
        ({"kwargs": {"three": 3}}, ValueError),
        ({"name": ""}, TypeError),
        ({"name": 1}, TypeError),
        ({"misfire_grace_time": 0}, TypeError),
        ({"misfire_grace_time": "1"}, TypeError),
        ({"max_instances": 0}, TypeError),
        ({"max_instances": "1"}, TypeError),
        ({"trigger": 1}, TypeError),
        ({"trigger": "nothing"}, LookupError),
        ({"executor": 1}, TypeError),
        ({"next_run_time": 1}, TypeError),
        ({"concurrency": "nothing"}, ValueError),
        ({"coalesce": "nothing"}, ValueError),
    ],
    ids=str,
)
def test_a_wrong_argument_is_refused(
    scheduler: BackgroundScheduler, wrong: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        scheduler.add_job(**{"func": function, **wrong})
    assert scheduler.get_jobs() == []


def test_the_id_of_a_job_cannot_be_changed(scheduler: BackgroundScheduler) -> None:
    job = scheduler.add_job(function, id="it")
    with pytest.raises(ValueError, match="the ID of a job cannot be changed"):
        job.modify(id="other")
    assert job.id == "it"


def test_a_change_with_an_error_changes_nothing(scheduler: BackgroundScheduler) -> None:
    job = scheduler.add_job(function, name="before")
    with pytest.raises(TypeError):
        job.modify(name="after", max_instances=0)
    with pytest.raises(AttributeError, match="nothing"):
        job.modify(name="after", nothing=1)
    assert job.name == "before"


def test_a_job_can_be_changed_by_its_methods_before_the_start(scheduler: BackgroundScheduler) -> None:
    job = scheduler.add_job(function, "interval", hours=1)
    assert job.modify(name="other") is job
    assert job.name == "other"
    job.pause()
    assert job.next_run_time is None
    job.resume()
    assert job.next_run_time is not None
    job.reschedule("date", run_date=AT)
    assert job.next_run_time == AT
    job.remove()
    assert scheduler.get_jobs() == []


def test_a_job_that_no_reference_leads_to_cannot_be_pickled(scheduler: BackgroundScheduler) -> None:
    job = scheduler.add_job(lambda: None)
    with pytest.raises(ValueError, match="no reference leads to"):
        pickle.dumps(job)


@pytest.mark.parametrize("given", [Tool.of_class, Tool.of_none, Tool().method, function])
def test_a_pickled_job_is_equal(scheduler: BackgroundScheduler, given: Callable[..., Any]) -> None:
    job = scheduler.add_job(given, "interval", seconds=30, id="it", max_instances=3)
    copy = pickle.loads(pickle.dumps(job))  # noqa: S301 - of this test
    assert isinstance(copy, Job)
    assert (copy.id, copy.name, copy.max_instances) == ("it", job.name, 3)
    assert (copy.next_run_time, str(copy.trigger)) == (job.next_run_time, str(job.trigger))


def test_a_job_says_what_it_is(scheduler: BackgroundScheduler) -> None:
    job = scheduler.add_job(function, DateTrigger(AT), id="it")
    assert repr(job) == "<Job (id=it name=function)>"
    assert str(job).startswith("function (trigger: date[2030-01-01 00:00:00")
    assert str(job).endswith("next run at: 2030-01-01 00:00:00 UTC)")
    job.pause()
    assert str(job).endswith("paused)")


def test_the_fire_times_until_now_are_those_of_the_trigger(scheduler: BackgroundScheduler) -> None:
    job = scheduler.add_job(function, IntervalTrigger(minutes=1), next_run_time=AT)
    run_times = job._get_run_times  # noqa: SLF001 - custom job stores call it
    assert run_times(AT - timedelta(seconds=1)) == []
    assert run_times(AT + timedelta(minutes=2)) == [AT + timedelta(minutes=number) for number in range(3)]


def test_a_job_with_a_next_run_time_of_none_is_paused(scheduler: BackgroundScheduler) -> None:
    assert scheduler.add_job(function, "interval", hours=1, next_run_time=None).next_run_time is None
