"""What ``kubectl get scheduledjobs`` prints, and what ``-o wide`` adds.

A future time is a string column: of a date, kubectl prints the age, and a negative one as ``<invalid>``.
"""

from __future__ import annotations

from typing import Any

WIDE = 1
"""The priority of columns that only ``-o wide`` shows."""

READY = '.status.conditions[?(@.type=="Ready")]'
WAITING = ".status.active[?(@.waiting)].waiting"
IMAGE = ".spec.jobTemplate.spec.template.spec.containers[0].image"


def printer_columns() -> list[dict[str, Any]]:
    """Return the columns from left to right."""
    return [
        _column("Schedule", ".status.scheduleSummary", "When runs are due"),
        _column("Suspend", ".spec.suspend", "Whether fire times are stopped from being due", kind="boolean"),
        _column("Active", ".status.counts.active", "Runs that go on now", kind="integer"),
        _column("Last Run", ".status.lastRunTime", "How long ago a run last started", kind="date"),
        _column("Outcome", ".status.lastOutcome", "How the run that ended last did end"),
        _column("Missed", ".status.counts.missed", "Fire times that were too late to start", kind="integer"),
        _column("Next Run", ".status.nextRunTime", "When the next run starts"),
        _column("Reason", f"{READY}.reason", "Why it is ready, or is not"),
        _column("Age", ".metadata.creationTimestamp", "How long ago the resource was created", kind="date"),
        _column("Zone", ".spec.timeZone", "Whose clocks are followed; empty: the operator's", priority=WIDE),
        _column("Task", ".spec.task.name", "The task that runs; empty: a Job does", priority=WIDE),
        _column("Image", IMAGE, "What the Job's first container runs", priority=WIDE),
        _column("Skipped", ".status.counts.skipped", "Fire times that found no room", kind="integer", priority=WIDE),
        _column("Waiting", WAITING, "What the Job of an active run waits for before it runs", priority=WIDE),
        _column("Succeeded", ".status.counts.succeeded", "Runs that went well", kind="integer", priority=WIDE),
        _column("Failed", ".status.counts.failed", "Runs that failed", kind="integer", priority=WIDE),
        _column("Message", f"{READY}.message", "The same in a sentence", priority=WIDE),
    ]


def _column(name: str, path: str, description: str, *, kind: str = "string", priority: int = 0) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return column | ({"priority": priority} if priority else {})
