"""The written parts of a resource, read: what a user wrote never raises, but becomes a problem of the resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kalends.engine.core.definition import Definition, Problem
from kalends.engine.core.state import Instant, State
from kalends.errors import InvalidSpec, InvalidStatus
from kalends.model.reasons import Reason
from kalends.stores.status_record import decode
from kalends.triggers import summary_of_unread

LONGEST_PROBLEM = 1024
"""Characters of a message in a condition."""


def read_definition(spec: Any, read: Callable[[], Definition]) -> tuple[Definition | None, Problem | None]:
    """Return what a resource asks for, or why that cannot be read.

    Args:
        spec: The unparsed spec, for the summary of a spec that cannot be read.
        read: Returns the definition, or raises.
    """
    try:
        return read(), None
    except InvalidSpec as error:
        return None, Problem(error.reason, str(error)[:LONGEST_PROBLEM], summary_of_unread(spec))
    except Exception as error:  # noqa: BLE001 - whatever a resource holds, it harms only itself
        text = f"cannot be read: {type(error).__name__}: {error}"
        return None, Problem(Reason.INTERNAL_ERROR, text[:LONGEST_PROBLEM], summary_of_unread(spec))


def read_record(status: Any, created: Instant, cure: str) -> tuple[State | None, Problem | None]:
    """Return the record, or why that cannot be read; ``cure`` is what a user does about that."""
    try:
        return decode(status, created=created), None
    except InvalidStatus as error:
        return None, unreadable_record(error, cure)


def unreadable_record(error: InvalidStatus, cure: str) -> Problem:
    """Return the problem of a record that cannot be read."""
    return Problem(Reason.INVALID_STATUS, f"{error}; {cure}"[:LONGEST_PROBLEM])


def recorded_operator(status: Any) -> str:
    """Return which operator decides by a record, also where that cannot be read as a whole."""
    operator = status.get("operator") if isinstance(status, Mapping) else None
    return operator if isinstance(operator, str) else ""
