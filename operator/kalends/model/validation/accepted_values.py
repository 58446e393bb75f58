"""Whether one value is what a schema accepts, and both in words."""

from __future__ import annotations

import contextlib
from datetime import date
from typing import TYPE_CHECKING, Any

from kalends.model.forms import FORM
from kalends.model.instants import parse_instant
from kalends.model.validation.schema import INT_OR_STRING, LIST_TYPE

if TYPE_CHECKING:
    from kalends.model.validation.schema import Schema

LONGEST_QUOTE = 60
"""Characters of a wrong value that are shown."""


def accepts(schema: Schema, value: Any) -> bool:
    """Return whether the value itself has the right type, size and form; what it contains is not looked at."""
    match value:
        case bool():
            kind, within = "boolean", True
        case int():
            kind, within = "integer", _between(value, schema, "minimum", "maximum")
        case str():
            kind, within = "string", _between(len(value), schema, "minLength", "maxLength") and _has_form(value, schema)
        case list():
            kind, within = (
                "array",
                _between(len(value), schema, "minItems", "maxItems")
                and (not _is_a_set(schema) or all(item not in value[:place] for place, item in enumerate(value))),
            )
        case dict():
            kind, within = "object", _between(len(value), schema, "minProperties", "maxProperties")
        case _:
            kind, within = "", True
    return within and (kind in _kinds(schema) or not _kinds(schema))


def what_is_accepted(schema: Schema, value: Any) -> str:
    """Return it in words that follow "must be": ``an integer from 0 to 59``, ``'Adjust' or 'Literal'``.

    Of a text of the wrong form it is the form, of another wrong ``value`` its type and size.
    """
    if "enum" in schema:
        *most, last = (f"'{word}'" for word in schema["enum"] if word)
        return f"{', '.join(most)} or {last}" if most else last
    if FORM in schema and isinstance(value, str) and _between(len(value), schema, "minLength", "maxLength"):
        accepted: str = schema[FORM].accepted
        return accepted
    if schema.get("format") == "date-time":
        return "an instant by RFC 3339, as in '2027-01-01T00:00:00Z'"
    return " or ".join(_in_words(kind, schema) for kind in _kinds(schema))


def what_it_is(schema: Schema, value: Any) -> str:
    """Return the value in words that follow "got"; its size, if it is only too large."""
    match value:
        case None | bool():
            words = {None: "nothing", True: "true", False: "false"}[value]
        case str() if "string" in _kinds(schema) and len(value) > schema.get("maxLength", len(value)):
            words = f"{len(value)} characters"
        case str():
            words = f"'{value}'" if len(value) <= LONGEST_QUOTE else f"'{value[:LONGEST_QUOTE]}…'"
        case list():
            words = f"{len(value)} items" if "array" in _kinds(schema) else "a list"
        case dict():
            words = f"{len(value)} fields" if "object" in _kinds(schema) else "an object"
        case date():  # what YAML 1.1 makes of 2027-01-01
            words = f"the date {value}; put it in quotes"
        case _:
            words = str(value)
    return words


def _kinds(schema: Schema) -> tuple[str, ...]:
    if schema.get(INT_OR_STRING):
        return ("integer", "string")
    return (schema["type"],) if "type" in schema else ()


def _in_words(kind: str, schema: Schema) -> str:
    match kind:
        case "boolean":
            return "true or false"
        case "integer":
            return f"an integer from {schema['minimum']} to {schema['maximum']}"
        case "string":
            return "a string" + _sized(schema, "minLength", "maxLength", "characters")
        case "array":
            return "a list" + _sized(
                schema, "minItems", "maxItems", f"{'different ' if _is_a_set(schema) else ''}items"
            )
        case _:
            return "an object" + _sized(schema, "minProperties", "maxProperties", "fields")


def _sized(schema: Schema, least: str, most: str, what: str) -> str:
    low, high = schema.get(least, 0), schema.get(most)
    if high is None:
        return ""
    return f" of {low} to {high} {what}" if low else f" of at most {high} {what}"


def _between(size: int, schema: Schema, least: str, most: str) -> bool:
    return bool(schema.get(least, size) <= size <= schema.get(most, size))


def _is_a_set(schema: Schema) -> bool:
    return bool(schema.get(LIST_TYPE) == "set")


def _has_form(text: str, schema: Schema) -> bool:
    if "enum" in schema:
        return text in schema["enum"]
    if FORM in schema:
        return bool(schema[FORM].fits(text))
    if schema.get("format") == "date-time":
        with contextlib.suppress(ValueError):
            parse_instant(text)
            return True
        return False
    return True
