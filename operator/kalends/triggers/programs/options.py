"""Options of a job that concern its fire times: ``exclude``, ``daylight_saving``, and the ID from which H follows."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TypeVar

from kalends.triggers.base import BaseTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import BaseCombiningTrigger
from kalends.triggers.cron.trigger import CronTrigger
from kalends.triggers.programs.exclusions import Exclusions
from kalends.triggers.programs.rule_trigger import is_rule

_T = TypeVar("_T", bound=BaseTrigger)


@dataclass(frozen=True, slots=True)
class FireTimeOptions:
    """What a job says of its fire times beside its trigger.

    Args:
        identity: The ID of the job, from which H in a cron expression follows; None: H is refused.
        exclude: Moments that are no fire times.
        literal: ``daylight_saving="literal"``: all triggers follow the clock, also those of a fixed time of day.
    """

    identity: str | None = None
    exclude: Exclusions = ()
    literal: bool = False

    @property
    def description(self) -> str:
        """What changes the fire times, as text; ``""`` if nothing does."""
        parts = ["literal"] if self.literal else []
        if self.exclude:
            parts.append(f"without {', '.join(map(repr, self.exclude))}")
        return " ".join(parts)

    def applied_to(self, trigger: _T) -> _T:
        """Return the trigger as the job reads it, without ``exclude``; a trigger of a program is returned as it is."""
        if not is_rule(trigger) or not (self.literal or needs_identity(trigger)):
            return trigger
        if isinstance(trigger, BaseCombiningTrigger):
            found = copy(trigger)
            found.triggers = [self.applied_to(member) for member in trigger.triggers]
            return found
        if not isinstance(trigger, CronTrigger | CalendarIntervalTrigger):
            return trigger
        changed = copy(trigger)
        changed.follows_clock = self.literal
        if isinstance(changed, CronTrigger):
            changed.identity = self.identity
        return changed


NO_OPTIONS = FireTimeOptions()


def needs_identity(trigger: BaseTrigger) -> bool:
    """Return whether a trigger has H in a cron expression, whose value follows from the ID of the job."""
    if isinstance(trigger, BaseCombiningTrigger):
        return any(map(needs_identity, trigger.triggers))
    return isinstance(trigger, CronTrigger) and trigger.needs_identity
