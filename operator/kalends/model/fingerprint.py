"""A digest of the part of a spec that decides fire times: when it changes, the schedule starts anew."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kalends.model.spec import ScheduledJobSpec

DECIDES_FIRE_TIMES = frozenset(
    {"schedule", "trigger", "time_zone", "start_time", "end_time", "exclude", "daylight_saving"},
)
"""Not ``jitter_seconds``: it moves starts, never fire times."""


def schedule_hash(spec: ScheduledJobSpec) -> str:
    """Return 16 hexadecimal digits that stay the same across restarts, releases and spellings of a default."""
    # Only what differs from its default, so that a field which a later release adds changes no hash.
    part = spec.model_dump(by_alias=True, include=set(DECIDES_FIRE_TIMES), exclude_defaults=True)
    text = json.dumps(part, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
