"""The targets of a spec to those of the engine, and back: an entry for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kalends.engine.core.schedule import KUEUE_LABELS, JobTemplate, TaskCall
from kalends.engine.core.target import Target
from kalends.errors import InvalidSpec
from kalends.model.v1alpha1 import target as wire
from kalends.model.v1alpha1.base import Wire
from kalends.model.v1alpha1.spec import ScheduledJobSpec
from kalends.model.v1alpha1.target_kinds import TARGET_KINDS


def read_target(spec: ScheduledJobSpec, labels: Mapping[str, str]) -> Target:
    """Return what a spec runs.

    Raises:
        InvalidSpec: It has no target, or two. The schema refuses that.
    """
    given = [member for kind in TARGET_KINDS if (member := getattr(spec, kind.attribute)) is not None]
    if len(given) != 1:
        raise InvalidSpec(f"exactly one of {', '.join(f'`{kind.field}`' for kind in TARGET_KINDS)} must be set")
    return _READERS[type(given[0])](given[0], labels)


def write_target(target: Target) -> dict[str, Any]:
    """Return a target as the one member of a spec that is set, by the names of Python.

    Raises:
        InvalidSpec: No spec can contain a target of this kind.
    """
    write = _WRITERS.get(type(target))
    if write is None:
        raise InvalidSpec(f"must be a target that a spec can contain to be written, got {type(target).__name__}")
    return write(target)


def _read_task(task: wire.Task, _labels: Mapping[str, str]) -> Target:
    return TaskCall(task.name, tuple(task.args), dict(task.kwargs))


def _read_template(template: wire.JobTemplate, labels: Mapping[str, str]) -> Target:
    for_kueue = {name: value for name, value in labels.items() if name.startswith(KUEUE_LABELS)}
    metadata = template.metadata
    return JobTemplate({**for_kueue, **metadata.labels}, metadata.annotations, template.spec)


def _write_task(task: TaskCall) -> dict[str, Any]:
    return {"task": {"name": task.name, "args": task.args, "kwargs": task.kwargs}}


def _write_template(template: JobTemplate) -> dict[str, Any]:
    metadata = {"labels": dict(template.labels), "annotations": dict(template.annotations)}
    return {"job_template": {"metadata": metadata, "spec": template.spec}}


_READERS: Mapping[type[Wire], Callable[[Any, Mapping[str, str]], Target]] = {
    wire.Task: _read_task,
    wire.JobTemplate: _read_template,
}
_WRITERS: Mapping[type[Target], Callable[[Any], dict[str, Any]]] = {
    TaskCall: _write_task,
    JobTemplate: _write_template,
}
