"""What the API server's answers say: objects, errors, and lines of a watch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import orjson

from kalends.errors import ApiError
from kalends.kube.wire.bounded_objects import read_line, read_object
from kalends.kube.wire.transport import JsonObject

LONGEST_MESSAGE = 1024
MAX_RETRY_AFTER = 60.0
"""Seconds for which a server is left alone at most, whatever it asks for: a proxy's mistake must not last for hours."""


def is_success(status: int) -> bool:
    """Return whether an HTTP status means success."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def decode(status: int, body: bytes) -> JsonObject:
    """Return the object of an answer, read within bounds. Anything else is an ApiError, such as a proxy's HTML page."""
    try:
        return read_object(body)
    except ValueError as error:
        raise invalid_response(status, body) from error


def invalid_response(status: int, body: bytes) -> ApiError:
    """Return the error for an answer that holds no object."""
    return ApiError(status, "InvalidAnswer", f"must be a JSON object, got {_excerpt(body)!r}")


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Return the error that an answer describes, with as much detail as it has."""
    try:
        status_object = orjson.loads(body)
    except orjson.JSONDecodeError:
        status_object = None
    if not isinstance(status_object, dict) or status_object.get("kind") != "Status":
        status_object = {"message": _excerpt(body)}
    return error_of_status(status_object, status, seconds_to_wait(headers.get("Retry-After")))


def error_of_status(status_object: Mapping[str, Any], status: int, retry_after: float | None = None) -> ApiError:
    """Return the error that a ``Status`` object describes; ``status``, unless 0, goes before its own code."""
    code = status or int(status_object.get("code") or 0) or int(HTTPStatus.INTERNAL_SERVER_ERROR)
    details = status_object.get("details")
    details = details if isinstance(details, dict) else {}
    if retry_after is None:
        retry_after = seconds_to_wait(details.get("retryAfterSeconds"))
    reason = str(status_object.get("reason") or "") or _phrase(code)
    message = str(status_object.get("message") or reason)
    return ApiError(code, reason, message, retry_after=retry_after, causes=_causes(details.get("causes")))


def _causes(causes: Any) -> list[str]:
    """Return the reasons of ``details.causes``, as far as they can be read."""
    if not isinstance(causes, list):
        return []
    return [str(cause["reason"]) for cause in causes if isinstance(cause, dict) and cause.get("reason")]


class Lines:
    """Cuts bytes, as they come, into the lines of a watch."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[tuple[str, JsonObject]]:
        """Yield type and object of the lines that are complete by now. A line that is no JSON object is an ApiError."""
        *complete, rest = chunk.split(b"\n")
        if not complete:
            self._rest += rest
            return
        complete[0] = self._rest + complete[0]
        self._rest = rest
        for line in complete:
            if not line:
                continue
            try:
                yield read_line(line)
            except (ValueError, KeyError) as error:
                raise invalid_response(0, line) from error


def _excerpt(body: bytes) -> str:
    return body[:LONGEST_MESSAGE].decode(errors="replace").strip()


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase.replace(" ", "")
    except ValueError:
        return "UnknownError"


def seconds_to_wait(value: Any) -> float | None:
    """Return the pause that the server asks for, within ``MAX_RETRY_AFTER``; None unless it is a finite number.

    HTTP allows a date too, which API servers do not send.
    """
    try:
        seconds = float(value) if value else math.nan
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), MAX_RETRY_AFTER) if math.isfinite(seconds) else None
