"""The kinds of targets of a spec: each is a field, of which exactly one is set.

A further kind needs its class in ``target.py``, its field in ``spec.py``, an entry here, a subclass of the engine's
``Target``, and an entry in ``conversion/targets.py``. Rules of the CRD and printer columns follow from this list.
"""

from __future__ import annotations

from dataclasses import dataclass

from kalends.model.rules import Rule, exactly_one_of, only_with
from kalends.model.v1alpha1.base import Wire
from kalends.model.v1alpha1.target import JobTemplate, Task


@dataclass(frozen=True, slots=True)
class TargetKind:
    """One kind of target, as a spec has it."""

    field: str
    """The JSON name of its field."""
    attribute: str
    """The name of the field in Python."""
    wire: type[Wire]
    own_fields: tuple[tuple[str, str], ...]
    """JSON names of the fields that mean something for this kind alone, each with what to use instead, or ``""``."""
    column: tuple[str, str, str]
    """Of the column of ``kubectl get -o wide``: its name, the path below the field, and a description."""


TARGET_KINDS: tuple[TargetKind, ...] = (
    TargetKind(
        field="task",
        attribute="task",
        wire=Task,
        own_fields=(
            ("executor", ""),
            ("activeDeadlineSeconds", "a Job has `jobTemplate.spec.activeDeadlineSeconds`"),
        ),
        column=("Task", "name", "Task; empty: the runs are Jobs"),
    ),
    TargetKind(
        field="jobTemplate",
        attribute="job_template",
        wire=JobTemplate,
        own_fields=(("pendingTimeoutSeconds", ""), ("admissionTimeoutSeconds", "")),
        column=("Image", "spec.template.spec.containers[0].image", "Image of the first container of the Job"),
    ),
)


def exactly_one_target() -> Rule:
    """Return the rule that a spec has one target."""
    return exactly_one_of(*(kind.field for kind in TARGET_KINDS))


def fields_of_one_target() -> tuple[Rule, ...]:
    """Return the rules of the fields that mean something for one kind alone."""
    return tuple(only_with(name, kind.field, instead) for kind in TARGET_KINDS for name, instead in kind.own_fields)
