"""What ``kubectl get scheduledjobs`` prints, and what ``-o wide`` adds.

A future time is a string column: of a date, kubectl prints the age, and a negative one as ``<invalid>``.
"""

from __future__ import annotations

from typing import Any

from kalends.model.v1alpha1.base import Wire
from kalends.model.v1alpha1.spec import ScheduledJobSpec
from kalends.model.v1alpha1.target_fields import TargetField, target_fields

WIDE = 1
"""The priority of columns that only ``-o wide`` shows."""

READY = '.status.conditions[?(@.type=="Ready")]'
WAITING = ".status.active[?(@.waiting)].waiting"


def printer_columns(spec: type[Wire] = ScheduledJobSpec) -> list[dict[str, Any]]:
    """Return the columns from left to right, with one for each kind of target that a class of specs can contain."""
    return [
        _column("Schedule", ".status.scheduleSummary", "The schedule in short form"),
        _column("Suspend", ".spec.suspend", "Whether the schedule is suspended", kind="boolean"),
        _column("Active", ".status.counts.active", "Number of active runs", kind="integer"),
        _column("Last Run", ".status.lastRunTime", "Time since a run last started", kind="date"),
        _column("Outcome", ".status.lastOutcome", "Outcome of the last finished run"),
        _column("Missed", ".status.counts.missed", "Number of fire times that were too late to start", kind="integer"),
        _column("Next Run", ".status.nextRunTime", "When the next run starts"),
        _column("Reason", f"{READY}.reason", "Reason of the condition Ready"),
        _column("Age", ".metadata.creationTimestamp", "Time since the creation", kind="date"),
        _column("Zone", ".spec.timeZone", "Time zone; empty: that of the operator", priority=WIDE),
        *(_column_of_target(field) for field in target_fields(spec)),
        _column("Skipped", ".status.counts.skipped", "Number of skipped fire times", kind="integer", priority=WIDE),
        _column("Waiting", WAITING, "What the Job of an active run waits for", priority=WIDE),
        _column("Succeeded", ".status.counts.succeeded", "Number of successful runs", kind="integer", priority=WIDE),
        _column("Failed", ".status.counts.failed", "Number of failed runs", kind="integer", priority=WIDE),
        _column("Manager", ".spec.managedBy", "Who carries the schedule out; empty: the operator", priority=WIDE),
        _column("Message", f"{READY}.message", "Message of the condition Ready", priority=WIDE),
    ]


def _column_of_target(field: TargetField) -> dict[str, Any]:
    name, path, description = field.kind.column
    return _column(name, f".spec.{field.name}.{path}", description, priority=WIDE)


def _column(name: str, path: str, description: str, *, kind: str = "string", priority: int = 0) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return column | ({"priority": priority} if priority else {})
