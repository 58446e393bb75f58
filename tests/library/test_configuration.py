"""The configuration of a scheduler: flat keys, prefixes, plug-ins."""

from __future__ import annotations

from typing import Any

import pytest

from kalends.executors.base import BaseExecutor
from kalends.executors.pool import ThreadPoolExecutor
from kalends.library.components import EXECUTOR_PLUGINS
from kalends.library.configuration import as_int, nested, without_prefix
from kalends.schedulers.background import BackgroundScheduler


def test_dotted_keys_become_groups() -> None:
    flat = {"executors.default.type": "threadpool", "executors.default.max_workers": "20", "timezone": "UTC"}
    assert nested(flat) == {
        "executors": {"default": {"type": "threadpool", "max_workers": "20"}},
        "timezone": "UTC",
    }


def test_a_key_that_is_a_value_and_a_group_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'a\.b' is configured as a value and as a group"):
        nested({"a": 1, "a.b": 2})


def test_both_prefixes_are_read_and_that_of_kalends_counts() -> None:
    config = {"apscheduler.timezone": "UTC", "kalends.timezone": "Asia/Tokyo", "apscheduler.a": 1, "other.b": 2}
    assert without_prefix(config, None) == {"timezone": "Asia/Tokyo", "a": 1}
    assert without_prefix(config, "other.") == {"b": 2}


@pytest.mark.parametrize(("value", "number"), [("30", 30), (None, None), ("None", None), (5, 5)])
def test_numbers_may_be_text(value: Any, number: int | None) -> None:
    assert as_int(value) == number


def test_a_scheduler_is_configured_by_a_flat_dictionary() -> None:
    scheduler = BackgroundScheduler(
        {
            "apscheduler.executors.default": {"class": "kalends.executors.pool:ThreadPoolExecutor", "max_workers": "3"},
            "apscheduler.executors.slow": {"type": "threadpool", "max_workers": "1"},
            "apscheduler.jobstores.default.type": "memory",
            "apscheduler.job_defaults.coalesce": "false",
            "apscheduler.job_defaults.max_instances": "3",
            "apscheduler.timezone": "Asia/Tokyo",
        }
    )
    job = scheduler.add_job(len, args=["abc"])
    assert str(scheduler.timezone) == "Asia/Tokyo"
    assert (job.coalesce, job.max_instances, job.misfire_grace_time) == (False, 3, 1)
    assert job.next_run_time is not None
    assert str(job.next_run_time.tzinfo) == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ({"type": "no-such"}, LookupError, "there is no executor 'no-such'; there are: asyncio, debug"),
        ({"max_workers": 3}, ValueError, "needs 'type', an alias, or 'class'"),
        (7, TypeError, "must be a BaseExecutor or a dictionary"),
    ],
)
def test_what_is_no_executor_is_refused(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        BackgroundScheduler(executors={"default": value})


def test_an_instance_is_taken_as_it_is() -> None:
    pool = ThreadPoolExecutor(1)
    assert EXECUTOR_PLUGINS.configured("default", pool) is pool
    assert isinstance(EXECUTOR_PLUGINS.configured("default", {"type": "debug"}), BaseExecutor)
