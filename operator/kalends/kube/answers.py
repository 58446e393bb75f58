"""What the API server's answers say: objects, errors, and lines of a watch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, cast

import orjson

from kalends.errors import ApiError
from kalends.kube.transport import JsonObject

LONGEST_MESSAGE = 1024


def is_success(status: int) -> bool:
    """Tell whether an HTTP status means that the server did what it was asked."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def decode(status: int, body: bytes) -> JsonObject:
    """Return the object that an answer holds. Anything else is an ApiError: a proxy's page of HTML, for one."""
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ApiError(status, "InvalidAnswer", f"must be JSON, got {_excerpt(body)!r}") from error
    if not isinstance(decoded, dict):
        raise ApiError(status, "InvalidAnswer", f"must be a JSON object, got {_excerpt(body)!r}")
    return cast("JsonObject", decoded)


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Return the error that an answer tells of, as well as it tells it."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict) or told.get("kind") != "Status":
        told = {"message": _excerpt(body)}
    return error_of_status(told, status, _seconds(headers.get("Retry-After")))


def error_of_status(told: Mapping[str, Any], status: int, retry_after: float | None = None) -> ApiError:
    """Return the error that a ``Status`` object tells of; ``status``, unless 0, goes before its own code."""
    code = status or int(told.get("code") or 0) or int(HTTPStatus.INTERNAL_SERVER_ERROR)
    details = told.get("details")
    details = details if isinstance(details, dict) else {}
    if retry_after is None:
        retry_after = _seconds(details.get("retryAfterSeconds"))
    reason = str(told.get("reason") or "") or _phrase(code)
    message = str(told.get("message") or reason)
    return ApiError(code, reason, message, retry_after=retry_after, causes=_causes(details.get("causes")))


def _causes(causes: Any) -> list[str]:
    """Return the reasons of ``details.causes``, as far as they can be read."""
    if not isinstance(causes, list):
        return []
    return [str(one["reason"]) for one in causes if isinstance(one, dict) and one.get("reason")]


class Lines:
    """Cuts bytes, as they come, into the lines of a watch."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[JsonObject]:
        """Yield the decoded lines that are complete by now. A line that is no JSON object is an ApiError."""
        *complete, rest = chunk.split(b"\n")
        if not complete:
            self._rest += rest
            return
        complete[0] = self._rest + complete[0]
        self._rest = rest
        for line in complete:
            if line:
                yield decode(0, line)


def _excerpt(body: bytes) -> str:
    return body[:LONGEST_MESSAGE].decode(errors="replace").strip()


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase.replace(" ", "")
    except ValueError:
        return "UnknownError"


def _seconds(value: Any) -> float | None:
    """Return a pause of a whole number of seconds. A date, which HTTP allows, is not what API servers send."""
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:
        return None
