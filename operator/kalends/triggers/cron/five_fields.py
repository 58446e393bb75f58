"""The grammar of ``schedule``: five-field cron as CronJob reads it, and what else people write.

CronJob's parser is ``ParseStandard`` of robfig/cron. Beyond it: 7 for Sunday, ranges of weekdays through Sunday,
``L``, ``L-3``, ``LW``, ``L-3W``, ``15W``, ``5L``, ``mon#2``, ``mon#L``, ``H``.

Expressions that it accepts are refused here if no user can mean its reading of them: ``*-5``, which it takes for ``*``,
and an ``@every`` of zero or less, which fires every second.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from kalends.errors import InvalidSchedule
from kalends.model.values import LONGEST_SCHEDULE
from kalends.triggers.cron.fields import FIVE_FIELDS
from kalends.triggers.cron.five_field_reader import parse_field
from kalends.triggers.cron.five_field_writer import write_field
from kalends.triggers.cron.items import Items
from kalends.triggers.text.durations import whole_seconds
from kalends.triggers.text.words import quoted

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
SCHEDULE = "spec.schedule"
_EVERY = "@every"
_FIVE = "schedule must be five fields (minute, hour, day of month, month, day of week) or a macro like @daily"
_YEAR = re.compile("(?:19|20)[0-9]{2}")


@dataclass(frozen=True, slots=True)
class FiveFields:
    """A cron expression, read. ``str`` gives back text that reads the same."""

    minute: Items
    hour: Items
    day: Items
    month: Items
    weekday: Items

    def __str__(self) -> str:
        items = (self.minute, self.hour, self.day, self.month, self.weekday)
        return " ".join(write_field(field, one) for field, one in zip(FIVE_FIELDS, items, strict=True))


@dataclass(frozen=True, slots=True)
class Every:
    """``@every``: elapsed time."""

    seconds: int

    def __str__(self) -> str:
        return f"{_EVERY} {self.seconds}s"


def parse_schedule(text: str) -> FiveFields | Every:
    """Read the text of ``schedule``.

    Raises:
        InvalidSchedule: It is not one; the message names the field, what it accepts, and what was found.
    """
    try:
        return read_fields(text) if len(text) <= LONGEST_SCHEDULE else _too_long(text)
    except InvalidSchedule as invalid:
        raise InvalidSchedule(invalid.message, path=SCHEDULE) from None


@lru_cache(maxsize=1024)
def read_fields(text: str) -> FiveFields | Every:
    """Read the text of ``schedule``. The result is shared by all callers.

    Raises:
        InvalidSchedule: As in ``parse_schedule``, but without the path of the field.
    """
    words = text.split()
    if not words:
        raise InvalidSchedule(f"{_FIVE}, got {quoted(text)}")
    if words[0].upper().startswith(("TZ=", "CRON_TZ=")):
        raise InvalidSchedule(
            f"schedule must not name a time zone, which is what `timeZone` is for, got {quoted(text)}"
        )
    if words[0].startswith("@"):
        return _parse_macro(words, text)
    if len(words) != len(FIVE_FIELDS):
        raise InvalidSchedule(f"{_FIVE}{_advice(words)}, got {len(words)} fields in {quoted(text)}")
    return FiveFields(*(parse_field(field, word) for field, word in zip(FIVE_FIELDS, words, strict=True)))


def _advice(words: list[str]) -> str:
    """Return what to use instead of a comment, or of the additional fields of other cron programs."""
    if any(word.startswith("#") for word in words):
        return ", without a comment"
    match len(words) - len(FIVE_FIELDS):
        case 1 if _YEAR.search(words[-1]):  # Amazon EventBridge
            return "; for a year set `trigger.cron.year`"
        case 1:
            return (
                "; for seconds set `trigger.cron.second`, for a year `trigger.cron.year`, as cron programs disagree on "
                "what a sixth field is"
            )
        case 2:  # Quartz
            return "; for seconds and years set `trigger.cron.second` and `trigger.cron.year`"
    return ""


def _too_long(text: str) -> NoReturn:
    raise InvalidSchedule(f"schedule must be at most {LONGEST_SCHEDULE} characters long, got {quoted(text)}")


def _parse_macro(words: list[str], text: str) -> FiveFields | Every:
    macro = words[0].lower()
    if macro == _EVERY and len(words) == 2:  # noqa: PLR2004  the macro and its duration
        return Every(whole_seconds(words[1]))
    if macro in MACROS and len(words) == 1:
        return read_fields(MACROS[macro])
    raise InvalidSchedule(f"schedule must be one of {', '.join(MACROS)}, or @every and a duration, got {quoted(text)}")
