"""The claims about executors: how a run is called, and how its end is reported.

Fixture: ``executor``, an instance of the class under test that has not been started. The callables of these jobs are
functions of this module, so that executors with other processes can import them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kalends.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MISSED, JobExecutionEvent
from kalends.executors.base import BaseExecutor
from kalends.schedulers.background import BackgroundScheduler

PATIENCE = 120.0
"""Seconds within which a run must end."""


def add(one: int, other: int = 0) -> int:
    """Returns a sum."""
    return one + other


def fail(text: str) -> None:
    """Raises an exception."""
    raise ArithmeticError(text)


async def answer(value: str) -> str:
    """Returns its argument, as a coroutine function."""
    return value


class Program:
    """A program with a scheduler, which hears of the ends of runs."""

    def __init__(self, executor: BaseExecutor) -> None:
        self.scheduler = BackgroundScheduler(executors={"default": executor}, timezone=UTC)
        self.ended: list[JobExecutionEvent] = []
        self._changed = threading.Condition()
        self.scheduler.add_listener(self._hear, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR | EVENT_JOB_MISSED)

    def _hear(self, event: JobExecutionEvent) -> None:
        with self._changed:
            self.ended.append(event)
            self._changed.notify_all()

    def wait_for(self, number: int) -> list[JobExecutionEvent]:
        """Wait until so many runs have ended, and return their events."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.ended) >= number, PATIENCE), self.ended
        return self.ended

    def run(self, func: Callable[..., Any], *args: Any, **options: Any) -> JobExecutionEvent:
        """Run a job once, and return the event of its end."""
        before = len(self.ended)
        self.scheduler.add_job(func, args=args, **{"misfire_grace_time": None, **options})
        return self.wait_for(before + 1)[before]


@pytest.fixture
def program(executor: BaseExecutor) -> Iterator[Program]:
    """Return a program whose scheduler runs with the executor."""
    found = Program(executor)
    found.scheduler.start()
    yield found
    if found.scheduler.running:
        found.scheduler.shutdown()


def test_the_value_of_a_call_is_that_of_its_event(program: Program) -> None:
    event = program.run(add, 1, kwargs={"other": 2}, id="sum")
    assert (event.code, event.job_id, event.jobstore, event.retval) == (EVENT_JOB_EXECUTED, "sum", "default", 3)


def test_the_fire_time_is_that_of_the_job(program: Program) -> None:
    at = datetime.now(UTC) - timedelta(microseconds=12_345)
    assert program.run(add, 1, trigger="date", run_date=at).scheduled_run_time == at


def test_an_exception_is_reported_with_its_traceback(program: Program) -> None:
    event = program.run(fail, "no sum")
    assert event.code == EVENT_JOB_ERROR
    assert isinstance(event.exception, ArithmeticError)
    assert str(event.exception) == "no sum"
    assert "raise ArithmeticError(text)" in str(event.traceback)


def test_a_coroutine_function_is_run_to_its_end(program: Program) -> None:
    assert program.run(answer, "done").retval == "done"


def test_a_fire_time_that_is_too_late_is_missed(program: Program) -> None:
    event = program.run(add, 1, trigger="date", run_date=datetime.now(UTC) - timedelta(hours=1), misfire_grace_time=60)
    assert event.code == EVENT_JOB_MISSED


def test_every_job_of_many_is_run_once(program: Program) -> None:
    for number in range(10):
        program.scheduler.add_job(add, args=(number,), misfire_grace_time=None)
    assert sorted(event.retval for event in program.wait_for(10)) == list(range(10))


def test_a_run_that_was_given_before_the_shutdown_ends(program: Program) -> None:
    program.scheduler.add_job(add, args=(5,), misfire_grace_time=None)
    program.run(add, 7)
    program.scheduler.shutdown(wait=True)
    assert {event.retval for event in program.ended} >= {7}


def test_a_scheduler_that_starts_again_runs_jobs(program: Program) -> None:
    program.run(add, 1)
    program.scheduler.shutdown()
    program.scheduler.start()
    assert program.run(add, 2).retval == 2
