"""The target of a schedule: a task in the operator's pod, or a Kubernetes Job.

A further kind is a subclass of ``WireTarget``, the type of a field in ``spec.py``, and a conversion in
``kalends.conversion.targets``. The rules of the spec and the columns of kubectl follow from the class.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from kalends.model.v1alpha1.base import INT64_MAX, Name, Wire

LabelValue = Annotated[str, StringConstraints(max_length=63)]
AnnotationValue = Annotated[str, StringConstraints(max_length=65_536)]


class WireTarget(Wire):
    """A kind of target. Each is the type of one field of a spec, and exactly one of these fields is set."""

    own_fields: ClassVar[tuple[tuple[str, str], ...]] = ()
    """JSON names of the fields of the spec that only this kind uses, each with what to use instead, or ``""``."""
    column: ClassVar[tuple[str, str, str]]
    """A column of ``kubectl get -o wide``: its name, the path below the field of the target, and a description."""


class Task(WireTarget):  # type: ignore[no-redef]  # pydantic's plugin adds **kwargs to every __init__
    """A registered Python callable and its arguments."""

    own_fields = (
        ("executor", ""),
        ("activeDeadlineSeconds", "a Job has `jobTemplate.spec.activeDeadlineSeconds`"),
    )
    column = ("Task", "name", "Task; empty: the runs are Jobs")

    name: Name
    """name of the task, as registered with the operator, as in `reports.nightly`."""
    args: tuple[Any, ...] = Field(default=(), max_length=64)
    """args are the positional arguments, any JSON. Unset: none."""
    kwargs: dict[str, Any] = Field(default_factory=dict, max_length=64)
    """kwargs are the keyword arguments by name, each any JSON. Client-side `kubectl apply` drops null values; use
    `--server-side`. Unset: none."""


Ignored = Annotated[str, StringConstraints(max_length=1024)]
IgnoredNumber = Annotated[int, Field(strict=True, ge=0, le=INT64_MAX)]
IgnoredObjects = Annotated[tuple[Annotated[dict[str, Any], Field(max_length=64)], ...], Field(max_length=256)]
"""Metadata that CronJob accepts in a template and ignores. Numbers have the range of the API server."""


class TemplateMeta(Wire):
    """Labels and annotations of each Job, in addition to those of Kalends.

    As CronJob does, it accepts all of ``metadata`` and copies only labels and annotations.
    """

    labels: dict[str, LabelValue] = Field(default_factory=dict, max_length=64)
    """labels of each Job. Unset: only those that Kalends sets."""
    annotations: dict[str, AnnotationValue] = Field(default_factory=dict, max_length=64)
    """annotations of each Job. Unset: only those that Kalends sets."""
    name: Name | None = None
    """name is accepted and ignored, as CronJob does: a Job is named after its fire time."""
    generate_name: Name | None = None
    """generateName is accepted and ignored, as CronJob does: a Job is named after its fire time."""
    namespace: Name | None = None
    """namespace is accepted and ignored, as CronJob does: a Job is created in the namespace of its ScheduledJob."""
    finalizers: Annotated[tuple[Ignored, ...], Field(max_length=256)] | None = None
    """finalizers are accepted and ignored, as CronJob does."""
    owner_references: IgnoredObjects | None = None
    """ownerReferences are accepted and ignored, as CronJob does: the ScheduledJob owns its Jobs."""
    creation_timestamp: Ignored | None = None
    """creationTimestamp is accepted and ignored, as CronJob does."""
    deletion_timestamp: Ignored | None = None
    """deletionTimestamp is accepted and ignored, as CronJob does."""
    deletion_grace_period_seconds: IgnoredNumber | None = None
    """deletionGracePeriodSeconds is accepted and ignored, as CronJob does."""
    generation: IgnoredNumber | None = None
    """generation is accepted and ignored, as CronJob does."""
    managed_fields: IgnoredObjects | None = None
    """managedFields are accepted and ignored, as CronJob does."""
    resource_version: Ignored | None = None
    """resourceVersion is accepted and ignored, as CronJob does."""
    self_link: Ignored | None = None
    """selfLink is accepted and ignored, as CronJob does."""
    uid: Ignored | None = None
    """uid is accepted and ignored, as CronJob does."""


class JobTemplate(WireTarget):
    """A Kubernetes Job, as in CronJob."""

    own_fields = (("pendingTimeoutSeconds", ""), ("admissionTimeoutSeconds", ""))
    column = ("Image", "spec.template.spec.containers[0].image", "Image of the first container of the Job")

    metadata: TemplateMeta = TemplateMeta()
    """metadata of each Job. Only labels and annotations are used. Unset: only those that Kalends sets."""
    spec: dict[str, Any] = Field(max_length=64)
    """spec of each Job, exactly as in `kubectl explain job.spec`. The operator has the API server check it by a dry
    run; the condition Ready shows errors."""
