"""The way between one process and the API server: slow, lossy, cut; and what the server says when it is not well.

A request travels, is carried out, and its answer travels back; each leg takes a while that is drawn. The server's side
of it belongs to the world: what a process has sent before it was killed may or may not be carried out.

Watches follow the API server's promise: within one watch nothing is left out and nothing changes its order. What is
lost is lost because the watch broke before it was delivered; what comes twice comes twice in a row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kalends.errors import ApiError
from kalends.kube.wire.transport import Request, Response
from kube.fake_api import refusal_response
from kube.fake_watch import Watch
from simulation.chance import Chance
from simulation.loop import Process, SimulatedLoop
from simulation.server import Server


@dataclass(frozen=True, slots=True)
class Weather:
    """How the network and the server do just now; probabilities are per request."""

    latency: tuple[float, float] = (0.001, 0.02)
    slow: float = 0.0
    """How often a leg takes up to five seconds."""
    refused: float = 0.0
    """How often the server answers 429 or 5xx without doing anything."""
    lost: float = 0.0
    """How often a request, or its answer, never arrives; half of the time with a broken connection, else in silence."""
    down: bool = False
    """Whether nobody listens: connections are refused."""


FAIR = Weather()
REFUSALS: tuple[tuple[int, Mapping[str, str]], ...] = (
    (429, {"Retry-After": "1"}),
    (500, {}),
    (503, {}),
    (503, {"Retry-After": "2"}),
    (504, {}),
)


class Network:
    """All the ways, and one weather for them."""

    def __init__(self, server: Server, loop: SimulatedLoop, chance: Chance) -> None:
        self.server = server
        self.loop = loop
        self.chance = chance
        self.weather = FAIR
        self.stale = False
        """Whether nobody waits any more for the answer to what the server does just now."""
        self.on_arrival: Callable[[Process, Request], None] = lambda _process, _request: None

    def leg(self) -> float:
        """Return how long one way takes."""
        if self.chance.happens(self.weather.slow):
            return self.chance.between(0.1, 5.0)
        return self.chance.between(*self.weather.latency)


class Connection:
    """One process' transport."""

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self._process = process
        self._whole = asyncio.Event()
        self._whole.set()
        self._streams: dict[Stream, None] = {}
        self.on_send: Callable[[Request], None] = lambda _: None

    @property
    def owner(self) -> str:
        return self._process.name

    def cut(self) -> None:
        """From now on nothing arrives, in either direction, and nobody is told so."""
        self._whole.clear()

    def repair(self) -> None:
        self._whole.set()

    def break_watches(self, chance: Chance, share: float = 1.0) -> None:
        for stream in list(self._streams):
            if chance.happens(share):
                stream.break_off()

    # -- the port

    async def send(self, request: Request) -> Response:
        loop = self._network.loop
        answer: asyncio.Future[Response] = loop.create_future()
        self.on_send(request)
        loop.spawn(loop.world, self._travel(request, answer))
        return await answer

    async def open(self, request: Request) -> Stream:
        loop = self._network.loop
        content: Watch | Response
        if "watch" in request.params:
            opened: asyncio.Future[Any] = loop.create_future()
            loop.spawn(loop.world, self._travel_to_watch(request, opened))
            content = await opened
        else:
            content = await self.send(request)
        stream = Stream(content, self._network, self._whole, lambda: self._streams.pop(stream, None))
        self._streams[stream] = None
        return stream

    async def close(self) -> None:
        await asyncio.sleep(0)

    # -- the world's side

    async def _travel(self, request: Request, answer: asyncio.Future[Response]) -> None:
        response = await self.refusal_response_on_the_way(answer)
        if response is None:
            self._network.on_arrival(self._process, request)
            self._network.stale = answer.done() or not self._process.alive
            response = self._network.server.carry_out(self._process.name, request)
            self._network.stale = False
        if await self._comes_back(answer) and not answer.done():
            answer.set_result(response)

    async def _travel_to_watch(self, request: Request, opened: asyncio.Future[Any]) -> None:
        content: Watch | Response | None = await self.refusal_response_on_the_way(opened)
        if content is None:
            content = self._network.server.begin_watch(self._process.name, request)
        if await self._comes_back(opened) and not opened.done():
            opened.set_result(content)

    async def refusal_response_on_the_way(self, answer: asyncio.Future[Any]) -> Response | None:
        """Go there; return the answer of a server that does nothing, or None where it does what it is asked."""
        network, chance = self._network, self._network.chance
        await asyncio.sleep(network.leg())
        if network.weather.down:
            self._fail(answer, "connection refused")
            await _for_ever()
        if chance.happens(network.weather.lost / 2):
            await self._never_arrives(answer)
        await self._whole.wait()
        no_caller_waits = answer.done() or not self._process.alive
        if no_caller_waits and chance.happens(0.5):
            await _for_ever()  # it was still in the buffers of whoever sent it
        if chance.happens(network.weather.refused):
            status, headers = chance.pick(REFUSALS)
            return refusal_response(status, "InjectedFault", "injected", headers)
        return None

    async def _comes_back(self, answer: asyncio.Future[Any]) -> bool:
        network, chance = self._network, self._network.chance
        await asyncio.sleep(network.leg())
        if chance.happens(network.weather.lost / 2):
            await self._never_arrives(answer)
        await self._whole.wait()
        return self._process.alive

    async def _never_arrives(self, answer: asyncio.Future[Any]) -> None:
        if self._network.chance.happens(0.5):
            self._fail(answer, "the connection broke")
        await _for_ever()

    def _fail(self, answer: asyncio.Future[Any], why: str) -> None:
        if not answer.done():
            answer.set_exception(ApiError(0, "Unreachable", why))


class Stream:
    """The client's end of a watch, or of a refusal."""

    def __init__(
        self, content: Watch | Response, network: Network, whole: asyncio.Event, closed: Callable[[], object]
    ) -> None:
        self.status = 200 if isinstance(content, Watch) else content.status
        self.headers: Mapping[str, str] = {} if isinstance(content, Watch) else content.headers
        self._content: Watch | bytes = content if isinstance(content, Watch) else content.body
        self._network = network
        self._whole = whole
        self._closed = closed
        self._broken = False

    def break_off(self) -> None:
        """Break the connection: what was on its way is lost."""
        self._broken = True
        if isinstance(self._content, Watch):
            self._content.end(broken=True)

    async def read(self) -> bytes:
        if isinstance(self._content, bytes):
            content, self._content = self._content, b""
            return content
        chunk = await self._content.read()
        await asyncio.sleep(self._network.leg())
        await self._whole.wait()
        if self._broken:
            raise ApiError(0, "Unreachable", "the connection broke")
        if chunk and self._network.chance.happens(0.02):
            chunk += chunk.splitlines(keepends=True)[-1]
        return chunk

    def close(self) -> None:
        self._closed()
        if isinstance(self._content, Watch):
            self._network.server.forget(self._content)


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def body_of(request: Request) -> Any:
    return orjson.loads(request.body) if request.body else {}
