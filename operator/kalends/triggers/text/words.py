"""Numbers, names, lists of them, and quotations, as messages have them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NTH = ("first", "second", "third", "fourth", "fifth")
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
_UNITS = ((7 * 86_400, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_SHORTEST_RANGE = 3
_SHORTEST_STEPS = 6
_TWO_DIGITS = 99
_LONGEST = 40


def listed(parts: Sequence[str], word: str = "and") -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``."""
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}" if len(parts) > 1 else parts[0]


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``3rd``, ``4th``, ``11th``."""
    ending = "th" if number // 10 % 10 == 1 else _ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"


def nth(number: int) -> str:
    """Return ``first`` to ``fifth``."""
    return _NTH[number - 1]


def counted(number: int, unit: str) -> str:
    """Return ``1 day`` or ``2 days``."""
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"


def every(number: int, unit: str) -> str:
    """Return ``every day`` or ``every 2 days``."""
    return f"every {unit}" if number == 1 else f"every {counted(number, unit)}"


def duration(seconds: int) -> str:
    """Return ``90 minutes``, ``1 day`` or ``1 hour and 5 seconds``."""
    for length, unit in _UNITS:
        if seconds % length == 0 and seconds // length <= _TWO_DIGITS:
            return counted(seconds // length, unit)
    parts = []
    for length, unit in _UNITS:
        number, seconds = divmod(seconds, length)
        if number:
            parts.append(counted(number, unit))
    return listed(parts)


def period_words(seconds: int) -> str:
    """Return what follows ``every``: ``90 minutes``, ``day``."""
    return next((unit for length, unit in _UNITS if length == seconds), duration(seconds))


def runs(values: Sequence[int]) -> list[tuple[int, int]]:
    """Return ascending numbers as stretches (first, last); those shorter than three are taken apart."""
    found: list[tuple[int, int]] = []
    for value in values:
        if found and value == found[-1][1] + 1:
            found[-1] = (found[-1][0], value)
        else:
            found.append((value, value))
    parted: list[tuple[int, int]] = []
    for first, last in found:
        if last - first + 1 < _SHORTEST_RANGE:
            parted.extend((value, value) for value in range(first, last + 1))
        else:
            parted.append((first, last))
    return parted


def spanned(values: Sequence[int], name: Callable[[int], str], place: str) -> str:
    """Return ``in January and March``, ``from January to March``, or both; ``place`` is the word for single ones."""
    stretches = runs(values)
    singles = [name(first) for first, last in stretches if first == last]
    ranges = [f"from {name(first)} to {name(last)}" for first, last in stretches if first != last]
    return listed([*ranges, *([f"{place} {listed(singles)}"] if singles else [])])


def weekday_words(weekdays: Collection[int]) -> str:
    """Return ``from Monday to Friday`` or ``on Tuesday and Thursday``; 0 is Monday."""
    # Begin where the week has a hole, so that Friday to Monday is one stretch.
    start = next((day for day in sorted(weekdays) if (day - 1) % len(WEEKDAYS) not in weekdays), 0)
    around = sorted(day if day >= start else day + len(WEEKDAYS) for day in weekdays)
    return spanned(around, lambda day: WEEKDAYS[day % len(WEEKDAYS)], "on")


def even_step(values: Sequence[int]) -> int | None:
    """Return the step between more than five values, if it is always the same and above 1."""
    if len(values) < _SHORTEST_STEPS:
        return None
    step = values[1] - values[0]
    return step if step > 1 and list(values) == list(range(values[0], values[-1] + 1, step)) else None


def divides(values: Sequence[int], size: int) -> int | None:
    """Return n if the values are 0, n, 2n and so on, and n goes evenly into ``size``."""
    step = size // len(values)
    return step if list(values) == list(range(0, size, step)) else None


def quoted(text: object) -> str:
    """Return ``text`` in quotes, cut to a length that a message can bear."""
    plain = str(text) if not isinstance(text, str) else text
    if len(plain) <= _LONGEST:
        return ascii(plain) if not plain.isprintable() else f"'{plain}'"
    return f"{plain[:_LONGEST]!a}… ({len(plain)} characters)"
