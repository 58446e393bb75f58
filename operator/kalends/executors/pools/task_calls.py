"""From a run to the call of a registered task: what thread and process workers share."""

from __future__ import annotations

from kalends.engine.core.schedule import TaskCall
from kalends.engine.ports import Run
from kalends.errors import InvalidSpec, StartRefused
from kalends.model.reasons import Reason
from kalends.tasks import CurrentRun, Registry, Task


def task_and_call(registry: Registry, run: Run) -> tuple[Task, TaskCall]:
    """Return the task that a run is to call, and with what.

    Raises:
        StartRefused: It is not there, or the run is none of a task.
    """
    if not isinstance(run.target, TaskCall):
        raise StartRefused(Reason.INVALID_SPEC, "a pool runs tasks; a `jobTemplate` needs Kubernetes")
    try:
        return registry.find(run.target.name), run.target
    except InvalidSpec as error:
        raise StartRefused(Reason.UNKNOWN_TASK, error.message) from error


def current_of(run: Run) -> CurrentRun:
    """Return what the task is told about its run."""
    return CurrentRun(
        run.name, run.ref.namespace, run.ref.name, run.fire_time, run.attempt, run.last_successful, run.request
    )
