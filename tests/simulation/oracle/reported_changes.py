"""A change of a status in a few words."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
MARKS = ("decidedUntilTime", "armedTime", "nextRunTime", "observedGeneration")


def reported_change(before: Json, after: Json) -> str:
    """Return what has changed, as far as it matters to a reader."""
    old, new = before.get("counts", {}), after.get("counts", {})
    grown = [f"{name}{new[name] - old.get(name, 0):+d}" for name in new if new[name] != old.get(name, 0)]
    words = [", ".join(grown)] if grown else []
    words += [
        f"{field} [{' '.join(_run(run) for run in after.get(field, ()))}]"
        for field in ("active", "queued")
        if before.get(field) != after.get(field)
    ]
    seen = {run["name"]: run["outcome"] for run in before.get("history", ())}
    words += [
        f"{run['name']} {run['outcome']}{_because(run)}"
        for run in after.get("history", ())
        if seen.get(run["name"]) != run["outcome"]
    ]
    words += [f"{field} {after.get(field)}" for field in MARKS if before.get(field) != after.get(field)]
    if before.get("lastMisfire") != after.get("lastMisfire") and "lastMisfire" in after:
        words.append(f"misfire: {after['lastMisfire'].get('message')}")
    ready = [_ready(before), _ready(after)]
    if ready[0] != ready[1]:
        words.append(f"Ready {ready[1]}")
    return "; ".join(words) or "nothing that matters"


def _run(run: Json) -> str:
    notes = [f"attempt {run['attempt']}"] if run.get("attempt", 1) > 1 else []
    notes += [f"retry at {run['retryTime'][11:19]}"] if run.get("retryTime") else []
    notes += [f"cancelling: {run['cancelling']}"] if run.get("cancelling") else []
    return str(run["name"]) + (f" ({', '.join(notes)})" if notes else "")


def _because(run: Json) -> str:
    return f" ({run['reason']})" if run.get("reason") else ""


def _ready(status: Json) -> str:
    for one in status.get("conditions", ()):
        if one["type"] == "Ready":
            return f"{one['status']} {one['reason']}" + (f": {one['message']}" if one["status"] != "True" else "")
    return "unknown"
