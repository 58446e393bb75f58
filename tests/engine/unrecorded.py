"""Jobs that no record lists, and decisions about them."""

from __future__ import annotations

from typing import Any

from doubles import JOB, every, resource, schedule_of
from engine.world import facts
from kalends.engine.core.facts import Decision
from kalends.engine.core.run_names import run_name
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import State
from kalends.engine.decisions.decide import decide
from kalends.engine.ports import JobView

IGNORED = "JobsIgnored"


def of_jobs(**spec: Any) -> Schedule:
    return schedule_of(resource(trigger=every(60), jobTemplate=JOB, **spec))


def job(fire_time: int, created: int, **more: Any) -> JobView:
    name = run_name("nightly", fire_time, more.get("attempt", 1), more.get("request", ""))
    return JobView(name, fire_time, created, **more)


def decided_on(schedule: Schedule, state: State | None, now: int, *jobs: Any, **more: Any) -> Decision:
    return decide(schedule, state, facts(now, durable=True, jobs=jobs, **more))
