"""The server's end of a watch, and the client's."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping

import orjson

from kalends.errors import ApiError
from kube.fake_objects import Collection, Object, Objects, Write
from kube.fake_selectors import Matches

# Fake time moves in microseconds: what is due within one is due.
TICK = 1e-6


class Watch:
    """Reads the history from a version on, for one collection.

    ``periods`` are, in seconds, how long it lasts, and how often it sends a bookmark.
    """

    def __init__(
        self,
        objects: Objects,
        collection: Collection,
        namespace: str | None,
        selects: Matches,
        version: int,
        periods: tuple[float, float],
    ) -> None:
        self._objects = objects
        self.collection = collection
        self._namespace = namespace
        self._selects = selects
        self._version = version
        self._time = asyncio.get_running_loop().time
        self._ends_at = self._time() + periods[0]
        self._bookmark_period = periods[1]
        self._next_bookmark = self._time() + periods[1]
        self._said: list[Object] = []
        self._ended = False
        self._broken = False
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    def say(self, line: Object) -> None:
        self._said.append(line)
        self.wake()

    def end(self, *, broken: bool = False) -> None:
        self._ended, self._broken = True, broken
        self.wake()

    async def read(self) -> bytes:
        while True:
            if self._broken:
                raise ApiError(0, "Unreachable", "the connection broke")
            lines = [*self._news(), *self._said]
            self._said.clear()
            if lines:
                return b"".join(orjson.dumps(line) + b"\n" for line in lines)
            if self._ended or self._is_past(self._ends_at):
                return b""
            if self._is_past(self._next_bookmark):
                self._next_bookmark += self._bookmark_period
                if self._is_ahead():
                    continue
                return orjson.dumps(self._bookmark()) + b"\n"
            await self._wait()

    async def _wait(self) -> None:
        self._woken.clear()
        until = min(self._ends_at, self._next_bookmark)
        try:
            async with asyncio.timeout(until - self._time()):
                await self._woken.wait()
        except TimeoutError:
            return

    def _is_past(self, moment: float) -> bool:
        return self._time() + TICK >= moment

    def _news(self) -> Iterator[Object]:
        if self._is_ahead():
            return
        if self._version < self._objects.oldest_known:
            status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
            yield {"type": "ERROR", "object": status}
            self.end()
        else:
            history = self._objects.history
            for write in history[bisect_right(history, self._version, key=lambda write: write.version) :]:
                change = self._change(write)
                if change is not None:
                    yield change
        self._version = self._objects.version

    def _is_ahead(self) -> bool:
        """Tell whether the version is one of the future: a server that was restored from a backup waits in silence."""
        return self._version > self._objects.version

    def _change(self, write: Write) -> Object | None:
        """Return what this watch says of a write: with a selector, leaving the selection is a deletion."""
        if write.collection != self.collection:
            return None
        if self._namespace not in {None, write.after["metadata"].get("namespace", "")}:
            return None
        was_seen = write.before is not None and self._selects(write.before)
        is_seen = write.kind != "DELETED" and self._selects(write.after)
        if is_seen:
            return {"type": "MODIFIED" if was_seen else "ADDED", "object": self._objects.shown(write.after)}
        return {"type": "DELETED", "object": write.after} if was_seen else None

    def _bookmark(self) -> Object:
        metadata = {"resourceVersion": str(self._objects.version)}
        return {"type": "BOOKMARK", "object": {"kind": self.collection.kind, "metadata": metadata}}


class FakeStream:
    """The client's end: what it reads goes through the connection, which may be cut."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        content: Watch | bytes,
        whole: asyncio.Event,
        forget: Callable[[Watch], None],
    ) -> None:
        self.status = status
        self.headers = headers
        self._content = content
        self._whole = whole
        self._forget = forget

    async def read(self) -> bytes:
        if isinstance(self._content, bytes):
            content, self._content = self._content, b""
            return content
        chunk = await self._content.read()
        await self._whole.wait()
        return chunk

    def close(self) -> None:
        if isinstance(self._content, Watch):
            self._forget(self._content)
