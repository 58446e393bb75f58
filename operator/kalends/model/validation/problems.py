"""Everything that is wrong with an object, at once, each with its place and with what is accepted there."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic.alias_generators import to_camel
from typing_extensions import override

from kalends.model.validation.accepted_values import accepts, what_is_accepted, what_it_is
from kalends.model.validation.schema import PRESERVE, RULES, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FEW_FIELDS = 12
"""So many names are still read; of more, none are listed."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Args:
        path: Where, as a user would write it: ``spec.trigger.anyOf[0].cron.minute``.
        message: What is accepted, and what was found: ``must be true or false, got 'yes'``.
    """

    path: str
    message: str

    @override
    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def problems_in(value: Any, schema: Schema, path: str, *, unknown: bool) -> Iterator[Problem]:
    """Yield what a schema does not accept. ``unknown`` says whether fields that it does not have are problems."""
    if not accepts(schema, value):
        yield Problem(path, f"must be {what_is_accepted(schema, value)}, got {what_it_is(schema, value)}")
    if isinstance(value, dict) and schema.get("type") == "object":
        yield from _problems_in_object(value, schema, path, unknown=unknown)
    elif isinstance(value, list) and schema.get("type") == "array":
        for index, item in enumerate(value):
            yield from problems_in(item, schema["items"], f"{path}[{index}]", unknown=unknown)


def _problems_in_object(value: dict[str, Any], schema: Schema, path: str, *, unknown: bool) -> Iterator[Problem]:
    members: Mapping[str, Schema] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if value.get(name) is None:
            yield Problem(_join(path, name), "must be set")
    for name, item in value.items():
        place = _join(path, name)
        if name in members:
            if item is not None:  # the API server drops a null, too
                yield from problems_in(item, members[name], place, unknown=unknown)
        elif "additionalProperties" in schema:
            yield from problems_in(item, schema["additionalProperties"], place, unknown=unknown)
        elif unknown and not schema.get(PRESERVE):
            yield Problem(place, _no_such_field(str(name), members))
    for rule in schema.get(RULES, ()):
        if not rule.holds(value):
            yield Problem(path if rule.field is None else _join(path, rule.field), rule.message)


def _no_such_field(name: str, members: Mapping[str, Schema]) -> str:
    near = difflib.get_close_matches(to_camel(name), members, n=1)
    if near:
        return f"is not a field; did you mean `{near[0]}`?"
    if 0 < len(members) <= FEW_FIELDS:
        return "is not a field; there are " + ", ".join(f"`{member}`" for member in members)
    return "is not a field"


def _join(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)
