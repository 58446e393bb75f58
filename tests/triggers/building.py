"""Triggers built as the product builds them: from a spec."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from kalends.conversion.v1alpha1 import when_of
from kalends.model import ScheduledJobSpec
from kalends.triggers import Trigger, When, build_trigger
from narrowing import known

CREATED = 1_704_067_200
"""2024-01-01T00:00:00Z"""


def described(spec: dict[str, Any]) -> When:
    """Return when the spec of a manifest is due."""
    return when_of(ScheduledJobSpec.model_validate({"task": {"name": "test"}, **spec}))


def build(zone: str = "UTC", *, created: int = CREATED, identity: str = "default/test", **spec: Any) -> Trigger:
    return build_trigger(described(spec), created=created, zone=zone, identity=identity)


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    """Return the instant of a wall time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp())


def shown(instant: int | None, zone: str = "UTC") -> str:
    """Return an instant as people of the zone write it, with the offset."""
    if instant is None:
        return "never"
    return datetime.fromtimestamp(instant, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S%z")


def coming(trigger: Trigger, after: int, count: int, zone: str = "UTC") -> list[str]:
    """Return the next fire times, as people of the zone write them."""
    found = []
    for _ in range(count):
        following = known(trigger.next_after(after))
        found.append(shown(following, zone))
        if following is None:
            break
        after = following
    return found
