"""How a run's end is told: results and errors as short, clean text."""

from __future__ import annotations

import re
from typing import Any

import orjson

RESULT_LIMIT = 1024
"""Bytes of UTF-8. A status is read by many and written often: results are cut, not refused."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def clean(text: str, limit: int = RESULT_LIMIT) -> str:
    """Return text that is safe to show: no control characters, at most ``limit`` bytes of UTF-8."""
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.rstrip("\n"))
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    return encoded[: limit - 3].decode(errors="ignore") + "…"


def result_text(value: Any) -> tuple[str | None, str]:
    """Return a task's value as JSON, cut to the limit, and a message that says so if it is none.

    A value that is not JSON does not make a run that did its work a failure: the run has no result, and says why.
    """
    if value is None:
        return None, ""
    try:
        return clean(orjson.dumps(value).decode()), ""
    except (TypeError, ValueError, RecursionError) as error:
        return None, clean(f"its result is not kept, as it is no JSON value: {error}")


def error_text(error: BaseException) -> str:
    """Return an exception's type and message."""
    message = str(error)
    name = type(error).__name__
    return clean(f"{name}: {message}" if message else name)
