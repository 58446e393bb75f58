"""Rules between fields, each once for the API server (CEL) and once for Python, side by side."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Raw: TypeAlias = "Mapping[str, Any]"
"""An object as JSON has it, by JSON names; null means unset, as it does to the API server."""


RFC_3339 = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$"
"""A whole instant. Other spellings need a zone's rules to be understood."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must hold.

    Args:
        cel: The rule for the API server; ``self`` is the object that it stands on.
        holds: The same rule for Python. It accepts fields of a wrong type: these are reported separately.
        message: What is accepted, beginning with the fields it speaks of or with "must".
        field: The JSON name of the field to blame; unset: the object itself.
    """

    cel: str
    holds: Callable[[Raw], bool]
    message: str
    field: str | None = None


def is_set(raw: Raw, name: str) -> bool:
    """Return what CEL's ``has`` returns."""
    return raw.get(name) is not None


def how_many(raw: Raw, names: Sequence[str]) -> int:
    """Return how many of the fields are set."""
    return sum(raw.get(name) is not None for name in names)


def exactly_one_of(*names: str) -> Rule:
    """Return the rule of a union."""
    return Rule(
        cel=f"{_set(names)}.filter(given, given).size() == 1",
        holds=lambda raw: how_many(raw, names) == 1,
        message=f"exactly one of {listed(names)} must be set",
    )


def at_most_one_of(*names: str) -> Rule:
    """Return the rule of a union that may be absent."""
    return Rule(
        cel=f"{_set(names)}.filter(given, given).size() <= 1",
        holds=lambda raw: how_many(raw, names) <= 1,
        message=f"at most one of {listed(names)} may be set",
    )


def at_least_one_of(*names: str) -> Rule:
    """Return the rule of an object that must not be empty."""
    return Rule(
        cel=f"{_set(names)}.exists(given, given)",
        holds=lambda raw: how_many(raw, names) >= 1,
        message=f"at least one of {listed(names)} must be set",
    )


def at_least_one_above_zero(*names: str) -> Rule:
    """Return the rule of a period, which must not be nothing."""
    amounts = ", ".join(f"self.?{name}.orValue(0)" for name in names)
    return Rule(
        cel=f"[{amounts}].exists(amount, amount > 0)",
        holds=lambda raw: any(not isinstance(amount, int) or amount > 0 for amount in _given(raw, names)),
        message=f"at least one of {listed(names)} must be more than 0",
    )


def only_with(name: str, partner: str, instead: str = "") -> Rule:
    """Return the rule of a field that means nothing without its ``partner``; ``instead`` says what to use."""
    return Rule(
        cel=f"!has(self.{name}) || has(self.{partner})",
        holds=lambda raw: not is_set(raw, name) or is_set(raw, partner),
        message=f"`{name}` may be set only with `{partner}`{instead and f'; {instead}'}",
        field=name,
    )


def in_order(first: str, last: str) -> Rule:
    """Return the rule of a range.

    Only whole instants are compared: wall times need a zone's rules, which ``kalends.triggers`` has.
    """

    def holds(raw: Raw) -> bool:
        given = [raw.get(name) for name in (first, last)]
        if not all(isinstance(text, str) and re.match(RFC_3339, text) for text in given):
            return True
        try:
            begin, end = (datetime.fromisoformat(str(text)) for text in given)
        except ValueError:  # 30 February: the parser of the schedule has a better message
            return True
        return begin <= end

    whole = " && ".join(f"has(self.{name}) && self.{name}.matches(r'{RFC_3339}')" for name in (first, last))
    return Rule(
        cel=f"!({whole}) || timestamp(self.{first}) <= timestamp(self.{last})",
        holds=holds,
        message=f"`{last}` must not be before `{first}`",
        field=last,
    )


def listed(names: Sequence[str]) -> str:
    """Return the fields for a message: `` `a`, `b` ``."""
    return ", ".join(f"`{name}`" for name in names)


def _given(raw: Raw, names: Sequence[str]) -> list[Any]:
    return [raw[name] for name in names if is_set(raw, name)]


def _set(names: Sequence[str]) -> str:
    return "[" + ", ".join(f"has(self.{name})" for name in names) + "]"
