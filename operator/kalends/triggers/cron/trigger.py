"""``CronTrigger``: fires when the clocks of a zone match all of its fields."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, Self

from typing_extensions import override

from kalends.errors import InvalidTrigger
from kalends.triggers.cron.compiled import cron_trigger
from kalends.triggers.cron.expressions import FIELD_NAMES, CronField, compile_fields, read_fields, without_defaults
from kalends.triggers.programs.datetimes import SECOND, microseconds_of, shown
from kalends.triggers.programs.rule_trigger import RuleTrigger, SecondsPart, bounds_of, checked_jitter, chosen_timezone
from kalends.triggers.programs.timezones import zone_of
from kalends.triggers.protocol import Rule, Trigger
from kalends.triggers.rules.combined import AnyOf
from kalends.triggers.rules.wall_clock import WallRule
from kalends.triggers.text.words import quoted
from kalends.triggers.zones.zone import Zone

_CRONTAB = ("minute", "hour", "day", "month", "day_of_week")


class CronTrigger(RuleTrigger):
    """Fires at every second of wall time that matches all fields.

    An expression is ``*``, ``*/a``, a value, ``a-b``, ``a-b/c``, ``a/c``, or a list of these with commas. Months and
    weekdays have names: ``jan``, ``mon-fri``. ``day`` also reads ``last``, ``2nd fri`` and ``last sun``. A field that
    is not given is ``*`` if it is coarser than the finest given field; else it is its lowest value, or ``*`` for
    ``week`` and ``day_of_week``.

    In the job of a scheduler, H stands for a value that follows from the ID of the job, so that jobs are spread: ``H``,
    ``H/15``, ``H(0-29)``, ``H(0-29)/10``, in all fields but ``year`` and ``week``.

    Where the clocks change, a trigger whose ``hour`` and ``minute`` do not begin with ``*`` fires once for each time of
    day: a time that is left out becomes the first instant after the gap, and of a time that is shown twice only the
    first counts. Other triggers follow the clock.

    Args:
        year: From 1970 to 9999.
        month: 1 to 12, or jan to dec.
        day: Day of the month, 1 to 31.
        week: ISO week, 1 to 53.
        day_of_week: 0 (Monday) to 6, or mon to sun.
        hour: 0 to 23.
        minute: 0 to 59.
        second: 0 to 59.
        start_date: The first possible fire time, inclusive.
        end_date: The last possible fire time, inclusive.
        timezone: Whose clocks count; unset: the zone of ``start_date``, else of ``end_date``, else the local time zone.
        jitter: Each run is delayed by up to so many seconds.

    Attributes:
        fields: All eight fields, in the order of ``FIELD_NAMES``, each with ``name``, ``is_default`` and its expression
            as ``str``.

    Raises:
        InvalidTrigger: An expression or a moment cannot be read. It is a ``ValueError``.
    """

    __slots__ = ("end_date", "fields", "follows_clock", "identity", "start_date")

    FIELD_NAMES: ClassVar[tuple[str, ...]] = FIELD_NAMES
    ATTRIBUTES = ("fields", "start_date", "end_date", "timezone", "jitter", "follows_clock", "identity")
    ADDED = MappingProxyType({"follows_clock": False, "identity": None})

    fields: tuple[CronField, ...]
    start_date: datetime | None
    end_date: datetime | None
    follows_clock: bool
    """Whether also fixed times follow the clock. The option ``daylight_saving`` of a job sets it."""
    identity: str | None
    """From which H follows. The ID of a job sets it."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parameters are those of APScheduler
        self,
        year: int | str | None = None,
        month: int | str | None = None,
        day: int | str | None = None,
        week: int | str | None = None,
        day_of_week: int | str | None = None,
        hour: int | str | None = None,
        minute: int | str | None = None,
        second: int | str | None = None,
        start_date: datetime | str | None = None,
        end_date: datetime | str | None = None,
        timezone: object = None,
        jitter: float | None = None,
    ) -> None:
        values = (year, month, day, week, day_of_week, hour, minute, second)
        self.timezone = chosen_timezone(timezone, start_date, end_date)
        self.start_date, self.end_date = bounds_of(start_date, end_date, self.timezone)
        self.fields = read_fields(dict(zip(FIELD_NAMES, values, strict=True)))
        self.jitter = checked_jitter(jitter)
        self.follows_clock, self.identity = False, None

    @classmethod
    def from_crontab(cls, expr: str, timezone: object = None) -> Self:
        """Return the trigger of five fields: minute, hour, day of month, month, day of week.

        As in APScheduler, a day must match both day fields, and 0 is Monday, unlike in cron. Names avoid the question.

        Args:
            expr: Such as ``0 9 * * mon-fri``.
            timezone: Whose clocks count; unset: the local time zone.

        Raises:
            InvalidTrigger: The expression cannot be read. It is a ``ValueError``.
        """
        values = expr.split()
        if len(values) != len(_CRONTAB):
            raise InvalidTrigger(
                f"the expression must have {len(_CRONTAB)} fields ({', '.join(_CRONTAB)}), "
                f"got {len(values)}: {quoted(expr)}"
            )
        minute, hour, day, month, day_of_week = values
        return cls(minute=minute, hour=hour, day=day, month=month, day_of_week=day_of_week, timezone=timezone)

    @property
    def needs_identity(self) -> bool:
        """Whether a field has H, so that there are no fire times without the ID of a job."""
        return any(field.needs_identity for field in self.fields)

    def clock(self, zone: Zone) -> WallRule:
        """Return all seconds at which the clocks of a zone match the fields that were given, as ``exclude`` reads them.

        Raises:
            InvalidTrigger: There are none, or a field has H.
        """
        found = cron_trigger(compile_fields(without_defaults(self.fields)), zone, literal=True)
        if found is None:
            raise InvalidTrigger(f"a CronTrigger of exclude must name a day that some year has, got {self!r}")
        return found

    @override
    def seconds_part(self) -> SecondsPart:
        zone = zone_of(self.timezone)
        compiled = compile_fields(self.fields, self.identity)
        rule: Rule | None = cron_trigger(compiled, zone, literal=self.follows_clock)
        if rule is None:
            rule = AnyOf((), zone)
        start = None if self.start_date is None else -(-microseconds_of(self.start_date) // SECOND)
        end = None if self.end_date is None else microseconds_of(self.end_date) // SECOND
        return SecondsPart(rule, start, end)

    @override
    def read_fire_times(self) -> Trigger:
        return self.seconds_part().in_microseconds()

    @override
    def _last_moment(self) -> datetime | None:
        return self.end_date

    def _options(self) -> list[str]:
        return [f"{field.name}='{field}'" for field in self.fields if not field.is_default]

    def __str__(self) -> str:
        return f"cron[{', '.join(self._options())}]"

    def __repr__(self) -> str:
        options = self._options()
        if self.start_date is not None:
            options.append(f"start_date='{shown(self.start_date)}'")
        if self.end_date is not None:
            options.append(f"end_date='{shown(self.end_date)}'")
        if self.jitter:
            options.append(f"jitter={self.jitter}")
        return f"<{type(self).__name__} ({', '.join(options)}, timezone='{self.timezone}')>"
