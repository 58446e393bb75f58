"""Whether what a schedule says means something else in another time zone."""

from __future__ import annotations

from collections.abc import Iterable

from kalends.triggers.cron.five_fields import Every, parse_schedule
from kalends.triggers.text.instants import has_offset
from kalends.triggers.when import MemberSpec, TriggerSpec, When


def reads_wall_time(when: When) -> bool:
    """Return whether any of its instants depends on a zone: cron, calendar intervals, and moments without an offset.

    Raises:
        InvalidSchedule: ``spec.schedule`` cannot be read.
    """
    moments = [when.start_time, when.end_time]
    for exclusion in when.exclude:
        if exclusion.cron is not None:
            return True
        moments += [exclusion.from_, exclusion.to]
    if not _have_offsets(moments):
        return True
    if when.schedule is not None:
        return not isinstance(parse_schedule(when.schedule), Every)
    return when.trigger is not None and _reads_wall_time(when.trigger)


def _reads_wall_time(trigger: TriggerSpec) -> bool:
    if trigger.cron is not None or trigger.calendar_interval is not None:
        return True
    if trigger.date is not None:
        return not has_offset(trigger.date.at)
    return any(_member_reads_wall_time(member) for member in trigger.any_of or trigger.all_of or ())


def _member_reads_wall_time(member: MemberSpec) -> bool:
    if member.time_zone is not None:  # which is then part of what it says
        return False
    return not _have_offsets([member.start_time, member.end_time]) or _reads_wall_time(member)


def _have_offsets(moments: Iterable[str | None]) -> bool:
    return all(moment is None or has_offset(moment) for moment in moments)
