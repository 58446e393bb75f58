"""The targets of a spec to those of the engine, and back: a conversion for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kalends.engine.core.schedule import KUEUE_LABELS, JobTemplate, TaskCall
from kalends.engine.core.target import Target
from kalends.errors import InvalidSpec
from kalends.model.v1alpha1 import target as wire
from kalends.model.v1alpha1.spec import ScheduledJobSpec
from kalends.model.v1alpha1.target_fields import target_fields


@dataclass(frozen=True, slots=True)
class TargetConversion:
    """One kind of target: its class in a spec, its class in the engine, and the way between them."""

    wire: type[wire.WireTarget]
    target: type[Target]
    read: Callable[[Any, Mapping[str, str]], Target]
    """From the member of a spec, and the labels of its resource."""
    write: Callable[[Any], dict[str, Any]]
    """To the member of a spec, by the names of Python."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The kinds of targets that a class of specs can contain."""

    spec: type[ScheduledJobSpec]
    conversions: Sequence[TargetConversion]

    def read(self, spec: ScheduledJobSpec, labels: Mapping[str, str]) -> Target:
        """Return what a spec runs.

        Raises:
            InvalidSpec: It has no target, or two. The schema refuses that.
        """
        fields = target_fields(self.spec)
        given = [member for field in fields if (member := getattr(spec, field.attribute)) is not None]
        if len(given) != 1:
            raise InvalidSpec(f"exactly one of {', '.join(f'`{field.name}`' for field in fields)} must be set")
        [conversion] = [one for one in self.conversions if one.wire is type(given[0])]
        return conversion.read(given[0], labels)

    def write(self, target: Target) -> dict[str, Any]:
        """Return a target as the one member of a spec that is set, by the names of Python.

        Raises:
            InvalidSpec: No spec can contain a target of this kind.
        """
        for conversion in self.conversions:
            if conversion.target is type(target):
                [field] = [field for field in target_fields(self.spec) if field.kind is conversion.wire]
                return {field.attribute: conversion.write(target)}
        raise InvalidSpec(f"must be a target that a spec can contain to be written, got {type(target).__name__}")


def _read_task(task: wire.Task, _labels: Mapping[str, str]) -> Target:
    return TaskCall(task.name, tuple(task.args), dict(task.kwargs))


def _write_task(task: TaskCall) -> dict[str, Any]:
    return {"name": task.name, "args": task.args, "kwargs": task.kwargs}


def _read_template(template: wire.JobTemplate, labels: Mapping[str, str]) -> Target:
    for_kueue = {name: value for name, value in labels.items() if name.startswith(KUEUE_LABELS)}
    metadata = template.metadata
    return JobTemplate({**for_kueue, **metadata.labels}, metadata.annotations, template.spec)


def _write_template(template: JobTemplate) -> dict[str, Any]:
    metadata = {"labels": dict(template.labels), "annotations": dict(template.annotations)}
    return {"metadata": metadata, "spec": template.spec}


TARGETS = Targets(
    ScheduledJobSpec,
    (
        TargetConversion(wire.Task, TaskCall, _read_task, _write_task),
        TargetConversion(wire.JobTemplate, JobTemplate, _read_template, _write_template),
    ),
)
