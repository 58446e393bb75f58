"""What the real API server checks of the resources that Kalends writes: a message if it would refuse, else None."""

import re
from typing import Any

Object = dict[str, Any]

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
IMMUTABLE_IN_EVENTS = ("reason", "action", "regarding", "note", "type", "eventTime", "reportingController")


def refusal(plural: str, old: Object | None, new: Object) -> str | None:
    """Return why the server would refuse that ``new`` takes the place of ``old`` (None: is created)."""
    name = new["metadata"].get("name", "")
    if not NAME.fullmatch(name) or len(name) > 253:
        return f"metadata.name: Invalid value: {name!r}"
    if plural == "jobs" and len(name) > 63:
        return "metadata.name: must be no more than 63 characters"
    if plural == "leases":
        return _lease_refusal(new)
    if plural == "events":
        return _event_refusal(old, new)
    return None


def _lease_refusal(new: Object) -> str | None:
    spec = new.get("spec", {})
    if spec.get("leaseDurationSeconds", 1) <= 0:
        return "spec.leaseDurationSeconds: must be greater than 0"
    if spec.get("leaseTransitions", 0) < 0:
        return "spec.leaseTransitions: must be greater than or equal to 0"
    for field in ("acquireTime", "renewTime"):
        if spec.get(field) is not None and not MICRO_TIME.fullmatch(spec[field]):
            return f"spec.{field}: cannot parse {spec[field]!r}"
    return None


def _event_refusal(old: Object | None, new: Object) -> str | None:
    series = new.get("series")
    namespace = new.get("regarding", {}).get("namespace") or "default"
    words = ("reportingController", "reportingInstance", "action", "reason")
    checks = [
        (MICRO_TIME.fullmatch(new.get("eventTime") or ""), "eventTime: Required value"),
        (all(0 < len(new.get(word) or "") <= 128 for word in words), f"{words}: must have 1 to 128 characters"),
        (len(new.get("note", "").encode()) <= 1024, "note: can have at most 1024 characters"),
        (new.get("type") in {"Normal", "Warning"}, "type: Unsupported value"),
        (new["metadata"].get("namespace") == namespace, "regarding.namespace: does not match event.namespace"),
        (series is None or series["count"] >= 2, "series.count: should be at least 2"),
        (series is None or MICRO_TIME.fullmatch(series["lastObservedTime"]), "series.lastObservedTime: Required value"),
        (old is None or all(old.get(word) == new.get(word) for word in IMMUTABLE_IN_EVENTS), "field is immutable"),
    ]
    return next((message for holds, message in checks if not holds), None)
