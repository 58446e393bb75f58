"""When a spec fires, worked out by plain arithmetic: no word of it comes from the product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simulation.instants import instant_of

FOREVER = 1 << 40
CRONS = {"* * * * *": 60, "*/2 * * * *": 120}
"""The cron expressions that the world's users know, with their period on the epoch's grid."""


class Comb:
    """Every instant that has one of the offsets within its period, from ``first`` on."""

    def __init__(self, period: int, offsets: list[int], first: int) -> None:
        self._period = period
        self._offsets = offsets
        self._first = first

    def within(self, after: int, until: int) -> Iterator[int]:
        start = max(after + 1, self._first)
        for offset in self._offsets:
            yield from range(start + (offset - start) % self._period, until + 1, self._period)


class Instants:
    """A single one."""

    def __init__(self, at: int) -> None:
        self._at = at

    def within(self, after: int, until: int) -> Iterator[int]:
        if after < self._at <= until:
            yield self._at


class FireTimes:
    """The fire times of one version of a spec."""

    def __init__(self, spec: dict[str, Any], created: int) -> None:
        self._start = instant_of(spec["startTime"]) if "startTime" in spec else None
        self._end = instant_of(spec["endTime"]) if "endTime" in spec else FOREVER
        self._excluded = [(instant_of(one["from"]), instant_of(one["to"])) for one in spec.get("exclude", ())]
        self._created = created
        self._rules = self._of(spec)
        # A spec that cannot be carried out has no fire times either.
        self._suspended = bool(spec.get("suspend")) or "timeZone" in spec

    def _of(self, spec: dict[str, Any]) -> list[Comb | Instants]:
        if "schedule" in spec:
            text = spec["schedule"]
            if text.startswith("@every "):
                return [self._every(int(text.removeprefix("@every ").removesuffix("s")))]
            return [Comb(CRONS[text], [0], 0)]
        if "trigger" in spec:
            return self._triggered(spec["trigger"])
        return [Instants(max(self._created, self._start or 0))]

    def _triggered(self, trigger: dict[str, Any]) -> list[Comb | Instants]:
        if "interval" in trigger:
            return [self._every(trigger["interval"]["seconds"])]
        if "cron" in trigger:
            return [Comb(60, _seconds(trigger["cron"]["second"]), 0)]
        if "date" in trigger:
            return [Instants(instant_of(trigger["date"]["at"]))]
        return [rule for member in trigger["anyOf"] for rule in self._triggered(member)]

    def _every(self, period: int) -> Comb:
        first = self._created + period if self._start is None else self._start
        return Comb(period, [first % period], first)

    def between(self, after: int, until: int) -> list[int]:
        """Return, ascending, the fire times later than ``after`` and not later than ``until``."""
        if self._suspended:
            return []
        until = min(until, self._end)
        after = after if self._start is None else max(after, self._start - 1)
        found = sorted({at for rule in self._rules for at in rule.within(after, until)})
        for low, high in self._excluded:
            found = [at for at in found if not low <= at <= high]
        return found

    def are_none(self) -> bool:
        """Return whether the window that the spec gives lies between two fire times, so that it is refused."""
        if self._start is None or self._end == FOREVER:
            return False
        return not any(True for rule in self._rules for _ in rule.within(self._start - 1, self._end))

    def next_after(self, instant: int) -> int | None:
        """Return the next fire time, looking an hour ahead."""
        near = self.between(instant, instant + 30)
        return next(iter(near or self.between(instant, instant + 3600)), None)


def _seconds(text: str) -> list[int]:
    if text.startswith("*/"):
        return list(range(0, 60, int(text.removeprefix("*/"))))
    return [int(word) for word in text.split(",")]
