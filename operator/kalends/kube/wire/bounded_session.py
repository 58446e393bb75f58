"""An aiohttp session whose answers are read within bounds, for a client whose own decoder recurses.

kopf decodes lists with ``response.json()`` and watches line by line with ``json.loads``. Both take what this session's
responses give them: small objects as they came, and of any other who it is (``bounded.read_small``).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson
from multidict import CIMultiDict, CIMultiDictProxy
from typing_extensions import override

from kalends.kube.wire.bounded_objects import is_small, read_line, read_small
from kalends.kube.wire.listing import read_list
from kalends.kube.wire.responses import seconds_to_wait
from kalends.kube.wire.transport import JsonObject

log = logging.getLogger(__name__)

RETRY_AFTER = "Retry-After"
Heard = Callable[[], None]


def bounded_session(
    *,
    headers: Mapping[str, str] | None,
    tls: ssl.SSLContext | None,
    proxy: str | None,
    trust_env: bool,
    heard: Heard,
    on_unreadable: Callable[[], None],
) -> aiohttp.ClientSession:
    """Return a session; its user closes it.

    Args:
        headers: Sent with every request.
        tls: How the server is verified; None where it is not reached by TLS.
        proxy: The URL of the proxy, if any.
        trust_env: Whether a proxy may come from the environment.
        heard: Called whenever bytes arrive from the server.
        on_unreadable: Called for each object that is left out, as it cannot be read at all.
    """

    class Response(_BoundedResponse):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.heard = heard
            self.on_unreadable = on_unreadable

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=tls if tls is not None else True),
        headers=headers,
        proxy=proxy,
        trust_env=trust_env,
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=Response,
    )


class _BoundedResponse(aiohttp.ClientResponse):
    """Lists and watches, read within bounds; every other answer is left as it is."""

    heard: Heard
    on_unreadable: Callable[[], None]

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """Return the headers, with a bounded ``Retry-After``: kopf waits as long as it says."""
        if RETRY_AFTER not in self._headers:
            return self._headers
        bounded = CIMultiDict(self._headers)
        bounded[RETRY_AFTER] = f"{seconds_to_wait(bounded[RETRY_AFTER]) or 1:.0f}"
        return CIMultiDictProxy(bounded)

    @override
    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Take the beginning of the answer."""
        await super().start(connection)
        self.heard()
        if self.status == HTTPStatus.OK and "watch" in self.url.query:
            self.content = _SafeLines(self.content, self.heard, self._skipped)  # type: ignore[assignment]
        return self

    @override
    async def json(self, **options: Any) -> Any:
        """Return the answer's object."""
        if self.status != HTTPStatus.OK or "limit" not in self.url.query:
            return _with_bounded_pause(await super().json(**options))
        items: list[JsonObject] = []
        found: JsonObject = {}
        async with aclosing(read_list(self._chunks(), read_small, self._skipped)) as parts:
            async for found in parts:
                items.extend(found["items"] or ())
                await asyncio.sleep(0)
        return {**found, "items": items}

    async def _chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self.content.iter_any():
            self.heard()
            yield chunk

    def _skipped(self, text: bytes, error: ValueError) -> None:
        log.error("an object of %s cannot be read, and is left out: %s: %r", self.url.path, error, text[:200])
        self.on_unreadable()


class _SafeLines:
    """The stream of a watch, of which every line can be decoded and is small."""

    def __init__(
        self, content: aiohttp.StreamReader, heard: Heard, skipped: Callable[[bytes, ValueError], None]
    ) -> None:
        self._content = content
        self._heard = heard
        self._skipped = skipped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield whole lines, as many as have come."""
        rest: list[bytes] = []
        async for chunk in self._content.iter_chunked(size):
            self._heard()
            first, newline, more = chunk.partition(b"\n")
            rest.append(first)
            if not newline:
                continue
            *complete, last = more.split(b"\n")
            safe = [self._safe(line) for line in (b"".join(rest), *complete) if line]
            rest = [last]
            del first, more, complete
            yield b"".join(safe)
        if any(rest):
            yield b"".join(rest)

    def _safe(self, line: bytes) -> bytes:
        if is_small(line):
            return line + b"\n"
        try:
            kind, obj = read_line(line, read_small)
        except ValueError as error:
            self._skipped(line, error)
            return b""
        return orjson.dumps({"type": kind, "object": obj}) + b"\n"


def _with_bounded_pause(answer: Any) -> Any:
    """Return an answer in which ``details.retryAfterSeconds``, if it is there, is bounded."""
    details = answer.get("details") if isinstance(answer, dict) else None
    if not isinstance(details, dict) or not details.get("retryAfterSeconds"):
        return answer
    return {**answer, "details": {**details, "retryAfterSeconds": seconds_to_wait(details["retryAfterSeconds"]) or 1}}
