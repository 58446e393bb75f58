"""What stores of small values share: names of keys and nodes for any ID, and definitions that are stored in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import TypeVar
from urllib.parse import quote, unquote

_MARK = b"\0parts:"
_LONGEST_COUNT = 4
"""Digits of a number of parts."""
_T = TypeVar("_T")


def name_of(job_id: str) -> str:
    """Return an ID as ASCII text without slashes and control characters, which no other ID has."""
    name = quote(job_id, safe=" ")
    return name.replace(".", "%2E") if name in {".", ".."} else name


def id_of(name: str) -> str:
    """Return the ID that has a name."""
    return unquote(name)


@dataclass(frozen=True, slots=True)
class Parts:
    """A definition that is too large for a single value. Its parts are written before the value that names them."""

    token: str
    """Distinguishes the parts from those of every other write."""
    count: int

    @property
    def value(self) -> bytes:
        """What is stored in place of the definition."""
        return _MARK + f"{self.token}:{self.count}".encode()

    @property
    def names(self) -> list[str]:
        """The names of the parts, in their order."""
        return [f"{self.token}-{number:04}" for number in range(self.count)]


def divided(definition: bytes, size: int) -> tuple[Parts, list[bytes]]:
    """Return a definition in parts of at most ``size`` bytes."""
    parts = [definition[start : start + size] for start in range(0, len(definition), size)]
    return Parts(token_hex(8), len(parts)), parts


def parts_in(value: bytes) -> Parts | None:
    """Return the parts that a value names, or None if it is a definition itself."""
    if not value.startswith(_MARK):
        return None
    token, _, count = value[len(_MARK) :].decode(errors="replace").partition(":")
    if not count.isdecimal() or len(count) > _LONGEST_COUNT:
        return None  # it was damaged
    return Parts(token, int(count))


def batches(
    items: Sequence[_T], cost: Callable[[_T], tuple[int, int]], most: int, most_bytes: int
) -> Iterator[list[_T]]:
    """Yield items in groups, each with at most so many operations and bytes, or a single item above them.

    Args:
        items: What is to be written.
        cost: Returns the operations and the bytes of an item.
        most: Operations of a group.
        most_bytes: Bytes of a group.
    """
    group: list[_T] = []
    operations = size = 0
    for item in items:
        more, bytes_ = cost(item)
        if group and (operations + more > most or size + bytes_ > most_bytes):
            yield group
            group, operations, size = [], 0, 0
        group.append(item)
        operations += more
        size += bytes_
    if group:
        yield group
