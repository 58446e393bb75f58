"""Writes a run's result or error as short, clean text."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from typing import Any

import orjson

from kalends.executors.redaction import LONGEST_VALUE, REDACTED, redacted

RESULT_LIMIT = 1024
"""Bytes of UTF-8. A status is read by many and written often: results are cut, not refused."""
LOOKED_AT = 16 * 1024
"""Characters of a text that are looked at: what takes long holds up every other thread."""
MOST_PARTS = 3
"""Notes, and errors of a group, that the text of an exception has."""

_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
# Line breaks and tabs stay. Marks that turn the direction of writing can make a text read as what it is not.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


# Marks that take no room on the screen.
_HIDDEN = re.compile(r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


def clean(text: str, limit: int = RESULT_LIMIT) -> str:
    """Return text that is safe to show: no secrets or control characters, at most ``limit`` bytes of UTF-8."""
    whole = len(text) <= LOOKED_AT
    text = _ESCAPE_SEQUENCE.sub("", str(text[:LOOKED_AT]).rstrip("\n").replace("\r\n", "\n"))
    text = _HIDDEN.sub("", text)
    # A control character within a secret, or its name, must not hide it from the search.
    searched = redacted(_CONTROL.sub("", text))
    text = searched if REDACTED in searched else text
    if not whole:
        text = text[:-LONGEST_VALUE] + "…"  # the end may be the first half of a secret
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    return encoded[: limit - 3].decode(errors="ignore") + "…"


def result_text(value: Any) -> tuple[str | None, str]:
    """Return a task's value as JSON, cut to the limit, and a message if it is not JSON.

    A value that is not JSON does not make a run that did its work a failure: the run has no result, and says why.
    """
    if value is None:
        return None, ""
    try:
        return clean(orjson.dumps(_Excerpt().of(value)).decode()), ""
    except BaseException as error:  # noqa: BLE001 - the value's own code may be called, and raise whatever it likes
        return None, clean(f"its result is not kept, as it is no JSON value: {text_of(error)}")


class _Excerpt:
    """Copies as much of a value as the limit allows: writing a hundred megabytes takes long, and is never read."""

    def __init__(self) -> None:
        self._left = LOOKED_AT

    def of(self, value: Any) -> Any:
        self._left -= 1
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            taken = itertools.takewhile(self._has_room, value.items())
            return {self._text(key) if isinstance(key, str) else key: self.of(item) for key, item in taken}
        if isinstance(value, list | tuple):
            return [self.of(item) for item in itertools.takewhile(self._has_room, value)]
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value) if not field.name.startswith("_")]
            return {name: self.of(getattr(value, name)) for name in names}
        return value

    def _text(self, text: str) -> str:
        part = text[: max(self._left, 0)]
        self._left -= len(part)
        return part

    def _has_room(self, _: object) -> bool:
        return self._left > 0


def error_text(error: BaseException) -> str:
    """Return an exception's type and message, its notes, and the errors that it groups or that caused it."""
    parts = [_named(error)]
    with contextlib.suppress(BaseException):  # attributes may be properties of the exception's own class
        notes = getattr(error, "__notes__", None)
        parts += [text_of(note) for note in notes[:MOST_PARTS]] if isinstance(notes, list) else []
    if isinstance(error, BaseExceptionGroup):
        grouped = BaseExceptionGroup.__dict__["exceptions"].__get__(error)
        parts += [f"of these: {_named(one)}" for one in grouped[:MOST_PARTS]]
    cause = BaseException.__dict__["__cause__"].__get__(error)
    if cause is not None:
        parts.append(f"caused by {_named(cause)}")
    return clean("; ".join(parts))


def _named(error: BaseException) -> str:
    # The class's own name: a metaclass may have a `__name__` that raises.
    name = str.__str__(type.__dict__["__name__"].__get__(type(error)))
    message = text_of(error)
    return f"{name}: {message}" if message else name


def text_of(value: object) -> str:
    """Return ``str(value)``, cut. It never raises, although the value's own code makes the text, and may be wrong."""
    try:
        # A subclass of `str` is text as well, and may have methods that raise.
        return str.__str__(str(value))[:LOOKED_AT]
    except BaseException as again:  # noqa: BLE001 - SystemExit out of `__str__` would end the thread of a pool
        return f"(its text cannot be shown: {type.__dict__['__name__'].__get__(type(again))})"
