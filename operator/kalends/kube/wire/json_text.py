"""Where the values of a JSON text begin and end, found without recursion and without decoding them.

Decoders recurse: a text that nests a thousand deep makes them fail, and with it whatever else is in the same answer.
This scanner has no such limit. It takes for granted that the text is JSON, as the API server has parsed it; of a text
that is not, it finds some end or none, and the decoder has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

# One regular expression passes over strings, scalars and containers that hold no container, in C; its possessive
# quantifiers keep it linear. Only runs of the brackets further out are counted in Python.
_FLAT = rb'[^\[\]{}"]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SKIPPED = re.compile(rb"(?:%s|[\[{](?:%s)*+[\]}])*+" % (_FLAT, _FLAT), re.DOTALL)
_BRACKETS = re.compile(rb"[\[{]++|[\]}]++")
_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[^\[\]{}\",: \t\r\n]++")
_OPENING, _CLOSING = frozenset(b"[{"), frozenset(b"]}")
_QUOTE, _COMMA, _COLON = b'",:'


class Incomplete(Exception):
    """The text ends before the value does."""


class Malformed(ValueError):
    """The text is not JSON."""


class Member(NamedTuple):
    """One member of an object: its value is ``text[start:end]``."""

    name: str
    start: int
    end: int


def after_space(text: bytes, at: int) -> int:
    """Return the place of the next byte that is not white space.

    Raises:
        Incomplete: There is none.
    """
    found = _SPACE.match(text, at)
    end = at if found is None else found.end()
    if end >= len(text):
        raise Incomplete
    return end


def value_end(text: bytes, start: int) -> int:
    """Return the place after the value that begins at ``start``.

    Raises:
        Incomplete: The text ends before it.
        Malformed: No value begins there.
    """
    first = text[start]
    if first in _OPENING:
        return _container_end(text, start)
    if first == _QUOTE:
        found = _STRING.match(text, start)
        if found is None:
            raise Incomplete
        return found.end()
    found = _SCALAR.match(text, start)
    if found is None:
        raise Malformed(f"no value at byte {start}")
    if found.end() == len(text):
        raise Incomplete  # more digits may follow
    return found.end()


def _container_end(text: bytes, start: int) -> int:
    depth, at = 0, start
    while True:
        run = _BRACKETS.match(text, at)
        if run is None:
            raise Incomplete  # the text ends, or does so within a string
        length = run.end() - at
        if text[at] in _OPENING:
            depth += length
        elif length < depth:
            depth -= length
        else:
            return at + depth
        skipped = _SKIPPED.match(text, run.end())
        at = run.end() if skipped is None else skipped.end()


def _after_comma(text: bytes, at: int) -> int:
    """Return the place of what comes next in an object or an array, after a comma or not."""
    at = after_space(text, at)
    return after_space(text, at + 1) if text[at] == _COMMA else at


def next_member(text: bytes, at: int) -> Member | int:
    """Return the member whose name begins at ``at``, after a comma or not; or the place after the object's end.

    Raises:
        Incomplete: The text ends before it.
        Malformed: There is neither.
    """
    name, start = next_name(text, at)
    if name is None:
        return start
    return Member(name, start, value_end(text, start))


def next_name(text: bytes, at: int) -> tuple[str | None, int]:
    """Return the name of the next member, and where its value begins; None and the place after an object's end.

    Raises:
        Incomplete: The text ends before it.
        Malformed: There is neither.
    """
    at = _after_comma(text, at)
    if text[at] in _CLOSING:
        return None, at + 1
    if text[at] != _QUOTE:
        raise Malformed(f"no member at byte {at}")
    end = value_end(text, at)
    name: Any = orjson.loads(text[at:end])
    at = after_space(text, end)
    if text[at] != _COLON:
        raise Malformed(f"no colon at byte {at}")
    return name, after_space(text, at + 1)


def members(text: bytes, start: int = 0) -> Iterator[Member]:
    """Yield the members of the object that begins at ``start``.

    Raises:
        Incomplete: The text ends before the object does.
        Malformed: It is no object.
    """
    at = after_space(text, start)
    if text[at : at + 1] != b"{":
        raise Malformed(f"no object at byte {at}")
    found = next_member(text, at + 1)
    while isinstance(found, Member):
        yield found
        found = next_member(text, found.end)


def next_item(text: bytes, at: int) -> tuple[int, int] | int:
    """Return where the next item of an array begins and ends; or the place after the array's end.

    Raises:
        Incomplete: The text ends before it.
        Malformed: There is neither.
    """
    at = _after_comma(text, at)
    if text[at] in _CLOSING:
        return at + 1
    return at, value_end(text, at)
