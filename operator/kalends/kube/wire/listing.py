"""Lists of the API server, cut into their items as the bytes come: never all of a long one is in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import TypeVar

import orjson

from kalends.kube.wire.bounded_objects import MOST_VALUES, count_values
from kalends.kube.wire.json_text import Incomplete, Malformed, Member, after_space, next_item, next_member, next_name
from kalends.kube.wire.transport import JsonObject

SHORT = 4_194_304
"""Bytes of a list that is decoded whole, unless it holds too many values or nests too deeply."""

Read = Callable[[bytes], JsonObject]
"""Makes an object of an item's text, or raises ValueError."""
Skipped = Callable[[bytes, ValueError], None]
"""Receives the text of an item that could not be read."""
Step = TypeVar("Step")


async def read_list(chunks: AsyncIterator[bytes], read: Read, skipped: Skipped) -> AsyncGenerator[JsonObject, None]:
    """Yield a list in parts, each with a bounded number of values in ``items``; the last part has its ``metadata``.

    Raises:
        ValueError: The text is no list.
    """
    beginning: list[bytes] = []
    size = 0
    async for chunk in chunks:
        beginning.append(chunk)
        size += len(chunk)
        if size > SHORT:
            break
    else:
        whole = _decoded(b"".join(beginning))
        if whole is not None:
            yield whole
            return
    parts = _Parts(read, skipped)
    for chunk in beginning:
        for part in parts.feed(chunk):
            yield part
    beginning.clear()
    async for chunk in chunks:
        for part in parts.feed(chunk):
            yield part
    for part in parts.close():
        yield part


def _decoded(text: bytes) -> JsonObject | None:
    """Return a list whose text is within the bounds; None if its items must be read separately."""
    if count_values(text) > MOST_VALUES:
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict):
        raise Malformed("a list must be an object with metadata")
    return found


class _Parts:
    """Gathers items into parts."""

    def __init__(self, read: Read, skipped: Skipped) -> None:
        self._values = 0
        self._items: list[JsonObject] = []
        self._read = read
        self._reader = ListReader(self._weigh, skipped)

    def _weigh(self, text: bytes) -> JsonObject:
        self._values += count_values(text)
        return self._read(text)

    def feed(self, chunk: bytes) -> Iterator[JsonObject]:
        for item in self._reader.feed(chunk):
            self._items.append(item)
            if self._values > MOST_VALUES:
                yield {"metadata": {}, "items": self._taken()}

    def close(self) -> Iterator[JsonObject]:
        self._items.extend(self._reader.close())
        if not isinstance(self._reader.head.get("metadata"), dict):
            raise Malformed("a list must have metadata")
        yield {**self._reader.head, "items": self._taken()}

    def _taken(self) -> list[JsonObject]:
        taken, self._items, self._values = self._items, [], 0
        return taken


class ListReader:
    """Cuts the text of a list into its items as the bytes come, so that never all of it is in memory.

    ``read`` makes an object of an item's text; an item of which it raises ValueError is given to ``skipped``. After the
    last byte, ``head`` holds the list's other members.
    """

    def __init__(self, read: Callable[[bytes], JsonObject], skipped: Callable[[bytes, ValueError], None]) -> None:
        self.head: JsonObject = {}
        self._read = read
        self._skipped = skipped
        self._text = b""
        self._chunks: list[bytes] = []
        self._size = 0
        self._enough = 0
        """Bytes to wait for before the next look: an item of megabytes is not scanned again with every chunk."""
        self._at = 0
        self._steps = self._parse()
        self._over = False

    def feed(self, chunk: bytes) -> Iterator[JsonObject]:
        """Yield the items that are complete by now.

        Raises:
            Malformed: The text is no list.
        """
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size >= self._enough:
            yield from self._continue()

    def close(self) -> Iterator[JsonObject]:
        """Yield the items that were waited for.

        Raises:
            Malformed: The text is no list, or not a whole one.
        """
        yield from self._continue()
        if not self._over:
            raise Malformed("the list was cut short")

    def _continue(self) -> Iterator[JsonObject]:
        self._text = self._text[self._at :] + b"".join(self._chunks)
        self._at = 0
        self._chunks.clear()
        for item in self._steps:
            if item is None:
                break
            yield item
        else:
            self._over = True
        self._size = len(self._text) - self._at
        self._enough = 2 * self._size

    def _parse(self) -> Iterator[JsonObject | None]:
        """Yield items, and None where more bytes are needed. Everything before ``_at`` has been read."""
        yield from self._until(self._enter)
        while True:
            name, start = yield from self._until(lambda: next_name(self._text, self._at))
            if name is None:
                return
            if name == "items" and self._text[start : start + 1] == b"[":
                self._at = start + 1
                yield from self._items()
                continue
            value = yield from self._until(self._member)
            self.head[name] = orjson.loads(value)

    def _items(self) -> Iterator[JsonObject | None]:
        while True:
            found = yield from self._until(lambda: next_item(self._text, self._at))
            if isinstance(found, int):
                self._at = found
                return
            start, self._at = found
            text = self._text[start : self._at]
            try:
                item = self._read(text)
            except ValueError as error:
                self._skipped(text, error)
            else:
                yield item

    @staticmethod
    def _until(step: Callable[[], Step]) -> Generator[None, None, Step]:
        """Return what ``step`` returns, once there are enough bytes for it."""
        while True:
            try:
                return step()
            except Incomplete:
                yield None

    def _enter(self) -> None:
        at = after_space(self._text, self._at)
        if self._text[at : at + 1] != b"{":
            raise Malformed("a list must be an object")
        self._at = at + 1

    def _member(self) -> bytes:
        found = next_member(self._text, self._at)
        assert isinstance(found, Member)  # noqa: S101 - for the type checker: its name was just read
        self._at = found.end
        return self._text[found.start : found.end]
