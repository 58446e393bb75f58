"""The fields of ``CronTrigger``, as a program writes them: APScheduler's names, expressions and defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from kalends.errors import InvalidSchedule, InvalidTrigger
from kalends.triggers.cron.compiled import CompiledCron, compile_eight_fields
from kalends.triggers.cron.eight_fields import parse_expression
from kalends.triggers.cron.fields import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    HOUR_OF_DAY,
    MINUTE_OF_HOUR,
    MONTH_OF_YEAR,
    NUMBERED_DAY_OF_WEEK,
    SECOND_OF_MINUTE,
    WEEK,
    YEAR,
)
from kalends.triggers.cron.five_field_reader import hashed_item
from kalends.triggers.cron.items import Hashed, Item, Items

FIELD_NAMES = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
"""From the most significant to the least."""
_FIELDS = (YEAR, MONTH_OF_YEAR, DAY_OF_MONTH, WEEK, NUMBERED_DAY_OF_WEEK, HOUR_OF_DAY, MINUTE_OF_HOUR, SECOND_OF_MINUTE)
_BY_NAME = dict(zip(FIELD_NAMES, _FIELDS, strict=True))
_LEAST = {"month": "1", "day": "1", "hour": "0", "minute": "0", "second": "0"}
"""What is meant by a field that is finer than all given fields; ``*`` for the others."""
_HASHABLE = frozenset(_FIELDS) - {YEAR, WEEK}
"""Fields that accept H: their values exist in every year."""
_LEADING_ZEROS = re.compile(r"\b0+(?=[0-9])")
_SAME_ENDS = re.compile(r"\b([a-z]+|[0-9]+)-\1$")


@dataclass(frozen=True, slots=True)
class CronField:
    """A field of a cron trigger; ``str`` gives its expression.

    Args:
        name: Such as ``day_of_week``.
        expression: Such as ``mon-fri``, in lower case.
        is_default: Whether the expression was not given, and follows from the other fields.
    """

    name: str
    expression: str
    is_default: bool = False

    def __str__(self) -> str:
        return self.expression

    @property
    def items(self) -> Items:
        """Return the expression, read.

        Raises:
            InvalidTrigger: It cannot be read.
        """
        field = _BY_NAME[self.name]
        found: list[Item] = []
        try:
            for item in self.expression.split(","):
                hashed = hashed_item(field, item) if field in _HASHABLE else None
                found += parse_expression(field, item, self.name) if hashed is None else [hashed]
        except InvalidSchedule as error:
            raise InvalidTrigger(error.message) from None
        return tuple(found)

    @property
    def needs_identity(self) -> bool:
        """Whether H is part of the expression, so that its value follows from the ID of a job."""
        return "h" in self.expression and any(isinstance(item, Hashed) for item in self.items)


def read_fields(given: Mapping[str, object]) -> tuple[CronField, ...]:
    """Return all eight fields, in the order of ``FIELD_NAMES``.

    Fields that are not given and coarser than the finest given field are ``*``. Finer fields are 0, or 1 for ``month``
    and ``day``; ``week`` and ``day_of_week`` are always ``*``. Without any field all are ``*``: every second.

    Args:
        given: Expressions (text or numbers) by name; None: not given.

    Raises:
        InvalidTrigger: An expression cannot be read; the message says what the field accepts.
    """
    return _read(tuple(None if given.get(name) is None else str(given[name]) for name in FIELD_NAMES))


@lru_cache(maxsize=1024)
def _read(given: tuple[str | None, ...]) -> tuple[CronField, ...]:
    """Return the fields; jobs with equal expressions share them."""
    written = [place for place, value in enumerate(given) if value is not None]
    finest = written[-1] if written else len(FIELD_NAMES)
    fields = []
    for place, (name, value) in enumerate(zip(FIELD_NAMES, given, strict=True)):
        if value is not None:
            field = CronField(name, _plain(value))
        else:
            field = CronField(name, "*" if place < finest else _LEAST.get(name, "*"), is_default=True)
        field.items  # noqa: B018 - refuses an expression that cannot be read
        fields.append(field)
    return tuple(fields)


def compile_fields(fields: tuple[CronField, ...], identity: str | None = None) -> CompiledCron:
    """Work out the fields: all of them must match.

    Args:
        fields: All eight.
        identity: The ID of the job, from which H follows.

    Raises:
        InvalidTrigger: A field has H, and there is no ID.
    """
    if identity is None:
        for field in fields:
            if field.needs_identity:
                raise InvalidTrigger(
                    f"H needs the ID of a job, from which its value follows: give the trigger to add_job with an id, "
                    f"got {field.name}={field.expression.upper()!r}"
                )
    items = {_BY_NAME[field.name]: field.items for field in fields}
    items[DAY_OF_WEEK] = items.pop(NUMBERED_DAY_OF_WEEK)
    return compile_eight_fields(items, identity or "")


def without_defaults(fields: tuple[CronField, ...]) -> tuple[CronField, ...]:
    """Return the fields as ``exclude`` reads them: a field that was not given matches everything."""
    return tuple(CronField(field.name, "*", is_default=True) if field.is_default else field for field in fields)


def _plain(text: str) -> str:
    """Return an expression as ``str`` of a trigger has it: in lower case, without superfluous zeros and spaces."""
    return ",".join(_plain_item(item) for item in text.strip().lower().split(","))


def _plain_item(item: str) -> str:
    item = _LEADING_ZEROS.sub("", " ".join(item.split()))
    return _SAME_ENDS.sub(r"\1", item)
