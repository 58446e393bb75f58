"""The eight fields of ``trigger.cron``, and what those that are left unset mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from kalends.errors import InvalidSchedule
from kalends.triggers.cron.eight_grammar import parse_expression
from kalends.triggers.cron.fields import DAY_OF_WEEK, EIGHT_FIELDS, WEEK, Field
from kalends.triggers.cron.items import Items, Values

Written: TypeAlias = Mapping[str, str | int | None]
"""What the user wrote, by the name of the field; None: nothing."""
EightFields: TypeAlias = Mapping[Field, Items]
_EVERYTHING = {field: Values(field.low, field.high, star=True) for field in EIGHT_FIELDS}


def parse_eight_fields(written: Written, path: str, *, finer: bool = True) -> EightFields:
    """Read the fields of ``trigger.cron``, by name as messages have it.

    APScheduler's rule for what is left unset: what is coarser than the finest field given is ``*``; of what is finer,
    hour, minute and second are 0, month and day are 1. Without ``finer``, which is how ``exclude`` reads them, all is
    ``*``.

    Raises:
        InvalidSchedule: One of them cannot be read, or there is none.
    """
    given = [place for place, field in enumerate(EIGHT_FIELDS) if written.get(field.name) is not None]
    if not given:
        raise InvalidSchedule(f"must have at least one of {', '.join(field.name for field in EIGHT_FIELDS)}", path=path)
    items: dict[Field, Items] = {}
    for place, field in enumerate(EIGHT_FIELDS):
        text = written.get(field.name)
        if text is not None:
            items[field] = parse_expression(field, text, f"{path}.{field.name}")
        elif place < given[-1] or field in {WEEK, DAY_OF_WEEK} or not finer:
            items[field] = (_EVERYTHING[field],)
        else:
            items[field] = (Values(field.low, field.low),)
    return items
