"""Cron: two grammars, one meaning. ``schedule`` has five fields, ``trigger.cron`` and ``CronTrigger`` have eight."""

from __future__ import annotations

from kalends.triggers.cron.trigger import CronTrigger

__all__ = ["CronTrigger"]
