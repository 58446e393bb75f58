"""Items of ``schedule`` written back as text that reads the same."""

from __future__ import annotations

from typing import assert_never

from kalends.triggers.cron.fields import Field
from kalends.triggers.cron.items import (
    Hashed,
    Item,
    Items,
    LastDay,
    LastWeekday,
    LastWorkday,
    NearestWorkday,
    NthWeekday,
    Values,
)


def write_field(field: Field, items: Items) -> str:
    """Return the text of a field."""
    return ",".join(write_item(field, item) for item in items)


def write_item(field: Field, item: Item) -> str:
    """Return the text of one item."""
    match item:
        case Values():
            text = _write_values(field, item)
        case Hashed(low, high, step, whole):
            text = ("H" if whole else f"H({low}-{high})") + (f"/{step}" if step else "")
        case LastDay(before):
            text = f"L-{before}" if before else "L"
        case LastWorkday(before):
            text = f"L-{before}W" if before else "LW"
        case NearestWorkday(day):
            text = f"{day}W"
        case NthWeekday(weekday, nth):
            text = f"{_name(field, weekday)}#{nth}"
        case LastWeekday(weekday):
            text = f"{_name(field, weekday)}L"
        case _:
            assert_never(item)
    return text


def _write_values(field: Field, values: Values) -> str:
    step = f"/{values.step}" if values.step > 1 else ""
    if values.star:
        return f"*{step}"
    if values.first == values.last and not step:
        return _name(field, values.first)
    return f"{_name(field, values.first)}-{_name(field, values.last)}{step}"


def _name(field: Field, value: int) -> str:
    return field.names[(value - field.low) % len(field.names)] if field.names else str(value)
