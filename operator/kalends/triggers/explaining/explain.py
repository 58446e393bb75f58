"""What a schedule means, in one sentence of plain English, for people to check against what they meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kalends.triggers.build import Setting, period_of, setting_of, setting_within, written
from kalends.triggers.cron.compiled import CompiledCron, compile_eight_fields, compile_five_fields
from kalends.triggers.cron.eight_fields import parse_eight_fields
from kalends.triggers.cron.english import describe, describe_instants
from kalends.triggers.cron.fields import MONDAY_FIRST
from kalends.triggers.cron.five_fields import Every, parse_schedule
from kalends.triggers.protocol import Instant
from kalends.triggers.text.instants import read_moment
from kalends.triggers.text.words import counted, duration, every, listed, period_words, weekday_words
from kalends.triggers.when import CalendarIntervalSpec, ExclusionSpec, MemberSpec, TriggerSpec, When
from kalends.triggers.zones.database import zone_info
from kalends.triggers.zones.zone import DAY, utc_text

_TWO_YEARS = 731 * DAY


def explain(when: When, *, created: Instant, zone: str, identity: str, jitter: int = 0) -> str:
    """Return what a schedule means; arguments and errors are those of ``build_trigger``, ``jitter`` is in seconds."""
    explanation = _Explanation(setting_of(when, created=created, zone=zone, identity=identity))
    main = explanation.base(when)
    if explanation.on_the_wall:
        main += f", {explanation.setting.zone.name}"
    return "; ".join([main, *explanation.clock_changes(), *explanation.limits(when, jitter)])


@dataclass(slots=True)
class _Explanation:
    """A sentence in the making, and what has come up in it that needs another word."""

    setting: Setting
    on_the_wall: bool = False
    changes: set[str] = field(default_factory=set)

    def base(self, when: When) -> str:
        if when.schedule is not None:
            read = parse_schedule(when.schedule)
            if isinstance(read, Every):
                return self._elapsed(read.seconds)
            return self._cron(compile_five_fields(read, self.setting.identity))
        if when.trigger is not None:
            return self._structured(when.trigger, "spec.trigger")
        return "once, as soon as the resource is seen"

    def clock_changes(self) -> Iterator[str]:
        """Say what happens when the clocks change."""
        if self.changes:
            yield ", ".join(sorted(self.changes, reverse=True))

    def limits(self, when: When, jitter: int) -> Iterator[str]:
        """Say what takes fire times away, or puts runs off."""
        if when.exclude:
            yield f"except {listed([self._exclusion(one, place) for place, one in enumerate(when.exclude)])}"
        yield from self._bounds(self.setting.start, self.setting.end)
        if jitter:
            yield f"each run up to {duration(jitter)} later"

    def _bounds(self, start: Instant | None, end: Instant | None) -> Iterator[str]:
        if start is not None:
            yield f"from {self._moment(start)} on"
        if end is not None:
            yield f"until {self._moment(end)}"

    def _structured(self, trigger: TriggerSpec, path: str) -> str:
        if trigger.cron is not None:
            return self._cron(compile_eight_fields(parse_eight_fields(written(trigger.cron), f"{path}.cron")))
        if trigger.interval is not None:
            return self._elapsed(period_of(trigger.interval, f"{path}.interval"))
        if trigger.calendar_interval is not None:
            return self._calendar(trigger.calendar_interval)
        if trigger.date is not None:
            return f"once, at {self._moment(read_moment(trigger.date.at, self.setting.zone, f'{path}.date.at'))}"
        word, members = ("anyOf", trigger.any_of) if trigger.any_of is not None else ("allOf", trigger.all_of)
        phrases = [self._member(member, f"{path}.{word}[{place}]") for place, member in enumerate(members or ())]
        return listed(phrases, "or") if word == "anyOf" else f"whenever these agree: {listed(phrases)}"

    def _member(self, member: MemberSpec, path: str) -> str:
        """Return a member in brackets, with its own zone and bounds."""
        within = _Explanation(setting_within(member, self.setting, path), changes=self.changes)
        parts = [within._structured(member, path)]
        if within.on_the_wall and member.time_zone is not None:
            parts.append(within.setting.zone.name)
        self.on_the_wall |= within.on_the_wall and member.time_zone is None
        start = None if member.start_time is None else within.setting.start
        return f"({', '.join([*parts, *within._bounds(start, within.setting.end)])})"

    def _cron(self, cron: CompiledCron) -> str:
        several = (cron.hours.bit_count(), cron.minutes.bit_count(), cron.seconds.bit_count()) != (1, 1, 1)
        self._wall(once=not cron.follows_clock, several=several)
        return describe(cron)

    def _calendar(self, interval: CalendarIntervalSpec) -> str:
        self._wall(once=True, several=False)
        units = ((interval.years, "year"), (interval.months, "month"), (interval.weeks, "week"), (interval.days, "day"))
        given = [(number, unit) for number, unit in units if number]
        period = every(*given[0]) if len(given) == 1 else f"every {listed([counted(*one) for one in given])}"
        first = self.setting.created if self.setting.start is None else self.setting.start
        day = datetime.fromtimestamp(first, zone_info(self.setting.zone.name)).date()
        clock = f"{interval.hour:02}:{interval.minute:02}" + (f":{interval.second:02}" if interval.second else "")
        if interval.days_of_week is not None:
            monday = day - timedelta(day.weekday())
            days = weekday_words([MONDAY_FIRST.index(name) for name in interval.days_of_week])
            return f"at {clock} {period} {days}, counted from the week of {monday}, from {day} on"
        missing = ", passing over months without that day" if interval.months + interval.years and day.day > 28 else ""  # noqa: PLR2004  every month has 28 days
        return f"at {clock} {period}, counted from {day}{missing}"

    def _wall(self, *, once: bool, several: bool) -> None:
        """Take note of a rule on the wall clock, and of what changes of the clocks in the next two years do to it."""
        self.on_the_wall = True
        spans = self.setting.zone.spans(self.setting.created, self.setting.created + _TWO_YEARS)
        if len({span.offset for span in spans}) == 1:
            return
        if once and not self.setting.literal:
            self.changes.add(f"{'each ' if several else ''}once on days when the clocks change")
        else:
            self.changes.add("follows the clocks when they change")

    def _elapsed(self, period: int) -> str:
        begins = self.setting.created if self.setting.start is None else self.setting.start
        return f"every {period_words(period)} of elapsed time, counted from {utc_text(begins)}"

    def _moment(self, instant: Instant) -> str:
        wall = datetime.fromtimestamp(instant, zone_info(self.setting.zone.name))
        return f"{wall:%Y-%m-%d %H:%M:%S} {self.setting.zone.name}"

    def _exclusion(self, exclusion: ExclusionSpec, place: int) -> str:
        path = f"spec.exclude[{place}]"
        if exclusion.cron is not None:
            fields = parse_eight_fields(written(exclusion.cron), f"{path}.cron", finer=False)
            return describe_instants(compile_eight_fields(fields))
        ends = []
        if exclusion.from_ is not None:
            ends.append(f"from {self._moment(read_moment(exclusion.from_, self.setting.zone, f'{path}.from'))}")
        if exclusion.to is not None:
            end = read_moment(exclusion.to, self.setting.zone, f"{path}.to", as_end=True)
            ends.append(f"to {self._moment(end)}")
        return " ".join(ends)
