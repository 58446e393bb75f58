"""Instants at the edge: RFC 3339 outside, whole seconds since 1970-01-01T00:00:00Z inside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

FIRST_INSTANT = -62_135_596_800
"""The first second of the year 1."""
LAST_INSTANT = 253_402_300_799
"""The last second of the year 9999."""


def parse_instant(text: str) -> int:
    """Return the instant that RFC 3339 names; a fraction of a second is dropped.

    Raises:
        ValueError: It is not RFC 3339, or has no offset from UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"must be RFC 3339, as in '2027-01-01T00:00:00Z', got '{text}'")
    instant = int(moment.timestamp() // 1)
    if instant > LAST_INSTANT:
        raise ValueError(f"must not lie after the year 9999 in UTC, got '{text}'")
    return instant


def format_instant(instant: int, second: int = 1) -> str:
    """Return the instant as Kubernetes writes its times: ``2027-01-01T00:00:00Z``.

    If a ``second`` has more units than one, a fraction is written to the microsecond where there is one.

    An instant outside the years 1 to 9999 is written as the nearest one within: RFC 3339 has no other.
    """
    # strftime's %Y does not pad the years before 1000 on every platform.
    whole, rest = divmod(instant, second)
    whole = min(max(whole, FIRST_INSTANT), LAST_INSTANT)
    text = datetime.fromtimestamp(whole, UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    return f"{text}.{rest * 1_000_000 // second:06d}Z" if rest else f"{text}Z"


def _read(value: Any) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str):
        return parse_instant(value)
    raise ValueError(f"must be RFC 3339, as in '2027-01-01T00:00:00Z', got {value!r}")


Instant: TypeAlias = Annotated[
    int,
    PlainValidator(_read),
    PlainSerializer(format_instant, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40}),
]
"""Seconds since the epoch in Python, RFC 3339 in JSON."""


def micro_time(instant: float) -> str:
    """Return an instant as a ``MicroTime``: exactly six digits of fraction, which the API server insists on."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
