"""Objects of the API server, read within bounds: one object that is too deep or too large harms only itself.

The API server stores whatever a field of free form holds, to a depth of thousands and a size of megabytes. A decoder
fails on the first and takes 30 times the size of the second. Here a text that is small and shallow is decoded whole, as
almost all are. Of any other, each member that is within the bounds is decoded; ``UNREAD`` names the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from kalends.kube.wire.json_text import Incomplete, Malformed, members
from kalends.kube.wire.transport import JsonObject

UNREAD = "kalends.dev/unread"
"""The member that names those that were left out, each with the reason. The API server stores no such member."""
LATER = "is read apart"
"""The reason of what is within the bounds and was left out of a list, or of a watch, in order to read it alone."""
MOST_BYTES = 1_048_576
"""Bytes of a member that is decoded."""
MOST_VALUES = 180_000
"""Values in a text that is decoded at once: each takes about 80 bytes of memory. The largest spec that is
accepted has fewer, whatever it holds."""
MOST_BRACKETS = 900
"""Opening brackets of a text that is decoded without a look at its depth: the decoder's limit is 1,024."""
SMALL = 32_768
"""Bytes of an object that is shown whole to a reader whose own decoder recurses (kopf's)."""
FEW_VALUES = 1_000
FEW_BRACKETS = 400

_WHO = ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")


def read_object(text: bytes) -> JsonObject:
    """Return the object of a text, without the members that are beyond the bounds (``UNREAD`` names them).

    Raises:
        ValueError: It is no JSON object, or does not say which object it is.
    """
    if count_values(text) <= MOST_VALUES:
        try:
            return _object(orjson.loads(text))
        except orjson.JSONDecodeError:
            if _brackets(text) <= MOST_BRACKETS:
                raise
    return _in_part(text)


def read_who(text: bytes) -> JsonObject:
    """Return of an object who it is; all else is ``UNREAD``, and to be read apart.

    Raises:
        ValueError: It is no JSON object, or does not say which object it is.
    """
    found: JsonObject = {}
    left_out: dict[str, str] = {}
    try:
        for member in members(text):
            if member.name == "metadata":
                found["metadata"], _ = _metadata(text[member.start : member.end], _WHO)
            elif member.end - member.start <= 256:  # noqa: PLR2004 - kind and apiVersion
                found[member.name] = orjson.loads(text[member.start : member.end])
            else:
                left_out[member.name] = LATER
    except Incomplete as error:
        raise ValueError("the text ends before the object does") from error
    return {**found, UNREAD: left_out}


def is_small(text: bytes) -> bool:
    """Return whether any decoder can read a text, and a thousand of them stay small in memory."""
    return len(text) <= SMALL and _brackets(text) <= FEW_BRACKETS and count_values(text) <= FEW_VALUES


def unread(obj: Mapping[str, Any]) -> Mapping[str, str]:
    """Return which members of an object were left out, and why."""
    found: Mapping[str, str] = obj.get(UNREAD) or {}
    return found


def read_line(text: bytes, read: Callable[[bytes], JsonObject] = read_object) -> tuple[str, JsonObject]:
    """Return the type and the object of one line of a watch.

    Raises:
        ValueError: It is no such line, or does not say which object it is about.
    """
    if count_values(text) <= MOST_VALUES and _brackets(text) <= MOST_BRACKETS and read is read_object:
        line = _object(orjson.loads(text))
        return str(line["type"]), _object(line["object"])
    kind, obj = "", None
    try:
        for member in members(text):
            value = text[member.start : member.end]
            if member.name == "type":
                kind = str(orjson.loads(value))
            elif member.name == "object":
                obj = read(value)
    except Incomplete as error:
        raise ValueError("the line ends before its object does") from error
    if obj is None:
        raise Malformed("a line without an object")
    return kind, obj


def read_small(text: bytes) -> JsonObject:
    """Return the whole object of a small text; of any other, who it is.

    Raises:
        ValueError: It is no JSON object, or does not say which object it is.
    """
    return _object(orjson.loads(text)) if is_small(text) else read_who(text)


def _in_part(text: bytes) -> JsonObject:
    found: JsonObject = {}
    left_out: dict[str, str] = {}
    try:
        for name, start, end in members(text):
            value = text[start:end]
            if name == "metadata":
                found[name], problem = _metadata(value)
            else:
                problem = _member_into(found, name, value)
            if problem is not None:
                left_out[name] = problem
    except Incomplete as error:
        raise ValueError("the text ends before the object does") from error
    return {**found, UNREAD: left_out} if left_out else found


def _metadata(text: bytes, only: tuple[str, ...] = ()) -> tuple[JsonObject, str | None]:
    """Return the members of an object's metadata that are within the bounds, and what is wrong with the others.

    Raises:
        ValueError: Its name is not among them.
    """
    found: JsonObject = {}
    problem = None
    for name, start, end in members(text):
        if not only or name in only:
            problem = _member_into(found, name, text[start:end]) or problem
    if not isinstance(found.get("name"), str):
        raise Malformed("an object without a name")
    return found, problem


def _member_into(found: JsonObject, name: str, text: bytes) -> str | None:
    """Put the value of a text into an object, unless it is beyond the bounds: then return in which way."""
    if len(text) > MOST_BYTES:
        return f"is {len(text):,} bytes long"
    if count_values(text) > MOST_VALUES:
        return f"holds about {count_values(text):,} values"
    try:
        found[name] = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if _brackets(text) <= MOST_BRACKETS:
            raise
        return f"is nested too deeply ({str(error).partition(':')[0]})"
    return None


def _object(value: Any) -> JsonObject:
    if not isinstance(value, dict):
        raise Malformed("must be a JSON object")
    return value


def _brackets(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def count_values(text: bytes) -> int:
    """Return an upper bound of the number of values in a text."""
    return _brackets(text) + text.count(b",")
