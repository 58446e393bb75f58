"""Durations as Go writes them, for ``@every``: ``90m``, ``1h30m``, ``1.5h``.

The syntax is that of https://pkg.go.dev/time#ParseDuration.
"""

from __future__ import annotations

import re

from kalends.errors import InvalidSchedule
from kalends.triggers.text.words import quoted

_SECOND = 10**9
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,  # micro sign
    "\u03bcs": 10**3,  # Greek mu
    "ms": 10**6,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
}
_PART = re.compile(r"([0-9]{0,19})(?:\.([0-9]{0,19}))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_LONGEST = (1 << 63) - 1  # what Go's own type holds: 292 years
_LONGEST_TEXT = 100


def whole_seconds(text: str) -> int:
    """Return the duration ``text`` in whole seconds, as CronJob cuts it: fractions dropped, at least one.

    Raises:
        InvalidSchedule: It is no duration, or not a positive one, or longer than 292 years.
    """
    nanoseconds = _nanoseconds(text.removeprefix("+")) if len(text) <= _LONGEST_TEXT else None
    if nanoseconds is None:
        raise InvalidSchedule(f"@every must be followed by a duration such as 90m, 1h30m or 45s, got {quoted(text)}")
    if nanoseconds == 0:
        raise InvalidSchedule(f"@every must be followed by a duration longer than zero, got {quoted(text)}")
    if nanoseconds > _LONGEST:
        raise InvalidSchedule(f"@every must be followed by a duration of at most 292 years, got {quoted(text)}")
    return max(1, nanoseconds // _SECOND)


def _nanoseconds(text: str) -> int | None:
    if text == "0":
        return 0
    total = place = 0
    while place < len(text):
        part = _PART.match(text, place)
        if part is None or not (part[1] or part[2]):
            return None
        unit = _NANOSECONDS[part[3]]
        fraction = part[2] or ""
        total += int(part[1] or 0) * unit + int(fraction or 0) * unit // 10 ** len(fraction)
        place = part.end()
    return total if text else None
