"""WHEN: pure functions of an instant. Zones, cron, intervals, calendars, and what can be made of them."""

from __future__ import annotations

from kalends.triggers.build import build_trigger
from kalends.triggers.cache import TriggerCache
from kalends.triggers.explaining.explain import explain
from kalends.triggers.explaining.schedule_warnings import over_before, warnings_of
from kalends.triggers.explaining.summary import summary, summary_of_unread
from kalends.triggers.jitter import delay_of
from kalends.triggers.programs.scaled import Scaled
from kalends.triggers.protocol import Instant, NotFound, PartialTally, Tally, Trigger
from kalends.triggers.when import When
from kalends.triggers.zone_dependence import reads_wall_time
from kalends.triggers.zones.database import database, zone_info
from kalends.triggers.zones.zone import Zone, database_version, find_zone

__all__ = [
    "Instant",
    "NotFound",
    "PartialTally",
    "Scaled",
    "Tally",
    "Trigger",
    "TriggerCache",
    "When",
    "Zone",
    "build_trigger",
    "database",
    "database_version",
    "delay_of",
    "explain",
    "find_zone",
    "over_before",
    "reads_wall_time",
    "summary",
    "summary_of_unread",
    "warnings_of",
    "zone_info",
]
