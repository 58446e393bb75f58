"""What runs: a task in the operator's pod, or a Kubernetes Job."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from kalends.model.base import Name, Wire

LabelValue = Annotated[str, StringConstraints(max_length=63)]
AnnotationValue = Annotated[str, StringConstraints(max_length=65_536)]


class Task(Wire):  # type: ignore[no-redef]  # pydantic's plugin gives every __init__ a **kwargs of its own
    """A registered Python callable and what it is called with."""

    name: Name
    """name under which the task is registered with the operator, as in `reports.nightly`."""
    args: tuple[Any, ...] = Field(default=(), max_length=64)
    """args are the positional arguments, any JSON. Unset: none."""
    kwargs: dict[str, Any] = Field(default_factory=dict, max_length=64)
    """kwargs are the keyword arguments, any JSON by name. Of nulls, `kubectl apply` keeps only those that it sends with
    `--server-side`. Unset: none."""


class TemplateMeta(Wire):
    """What each Job is given besides what Kalends gives it."""

    labels: dict[str, LabelValue] = Field(default_factory=dict, max_length=64)
    """labels of each Job. Unset: only those that Kalends sets."""
    annotations: dict[str, AnnotationValue] = Field(default_factory=dict, max_length=64)
    """annotations of each Job. Unset: only those that Kalends sets."""
    name: Name | None = None
    """name is accepted because manifests of CronJobs have it, and ignored: a Job is named after its fire time."""
    generate_name: Name | None = None
    """generateName is accepted because manifests of CronJobs have it, and ignored: a Job is named after its fire
    time."""
    namespace: Name | None = None
    """namespace is accepted because manifests of CronJobs have it, and ignored: a Job lives beside its
    ScheduledJob."""
    creation_timestamp: Annotated[str, StringConstraints(max_length=40)] | None = None
    """creationTimestamp is accepted because manifests of CronJobs have it, and ignored."""


class JobTemplate(Wire):
    """A Kubernetes Job, as in CronJob."""

    metadata: TemplateMeta = TemplateMeta()
    """metadata of each Job: labels and annotations. Unset: only what Kalends sets."""
    spec: dict[str, Any] = Field(max_length=64)
    """spec of each Job, exactly as in `kubectl explain job.spec`. The operator has the API server check it; what
    that refuses is shown in the condition Ready."""
