"""Where wall time becomes instants: "why did my 02:30 run move?" is answered here.

A zone is a row of spans, each with one offset from UTC. Between two of them the clocks change: forward, and a gap of
wall times is left out; back, and a fold of wall times is shown twice (the words of PEP 495). Spans are found by
asking ``zoneinfo`` once every three days and bisecting where the answer differs, so this module can never
disagree with what Python shows to users. No zone of the database has ever changed twice within six days since 1970; a
test holds the database to that.

Wall times are whole seconds since 1970-01-01T00:00:00 on the clock of the zone.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from kalends.errors import InvalidSchedule
from kalends.triggers.protocol import Instant
from kalends.triggers.text.words import quoted
from kalends.triggers.zones.database import database, zone_info

DAY = 86_400
LAST_INSTANT: Instant = 253_402_214_400
"""9999-12-31T00:00:00Z: later instants cannot be shown in every zone by ``datetime``."""
FOREVER = 1 << 62
"""Beyond every instant that anybody names."""

_HABITS_UNTIL: Instant = 3_786_912_000
"""2090-01-01. What the database lists change by change (Morocco's fasts) ends in 2087; then a rule applies for ever."""
_CHUNK_BITS = 25  # 388 days
_PROBE_STEP = 1 << 18  # three days
_CHUNKS_KEPT = 512  # five centuries
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_LONGEST_NAME = 64
_NOT_IANA = ("right/", "posix/", "localtime", "posixrules")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of instants, ``start`` <= instant < ``end``, in which the zone keeps one offset from UTC.

    ``shown`` is the wall time up to which (exclusive) the zone's clocks had shown all there was to show before the
    span began. The span's own first wall time is ``start + offset``: if that is later than ``shown``, the wall times
    between are a gap; if it is earlier, they are a fold.
    """

    start: Instant
    end: Instant
    offset: int
    shown: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Wall times that a change of the clocks leaves out: ``start`` <= time of day < ``end``, then at ``offset``.

    ``end`` is more than a day where the gap holds a midnight.
    """

    start: int
    end: int
    offset: int


class Zone:
    """A time zone, read lazily and kept: all triggers in the zone share it."""

    __slots__ = ("_chunks", "_habits", "_info", "_recent", "name")

    def __init__(self, name: str, info: tzinfo) -> None:
        self.name = name
        self._info = info
        self._chunks: dict[int, tuple[list[Instant], list[Span]]] = {}
        fixed = info.utcoffset(None)  # None if it ever changes
        self._recent = Span(0, 0, 0, 0) if fixed is None else _whole_time(_seconds(fixed))
        self._habits: tuple[frozenset[int], frozenset[Gap]] | None = None

    @property
    def chunks_kept(self) -> int:
        """How many stretches of time, about two years each, are kept in memory."""
        return len(self._chunks)

    def span_at(self, instant: Instant) -> Span:
        """Return the span that holds ``instant``."""
        recent = self._recent
        if recent.start <= instant < recent.end:
            return recent
        return self._found(instant)

    def spans(self, start: Instant, stop: Instant) -> Iterator[Span]:
        """Yield, in order, the spans that share an instant with ``start`` <= instant < ``stop``."""
        stop = min(stop, FOREVER)
        while start < stop:
            span = self.span_at(start)
            yield span
            start = span.end

    def first_instant(self, wall: int) -> Instant:
        """Return the first instant at which the zone's clocks show ``wall`` or later.

        A wall time in a gap becomes the instant right after the gap; one in a fold, its first showing.
        """
        span = self.span_at(wall - DAY)  # no zone is a day away from UTC: not yet shown there
        while wall >= span.end + span.offset:
            span = self.span_at(span.end)
        return max(span.start, wall - span.offset)

    def wall_at(self, instant: Instant) -> int:
        """Return what the zone's clocks show at ``instant``."""
        return instant + self.span_at(instant).offset

    def next_gap_end(self, instant: Instant, horizon: Instant) -> Instant | None:
        """Return the first instant later than ``instant``, but before ``horizon``, that follows right after a gap."""
        for span in self.spans(instant + 1, min(horizon, LAST_INSTANT)):
            if span.start > instant and span.shown < span.start + span.offset:
                return span.start
        return None

    def offsets(self) -> frozenset[int]:
        """Return every offset from UTC that the zone ever has, from 1970 on."""
        return self._all_habits()[0]

    def gaps(self) -> frozenset[Gap]:
        """Return every kind of gap that the zone ever has, from 1970 on."""
        return self._all_habits()[1]

    def _all_habits(self) -> tuple[frozenset[int], frozenset[Gap]]:
        if self._habits is None:
            spans = list(self.spans(0, _HABITS_UNTIL))
            gaps = {
                Gap(span.shown % DAY, span.shown % DAY + span.start + span.offset - span.shown, span.offset)
                for span in spans
                if span.shown < span.start + span.offset
            }
            self._habits = frozenset(span.offset for span in spans), frozenset(gaps)
        return self._habits

    def _found(self, instant: Instant) -> Span:
        if instant < 0:
            return self._before_time()
        if instant >= LAST_INSTANT:
            return self._after_time()
        number = instant >> _CHUNK_BITS
        chunk = self._chunks.get(number)
        if chunk is None:
            if len(self._chunks) >= _CHUNKS_KEPT:
                self._chunks.clear()
            spans = self._read(number << _CHUNK_BITS, min((number + 1) << _CHUNK_BITS, LAST_INSTANT))
            chunk = self._chunks[number] = ([span.start for span in spans], spans)
        starts, spans = chunk
        self._recent = span = spans[bisect_right(starts, instant) - 1]
        return span

    def _before_time(self) -> Span:
        offset = self._offset_at(0)
        return Span(start=-FOREVER, end=0, offset=offset, shown=-FOREVER + offset)

    def _after_time(self) -> Span:
        offset = self._offset_at(LAST_INSTANT)
        return Span(start=LAST_INSTANT, end=FOREVER, offset=offset, shown=LAST_INSTANT + offset)

    def _read(self, start: Instant, end: Instant) -> list[Span]:
        """Read the spans of ``start`` <= instant < ``end``, and a little before: the first may repeat it."""
        begin = max(start - 2 * _PROBE_STEP, 0)
        offset = self._offset_at(begin)
        shown = begin + offset
        spans = []
        for change, following in [*self._changes(begin, end), (end, offset)]:
            if begin >= start:
                spans.append(Span(begin, change, offset, shown))
            elif change > start:
                spans.append(Span(start, change, offset, max(shown, start + offset)))
            shown = max(shown, change + offset)
            begin, offset = change, following
        return spans

    def _changes(self, start: Instant, end: Instant) -> list[tuple[Instant, int]]:
        """Return (instant, new offset) of each change of the clocks with ``start`` < instant < ``end``."""
        changes = []
        low, before = start, self._offset_at(start)
        while low < end - 1:
            high = min(low + _PROBE_STEP, end - 1)
            after = self._offset_at(high)
            if after != before:
                change = self._change_between(low, high)
                changes.append((change, after))
            low, before = high, after
        return changes

    def _change_between(self, low: Instant, high: Instant) -> Instant:
        """Return the first instant with the new offset, by bisection."""
        before = self._offset_at(low)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset_at(middle) == before:
                low = middle
            else:
                high = middle
        return high

    def _offset_at(self, instant: Instant) -> int:
        return _seconds(datetime.fromtimestamp(instant, self._info).utcoffset())


def _seconds(offset: timedelta | None) -> int:
    return 0 if offset is None else offset.days * DAY + offset.seconds


def _whole_time(offset: int) -> Span:
    return Span(-FOREVER, FOREVER, offset, -FOREVER + offset)


@lru_cache(maxsize=1024)
def shared_zone(name: str) -> Zone:
    """Return the zone that all triggers in it share.

    Raises:
        KeyError, ValueError, OSError: There is no such zone, or its file cannot be read.
    """
    return Zone(name, zone_info(name))


def find_zone(name: str, path: str = "spec.timeZone") -> Zone:
    """Return the zone that the IANA database calls ``name``.

    Raises:
        InvalidSchedule: There is no such zone.
    """
    if len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) and not name.startswith(_NOT_IANA):
        try:
            return shared_zone(name)
        except (KeyError, ValueError, OSError):
            pass
    raise InvalidSchedule(
        f"must be an IANA time zone name such as 'Europe/Berlin', got {quoted(name)}",
        path=path,
        reason="UnknownTimeZone",
    )


def database_version() -> str:
    """Return the version of the zone database that is followed, such as ``2026f``."""
    return database().version


def utc_text(instant: Instant) -> str:
    """Return ``instant`` as RFC 3339 in UTC."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
