"""Instants as the API writes them, read and written without the product's help."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def rfc3339(instant: float) -> str:
    return datetime.fromtimestamp(int(instant), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant_of(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def fire_time_of(job: dict[str, Any]) -> int:
    """Return the fire time that a Job says it is for."""
    return instant_of(job["metadata"]["annotations"]["kalends.dev/scheduled-time"])


def is_ours(job: dict[str, Any]) -> bool:
    """Return whether a Job was made from one of our specs, and is not somebody else's of the same name."""
    return "simulation/life" in (job["metadata"].get("annotations") or {})
