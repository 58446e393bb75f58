"""What is wrong with settings, in the words of a user: the name of the setting, what is accepted, what was found."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

LONGEST_QUOTE = 60
"""Characters of a wrong value that are shown."""

_WORDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a finite number",
    "enum": "must be {expected}",
    "string_pattern_mismatch": "must match {pattern}",
}
_KINDS = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "dict": "an object",
    "model": "an object",
    "tuple": "a list",
}


def in_words(error: ValidationError, settings: type[BaseModel]) -> str:
    """Return all that is wrong as one line, without what pydantic says of itself."""
    return "; ".join(_problem(found, settings) for found in error.errors(include_url=False))


def _problem(found: ErrorDetails, settings: type[BaseModel]) -> str:
    *parents, last = found["loc"] or ("the settings",)
    name = ".".join(map(str, found["loc"]))
    if found["type"] == "extra_forbidden":
        return f"unknown setting '{name}'{_hint(parents, str(last), settings)}"
    if last == "[key]":  # what pydantic appends where the name of an entry is wrong, not its value
        name = f"the name '{parents[-1]}' in {'.'.join(map(str, parents[:-1]))}"
    details: dict[str, Any] = found.get("ctx", {})
    if found["type"] == "value_error":
        return f"{name} {details['error']}"
    words = _WORDS.get(found["type"])
    kind = _KINDS.get(found["type"].partition("_")[0])
    if words is not None:
        accepted = words.format(**details)
    elif kind is not None:
        accepted = f"must be {kind}"
    else:
        return f"{name}: {found['msg']}"
    return f"{name} {accepted}, got {_quoted(found['input'])}"


def _hint(parents: list[Any], name: str, settings: type[BaseModel]) -> str:
    model = settings
    for part in parents:
        field = model.model_fields.get(str(part))
        if field is not None:  # else the name of an entry, such as that of an executor
            model = next(_models_in(field.annotation), model)
    near = difflib.get_close_matches(name, model.model_fields, n=1)
    return f"; did you mean '{'.'.join([*map(str, parents), near[0]])}'?" if near else ""


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _quoted(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            text = str(value)
            return f"'{text}'" if len(text) <= LONGEST_QUOTE else f"'{text[:LONGEST_QUOTE]}…'"
