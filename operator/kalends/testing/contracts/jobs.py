"""Jobs for the contract of job stores, and the callables that they name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from kalends.engine.core.state import Counts, FinishedRun, State
from kalends.job import Job
from kalends.jobstores.base import KeptJob, RecordWrite
from kalends.model.values import Outcome
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.programs.datetimes import microseconds_of

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2027, 3, 1, 12, tzinfo=BERLIN)
MICROSECOND = timedelta(microseconds=1)


def report(*args: Any, **kwargs: Any) -> None:
    """Is what jobs of these tests call."""


def renamed(*args: Any, **kwargs: Any) -> None:
    """Is a callable that a test takes away."""


def job(
    id_: str = "report",
    *,
    at: datetime | None = NOON,
    args: Sequence[Any] = (),
    func: Any = report,
    **options: Any,
) -> Job:
    """Return a job that has not been stored."""
    given: dict[str, Any] = {
        "func": func,
        "trigger": IntervalTrigger(minutes=5, start_date=NOON, timezone=BERLIN),
        "args": args,
        "kwargs": {},
        "executor": "default",
        "misfire_grace_time": 30,
        "coalesce": True,
        "max_instances": 1,
        "next_run_time": at,
    }
    return Job(None, id=id_, **{**given, **options})


def record(*, next_run: datetime | None = NOON, missed: int = 0) -> State:
    """Return a record with a history."""
    run = FinishedRun(
        "report-1", microseconds_of(NOON), None, microseconds_of(NOON) + 5, Outcome.MISSED, count=max(1, missed)
    )
    return State(
        armed=microseconds_of(NOON),
        cursor=microseconds_of(NOON),
        next_run=None if next_run is None else microseconds_of(next_run),
        history=(run,),
        counts=Counts(due=missed, missed=missed),
    )


def write_of(kept: KeptJob, after: State) -> RecordWrite:
    """Return the write that replaces what is kept."""
    return RecordWrite(kept.id, kept.uid, kept.version, after)
