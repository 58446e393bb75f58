"""What CronJob's parser makes of five fields, told anew from its documentation and behaviour (robfig/cron v3).

Only for comparing: it accepts what that accepts, oddities included.
"""

from __future__ import annotations

from dataclasses import dataclass

BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}  # noqa: SIM905  reads better
WEEKDAYS = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}  # noqa: SIM905  the same
NAMES: tuple[dict[str, int], ...] = ({}, {}, {}, MONTHS, WEEKDAYS)


class Refused(Exception):
    """It is no expression to that parser."""


@dataclass(frozen=True)
class Parsed:
    """The values of each field, and which fields are no restriction."""

    values: tuple[frozenset[int], ...]
    stars: tuple[bool, ...]


def parse_standard(text: str) -> Parsed:
    fields = text.split()
    if len(fields) != len(BOUNDS):
        raise Refused(text)
    read = [_field(field, place) for place, field in enumerate(fields)]
    return Parsed(tuple(values for values, _ in read), tuple(star for _, star in read))


def _field(text: str, place: int) -> tuple[frozenset[int], bool]:
    values: set[int] = set()
    star = False
    for item in filter(None, text.split(",")):
        found, unrestricted = _item(item, place)
        values |= found
        star = star or unrestricted
    return frozenset(values), star


def _item(item: str, place: int) -> tuple[set[int], bool]:
    low, high = BOUNDS[place]
    span, *steps = item.split("/")
    start, *ends = span.split("-")
    if len(steps) > 1:
        raise Refused(item)
    if start in {"*", "?"}:
        first, last, star = low, high, True
    else:
        if len(ends) > 1:
            raise Refused(item)
        first = _number(start, NAMES[place])
        last = _number(ends[0], NAMES[place]) if ends else high if steps else first
        star = False
    step = _number(steps[0], {}) if steps else 1
    if not low <= first <= last <= high or step < 1:
        raise Refused(item)
    return set(range(first, last + 1, step)), star and step == 1


def _number(text: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    digits = text.removeprefix("+")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise Refused(text)
    return int(digits)
