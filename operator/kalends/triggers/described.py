"""``DescribedTrigger``: the fire times of a description, such as the schedule of a ScheduledJob."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from typing_extensions import override

from kalends.errors import InvalidTrigger
from kalends.model.values import DaylightSaving
from kalends.triggers.build import rule_of, setting_of
from kalends.triggers.explaining.summary import summary
from kalends.triggers.programs.rule_trigger import RuleTrigger, SecondsPart
from kalends.triggers.programs.timezones import timezone_from
from kalends.triggers.protocol import Instant, Trigger
from kalends.triggers.when import (
    CalendarIntervalSpec,
    CronSpec,
    DateSpec,
    ExclusionSpec,
    IntervalSpec,
    MemberSpec,
    TriggerSpec,
    When,
)

_STATE_VERSION = 1


class DescribedTrigger(RuleTrigger):
    """Fires when a description says. Job stores return it for schedules that no trigger of a program has made.

    Args:
        when: The description.
        created: Seconds since 1970 from which intervals count that have no start.
        identity: ``namespace/name``, from which ``H`` in cron expressions makes its values.
        jitter: Seconds by which each run is delayed at most.

    Raises:
        InvalidSchedule: The description cannot be carried out.
    """

    __slots__ = ("created", "identity", "when")

    when: When
    created: Instant
    identity: str

    def __init__(self, when: When, *, created: Instant, identity: str, jitter: float | None = None) -> None:
        self.when, self.created, self.identity = when, created, identity
        self.timezone = timezone_from(when.time_zone or "UTC")
        self.jitter = jitter
        self.fire_times()

    @override
    def seconds_part(self) -> SecondsPart:
        setting = setting_of(self.when, created=self.created, zone="UTC", identity=self.identity)
        return SecondsPart(rule_of(self.when, setting))

    @override
    def read_fire_times(self) -> Trigger:
        return self.seconds_part().in_microseconds()

    @override
    def __getstate__(self) -> dict[str, Any]:
        return {
            "version": _STATE_VERSION,
            "when": _plain(asdict(self.when)),
            "created": self.created,
            "identity": self.identity,
            "jitter": self.jitter,
        }

    @override
    def __setstate__(self, state: dict[str, Any]) -> None:
        if state.get("version") != _STATE_VERSION:
            raise InvalidTrigger(f"the state must be of version {_STATE_VERSION}, got {state.get('version')!r}")
        DescribedTrigger.__init__(
            self,
            when_from(state["when"]),
            created=state["created"],
            identity=state["identity"],
            jitter=state["jitter"],
        )

    def __str__(self) -> str:
        return f"schedule[{summary(self.when)}]"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} ({summary(self.when)}, timezone='{self.timezone}')>"


def when_from(state: Mapping[str, Any]) -> When:
    """Return the description that ``dataclasses.asdict`` wrote; members that are None may be left out."""
    members = dict(state)
    trigger = members.pop("trigger", None)
    exclude = tuple(
        ExclusionSpec(**{**one, "cron": CronSpec(**one["cron"]) if one.get("cron") else None})
        for one in members.pop("exclude", ())
    )
    return When(
        **{**members, "daylight_saving": DaylightSaving(members.get("daylight_saving", DaylightSaving.ADJUST))},
        trigger=None if trigger is None else TriggerSpec(**_trigger_members(trigger)),
        exclude=exclude,
    )


_KINDS = {"cron": CronSpec, "interval": IntervalSpec, "calendar_interval": CalendarIntervalSpec, "date": DateSpec}


def _trigger_members(state: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in state.items():
        if value is None:
            continue
        if name in _KINDS:
            found[name] = _KINDS[name](**_tuples(value))
        elif name in {"any_of", "all_of"}:
            found[name] = tuple(MemberSpec(**_trigger_members(member)) for member in value)
        else:
            found[name] = value
    return found


def _tuples(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in members.items()}


def _plain(value: Any) -> Any:
    """Return JSON values, without members that are None."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, DaylightSaving) else value
