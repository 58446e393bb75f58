"""A proxy in front of the API server that injects faults: refusals, slow answers, lost answers, watches that break.

It serves with the API server's own certificate, so that a kubeconfig file differs in the port alone. It runs in a
thread; what it does is chosen by assigning another :class:`Weather`, at any moment.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from devcluster import ControlPlane
from devcluster.credentials import write_secret
from devcluster.ports import LOOPBACK, free_port

LARGEST_HEAD = 2**20
CHUNK = 2**16
LOOK_EVERY = 0.2
"""Seconds between two looks at whether a watch is to be dropped."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to requests; shares are from 0 to 1, of the requests that the earlier ones have left alone."""

    refused: float = 0.0
    """Answered with 429 or 500, by turns of chance; not passed on."""
    retry_after: str = "1"
    """What an answer with 429 asks for, in seconds."""
    slow: float = 0.0
    """Answered ``slow_seconds`` late."""
    slow_seconds: float = 5.0
    lost: float = 0.0
    """Passed on, but the connection is cut instead of answered."""
    gone: float = 0.0
    """Watches that are answered with 410 Gone, as a status or as an event."""
    watch_seconds: float = 0.0
    """Watches are dropped after so many seconds on average; 0: they are not."""
    cut_off: bool = False
    """No connection gets through, and those that there are hang: a network that drops packets."""


CLEAR = Weather()


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    head: bytes
    body: bytes

    @property
    def is_watch(self) -> bool:
        return bool(re.search(r"[?&]watch=(1|true)", self.target, re.IGNORECASE))

    @property
    def kind(self) -> str:
        """The verb and the resource, as in ``PATCH scheduledjobs/status``."""
        path = urlsplit(self.target).path
        found = re.search(r"/(?:namespaces/[^/]+/)?([a-z]+)(?:/[^/]+(/status)?)?$", path)
        resource = path if found is None else found[1] + (found[2] or "")
        return f"{'WATCH' if self.is_watch else self.method} {resource}"


class Proxy:
    """Serves until it is closed."""

    def __init__(self, control_plane: ControlPlane, chance: random.Random) -> None:
        self.weather = CLEAR
        self.counted: Counter[str] = Counter()
        """Requests, by kind."""
        self.harmed: Counter[str] = Counter()
        """What was done to them."""
        self._chance = chance
        self._upstream = control_plane.addresses.api_server_port
        self.port = free_port()
        self._secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._secure.load_cert_chain(control_plane.certificate, control_plane.certificate.with_suffix(".key"))
        self._trusting = ssl.create_default_context(cafile=str(control_plane.certificate))
        self._kubeconfig = control_plane.kubeconfig
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig file that leads here, and return where it is."""
        text = re.sub(rf"https://{LOOPBACK}:{self._upstream}\b", f"https://{LOOPBACK}:{self.port}", self._text())
        write_secret(path, text)
        return path

    def _text(self) -> str:
        return self._kubeconfig.read_text()

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(
            self._connected, LOOPBACK, self.port, ssl=self._secure, limit=LARGEST_HEAD
        )

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        line = _Line(reader, writer, self._upstream, self._trusting)
        try:
            async for request in line.requests():
                self.counted[request.kind] += 1
                if not await self._answer(request, line):
                    break
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # either side has gone, or the test is over
        finally:
            self._connections.discard(task)
            line.close()

    async def _answer(self, request: _Request, line: _Line) -> bool:
        """Answer one request; return whether the connection can be used again."""
        weather, draw = self.weather, self._chance.random
        if weather.cut_off:
            self.harmed["cut off"] += 1
            await self._until_through()
            return False
        if instead := self._refusal(request, weather):
            line.say(instead)
            return True
        if not request.is_watch and draw() < weather.slow:
            self.harmed["slow"] += 1
            await asyncio.sleep(weather.slow_seconds)
        if not request.is_watch and draw() < weather.lost:
            self.harmed["lost"] += 1
            await line.ask(request)
            await line.swallow_head()
            return False
        await line.ask(request)
        return await (self._relay_watch(line) if request.is_watch else line.relay(self))

    async def _relay_watch(self, line: _Line) -> bool:
        """Forward a watch until it ends, or until an injected fault breaks it."""
        relaying = asyncio.create_task(line.relay(self))
        try:
            while not relaying.done():
                await asyncio.wait([relaying], timeout=LOOK_EVERY)
                life = self.weather.watch_seconds
                if not relaying.done() and life and self._chance.random() < LOOK_EVERY / life:
                    self.harmed["dropped"] += 1
                    return False
            return await relaying
        finally:
            relaying.cancel()
            await asyncio.gather(relaying, return_exceptions=True)

    def _refusal(self, request: _Request, weather: Weather) -> bytes | None:
        draw = self._chance.random
        if draw() < weather.refused:
            self.harmed["refused"] += 1
            return refusal(429 if draw() < 0.5 else 500, weather.retry_after)
        if request.is_watch and draw() < weather.gone:
            self.harmed["gone"] += 1
            return refusal(410) if draw() < 0.5 else gone_event()
        return None

    async def _until_through(self) -> None:
        while self.weather.cut_off:
            await asyncio.sleep(0.1)

    async def hold(self) -> None:
        """Hold up what is being passed on while the network is cut."""
        if self.weather.cut_off:
            await self._until_through()
            raise EOFError


class _Line:
    """One client's connection, and ours to the API server behind it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, trusting: ssl.SSLContext
    ) -> None:
        self._reader, self._writer = reader, writer
        self._port, self._trusting = port, trusting
        self._their_reader: asyncio.StreamReader | None = None
        self._their_writer: asyncio.StreamWriter | None = None

    async def requests(self) -> AsyncIterator[_Request]:
        while True:
            try:
                head = await self._reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                return
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
            length = int(header(head, "content-length") or "0")
            yield _Request(method, target, head, await self._reader.readexactly(length))

    async def ask(self, request: _Request) -> None:
        if self._their_writer is None:
            opened = asyncio.open_connection(LOOPBACK, self._port, ssl=self._trusting, limit=LARGEST_HEAD)
            self._their_reader, self._their_writer = await opened
        self._their_writer.write(request.head + request.body)
        await self._their_writer.drain()

    async def swallow_head(self) -> None:
        assert self._their_reader is not None
        await self._their_reader.readuntil(b"\r\n\r\n")

    async def relay(self, proxy: Proxy) -> bool:
        """Pass an answer on as it comes; return whether both connections can be used again."""
        assert self._their_reader is not None
        head = await self._their_reader.readuntil(b"\r\n\r\n")
        await proxy.hold()
        self._writer.write(head)
        length = header(head, "content-length")
        if length is not None:
            left = int(length)
            while left:
                data = await self._their_reader.read(min(left, CHUNK))
                if not data:
                    raise EOFError
                left -= len(data)
                self._writer.write(data)
                await self._writer.drain()
        elif header(head, "transfer-encoding") == "chunked":
            await self._relay_chunks(self._their_reader, proxy)
        elif b" 204 " not in head.split(b"\r\n", 1)[0] and b" 304 " not in head.split(b"\r\n", 1)[0]:
            return False
        await self._writer.drain()
        return header(head, "connection") != "close"

    async def _relay_chunks(self, reader: asyncio.StreamReader, proxy: Proxy) -> None:
        while True:
            size = await reader.readuntil(b"\r\n")
            data = await reader.readexactly(int(size.split(b";")[0], 16) + 2)
            await proxy.hold()
            self._writer.write(size + data)
            await self._writer.drain()
            if len(data) == 2:
                return

    def say(self, answer: bytes) -> None:
        self._writer.write(answer)

    def close(self) -> None:
        for writer in (self._writer, self._their_writer):
            if writer is not None:
                writer.transport.abort()


def header(head: bytes, name: str) -> str | None:
    """Return a header's value in lower case, or None."""
    found = re.search(rb"\r\n" + name.encode() + rb":[ \t]*([^\r\n]*)", head, re.IGNORECASE)
    return None if found is None else found[1].decode().strip().lower()


def status(code: int) -> dict[str, object]:
    """Return a Status object as the API server has them."""
    reasons = {429: "TooManyRequests", 500: "InternalError", 410: "Expired"}
    said = {429: "too many requests", 500: "an error on the server", 410: "too old resource version"}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"{said[code]} (made by a test)",
        "reason": reasons[code],
        "code": code,
    }


def refusal(code: int, retry_after: str = "1") -> bytes:
    """Return an answer that refuses."""
    body = json.dumps(status(code)).encode()
    words = {429: "Too Many Requests", 500: "Internal Server Error", 410: "Gone"}
    retry = f"Retry-After: {retry_after}\r\n" if code == 429 else ""
    return (
        f"HTTP/1.1 {code} {words[code]}\r\nContent-Type: application/json\r\n{retry}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def gone_event() -> bytes:
    """Return a watch that ends at once, with an event that says that its version is too old."""
    event = json.dumps({"type": "ERROR", "object": status(410)}).encode() + b"\n"
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + (
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(event), event)
    )


@dataclass(slots=True)
class Busyness:
    """How many requests there were in a while."""

    proxy: Proxy
    at: float
    before: int

    @classmethod
    def since_now(cls, proxy: Proxy) -> Self:
        """Begin to count."""
        return cls(proxy, time.monotonic(), proxy.counted.total())

    def per_second(self) -> float:
        """Return how many there were in a second, on average."""
        return (self.proxy.counted.total() - self.before) / (time.monotonic() - self.at)
