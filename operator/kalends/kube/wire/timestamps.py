"""How the API server writes instants."""

from __future__ import annotations

from datetime import UTC, datetime


def micro_time(instant: float) -> str:
    """Return an instant as a ``MicroTime``: exactly six digits of fraction, which the API server insists on."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
