"""From a trigger of a program to the trigger that the engine decides on: instants in microseconds, without jitter."""

from __future__ import annotations

from collections import OrderedDict
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from threading import Lock
from typing import Any

import orjson

from kalends.errors import SearchUnfinished
from kalends.triggers.base import BaseTrigger
from kalends.triggers.combining import BaseCombiningTrigger, asked_timezone
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.microseconds.custom import Chain
from kalends.triggers.microseconds.exact import StartingAt
from kalends.triggers.microseconds.listed import ListedTrigger
from kalends.triggers.microseconds.without import Without
from kalends.triggers.programs.datetimes import LAST_MICROSECOND, SECOND, datetime_of, microseconds_of
from kalends.triggers.programs.exclusions import excluded
from kalends.triggers.programs.options import NO_OPTIONS, FireTimeOptions, needs_identity
from kalends.triggers.programs.rule_trigger import RuleTrigger, is_rule
from kalends.triggers.programs.stored import state_of
from kalends.triggers.protocol import Instant, NotFound, PartialTally, Tally, Trigger, may_search

_MOST_LISTED = 1_000
_MOST_EXCLUDED = 4_000
"""Excluded stretches to pass before the search for a first fire time ends."""
_LISTED: OrderedDict[tuple[str, str], tuple[BaseTrigger, ListedTrigger]] = OrderedDict()
"""Triggers and their lists, by what decides the fire times: compiling a job again does not begin its list again."""
_MOST_COMPILED = 1_000
_COMPILED: OrderedDict[tuple[str, str, bool, str | None], CompiledTrigger] = OrderedDict()
"""Combinations as they were compiled last, by what decides their fire times."""
_LOCK = Lock()


@dataclass(frozen=True, slots=True)
class CompiledTrigger:
    """The fire times of a trigger of a program, in microseconds since 1970.

    Two are equal, and have the same ``repr``, if they were made from equal triggers.
    """

    description: str
    """What decides the fire times, as text."""
    times: Trigger = field(compare=False, repr=False)
    summary: str = field(default="", compare=False, repr=False)
    """The trigger in few words, such as ``interval[0:00:05]``."""

    @property
    def may_search(self) -> bool:
        """Whether a question may take as long as a search."""
        return may_search(self.times)

    def next_after(self, instant: Instant) -> Instant | NotFound | None:
        """Return the earliest fire time strictly later than ``instant``; None if it is certain that there is none."""
        return self.times.next_after(instant)

    def tally(self, after: Instant, until: Instant) -> Tally | PartialTally:
        """Count the fire times with ``after`` < fire time <= ``until``."""
        return self.times.tally(after, until)

    def several_after(self, instant: Instant, number: int) -> tuple[Instant, ...] | NotFound:
        """Return the first ``number`` fire times strictly later than ``instant``; fewer if there are no more."""
        return self.times.several_after(instant, number)

    def fires_at(self, instant: Instant) -> bool:
        """Return whether ``instant`` is a fire time."""
        return self.times.fires_at(instant)


def compile_trigger(
    trigger: BaseTrigger,
    *,
    first: Instant | None = None,
    timezone: tzinfo | None = None,
    options: FireTimeOptions = NO_OPTIONS,
) -> CompiledTrigger:
    """Return the trigger of the engine. Later changes of ``trigger`` do not concern it.

    Args:
        trigger: One of Kalends' own, or of a class of the program, which is asked for one fire time after another: a
            look lists a bounded number of them, and the next look continues.
        first: The first fire time, in microseconds since 1970, if that is not for the trigger to say. Later fire times
            are those that ``get_next_fire_time(first, …)`` gives: an interval counts from ``first``.
        timezone: The zone of the datetimes that a trigger of another class is asked with; unset: its attribute
            ``timezone``, else the local time zone.
        options: What the job of the trigger says of its fire times. ``first`` is a fire time also if it is excluded.

    Raises:
        TypeError: It is no trigger.
        ValueError: Its attributes cannot be carried out together.
    """
    if not isinstance(trigger, BaseTrigger):
        raise TypeError(
            f"trigger must be an instance of kalends.triggers.base.BaseTrigger, got {type(trigger).__module__}."
            f"{type(trigger).__qualname__}"
        )
    found = _remembered(trigger, first, timezone, options)
    if not options.description:
        return found
    times = found.times
    if options.exclude:
        times = Without(times, excluded(options.exclude))
        times = times if first is None else StartingAt(first, times)
    return CompiledTrigger(f"{found.description} {options.description}", times, found.summary)


def _remembered(
    trigger: BaseTrigger, first: Instant | None, timezone: tzinfo | None, options: FireTimeOptions
) -> CompiledTrigger:
    """Return what an equal trigger was compiled to before: what its searches have found is not searched again."""
    applied = options.applied_to(trigger)
    if not _consists_of_rules(trigger):
        return _compiled(applied, first, timezone)
    identity = options.identity if needs_identity(trigger) else None
    key = (_description(trigger, first), str(trigger), options.literal, identity)
    with _LOCK:
        known = _COMPILED.pop(key, None)
    if known is None:
        known = _compiled(applied, first, timezone)
    if key[0].startswith("{"):  # others may look equal and not be
        with _LOCK:
            _COMPILED[key] = known
            if len(_COMPILED) > _MOST_COMPILED:
                _COMPILED.popitem(last=False)
    return known


def _consists_of_rules(trigger: BaseTrigger) -> bool:
    """Return whether a combination has no trigger of a program as a member; others are cheap to compile."""
    if not isinstance(trigger, BaseCombiningTrigger):
        return False
    return all(is_rule(member) and (_consists_of_rules(member) or _is_leaf(member)) for member in trigger.triggers)


def _is_leaf(trigger: BaseTrigger) -> bool:
    return not isinstance(trigger, BaseCombiningTrigger)


def _compiled(trigger: BaseTrigger, first: Instant | None, timezone: tzinfo | None) -> CompiledTrigger:
    if not isinstance(trigger, RuleTrigger) or not is_rule(trigger):
        return _listed(trigger, timezone or asked_timezone(trigger), first)
    times = trigger.read_fire_times() if first is None else StartingAt(first, trigger.fire_times_from(first))
    return CompiledTrigger(_description(trigger, first), times, str(trigger))


def exact_next_fire_time(
    trigger: BaseTrigger,
    previous_fire_time: datetime | None,
    now: datetime,
    options: FireTimeOptions = NO_OPTIONS,
) -> datetime | None:
    """Return what ``get_next_fire_time`` returns, without the jitter that the engine is to apply (``jitter_of``).

    A first fire time must be exact: fire times count from it, and jitter would be added to it again.

    Raises:
        SearchUnfinished: ``exclude`` leaves no fire time for years.
    """
    exact = options.applied_to(trigger)
    if jitter_of(trigger):
        exact = copy(exact)
        setattr(exact, "jitter", None)  # noqa: B010 - what has a jitter has this attribute
    found = exact.get_next_fire_time(previous_fire_time, now)
    taken = excluded(options.exclude)
    for _ in range(_MOST_EXCLUDED):
        end = None if found is None else taken.end_of(microseconds_of(found))
        if found is None or end is None:
            return found
        if end >= LAST_MICROSECOND:
            return None
        # As the first fire time after what is excluded: an interval stays in its grid, whatever the current time is.
        following = exact.get_next_fire_time(None, datetime_of(end + 1, found.tzinfo or UTC))
        if following is None or microseconds_of(following) <= end:  # a date is always the same
            return None
        found = following
    raise SearchUnfinished(microseconds_of(found or now) // SECOND)


def jitter_of(trigger: BaseTrigger) -> float:
    """Return by how many seconds the engine is to delay runs at most: 0 where the trigger applies its jitter itself."""
    return trigger.jitter or 0 if isinstance(trigger, RuleTrigger) and is_rule(trigger) else 0


def _listed(trigger: BaseTrigger, timezone: tzinfo, first: Instant | None) -> CompiledTrigger:
    """Return the compiled trigger of a class of the program; an equal trigger shares what was listed before."""
    description = _description(trigger, first)
    key = (description, str(timezone))
    with _LOCK:
        asked, known = _LISTED.pop(key, (trigger, None))
        # The trigger that the list asks may have been changed since.
        if known is None or _description(asked, first) != description:
            asked, known = trigger, ListedTrigger(Chain(trigger, timezone, first))
        if description.startswith("{"):  # others may look equal and not be
            _LISTED[key] = asked, known
        if len(_LISTED) > _MOST_LISTED:
            _LISTED.popitem(last=False)
    return CompiledTrigger(description, known, str(trigger))


def _description(trigger: BaseTrigger, first: Instant | None) -> str:
    try:
        state: dict[str, Any] = state_of(trigger)
    except TypeError:
        return f"{_text(trigger)} from {first}"
    if is_rule(trigger):
        # Jitter is no part of the fire times, and neither is what ``first`` overrides.
        left_out = {"jitter", "start_is_default", "run_date_is_default"}
        if first is not None and isinstance(trigger, (IntervalTrigger, DateTrigger)):
            left_out |= {"start_date", "run_date"}
        own = state.get("inherited", state)
        for name in left_out:
            own.pop(name, None)
    return orjson.dumps({**state, "first": first}, option=orjson.OPT_SORT_KEYS).decode()


def _text(trigger: BaseTrigger) -> str:
    """Return what is known of a trigger that cannot be stored."""
    kind = type(trigger)
    name = f"{kind.__module__}:{kind.__qualname__}"
    if kind.__repr__ is not object.__repr__:
        return f"{name} {trigger!r}"
    return f"{name} {sorted(getattr(trigger, '__dict__', {}).items())!r}"
