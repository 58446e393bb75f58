"""A small HTTP server for probes and Prometheus: whatever connects to it, a probe is answered.

Anyone in the cluster can connect to the port, as the kubelet does. So each connection carries one request, within a few
seconds, and their number is bounded: a new connection ends the oldest one. A spare descriptor is kept for the moment in
which the process has no other left. A general web server has none of this, and asyncio logs a traceback for every
connection that it cannot accept.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from kalends.errors import InvalidSettings

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 64
SHARE_OF_DESCRIPTORS = 8
"""Connections may take one descriptor of so many."""
REQUEST_WITHIN = 5.0
"""Seconds for a request to arrive. The kubelet and Prometheus send it at once."""
ANSWER_WITHIN = 10.0
"""Seconds for the answer to be taken."""
CLOSE_WITHIN = 1.0
"""Seconds for the other side to close: closing first, with data unread, could destroy the answer on its way."""
LONGEST_HEADER = 8192
BACKLOG = 128
PAUSE = 1.0
QUIET = 60.0
"""Seconds between two log lines about connections that cannot be accepted."""
NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE}
NOT_SUPPORTED = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}
"""What the system answers where IPv6 is switched off."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = "text/plain; charset=utf-8"


Pages = Callable[[str], Page | None]
"""Returns the page for a target, a path with its query, or None. It is called on the event loop."""


class PageServer:
    """Serves pages until it is closed. ``listen`` first, then ``run``."""

    def __init__(self, pages: Pages) -> None:
        self.port = 0
        self._pages = pages
        self._listening: list[socket.socket] = []
        self._connections: dict[asyncio.Task[None], None] = {}
        """In the order in which they were accepted."""
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.most_connections = max(1, min(MOST_CONNECTIONS, descriptors // SHARE_OF_DESCRIPTORS))
        self._spare: int | None = None
        self._quiet_until = 0.0

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def listen(self, host: str | None, port: int) -> None:
        """Listen on a host's addresses; None stands for all addresses of this machine, IPv4 and IPv6.

        Raises:
            InvalidSettings: The port is taken, or the address is not one of this machine.
        """
        where = f"{host or 'all addresses'}, port {port}"
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            self._listening = _bound(((family, address) for family, _, _, _, address in found), port)
        except OSError as error:
            setting = "health_host" if isinstance(error, socket.gaierror) else "health_port"
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror)
            raise InvalidSettings(f"cannot listen on {where}: {reason.lower()} ({setting})") from error
        self.port = self._listening[0].getsockname()[1]
        self._keep_a_spare()

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for listening in self._listening:
                    group.create_task(self._accept(listening))
        finally:
            for task in list(self._connections):
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            self.close()

    def close(self) -> None:
        """Close the port."""
        for listening in self._listening:
            listening.close()
        self._listening = []
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    async def _accept(self, listening: socket.socket) -> None:
        while True:
            # Without a descriptor, accept fails even with no connection waiting, and would end one that is served.
            await _readable(listening)
            try:
                connection, _ = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                continue
            except OSError as error:
                await self._make_room(error)
                continue
            connection.settimeout(0)
            task = asyncio.create_task(self._serve(connection), name="health connection")
            self._connections[task] = None
            task.add_done_callback(self._ended)
            if len(self._connections) > self.most_connections:
                await self._end_the_oldest()

    async def _make_room(self, error: OSError) -> None:
        """Free a descriptor for the connection that waits; pause where that is not the trouble, or did not help."""
        if error.errno in NO_DESCRIPTOR and self._spare is not None:
            os.close(self._spare)
            self._spare = None
            return
        if error.errno in NO_DESCRIPTOR and self._connections:
            await self._end_the_oldest()
            return
        now = asyncio.get_running_loop().time()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET
            log.warning("connections to the health port cannot be accepted: %s", error)
        await asyncio.sleep(PAUSE)

    async def _end_the_oldest(self) -> None:
        oldest = next(iter(self._connections))
        oldest.cancel()
        await asyncio.wait([oldest])

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._connections.pop(task, None)
        self._keep_a_spare()

    def _keep_a_spare(self) -> None:
        if self._spare is None and self._listening:
            with contextlib.suppress(OSError):
                self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with connection, contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(REQUEST_WITHIN):
                header = await _header(connection)
            answer = self._answer(header)
            async with asyncio.timeout(ANSWER_WITHIN):
                await loop.sock_sendall(connection, answer)
            connection.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(CLOSE_WITHIN):
                while await loop.sock_recv(connection, LONGEST_HEADER):
                    pass

    def _answer(self, header: bytes) -> bytes:
        words = header.partition(b"\r\n")[0].decode("latin-1").split(" ")
        if not header.endswith(b"\r\n\r\n") or len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - as RFC 9112 has it
            return _message(Page(b"", HTTPStatus.BAD_REQUEST))
        method, target, _ = words
        if method not in {"GET", "HEAD"}:
            return _message(Page(b"", HTTPStatus.METHOD_NOT_ALLOWED), ["Allow: GET, HEAD"])
        try:
            page = self._pages(target)
        except Exception:  # a page that cannot be made harms only itself
            log.exception("%s could not be answered", target[:100])
            page = Page(b"", HTTPStatus.INTERNAL_SERVER_ERROR)
        return _message(page or Page(b"", HTTPStatus.NOT_FOUND), with_body=method == "GET")


async def _readable(listening: socket.socket) -> None:
    """Wait until a connection can be accepted."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(listening, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(listening)


async def _header(connection: socket.socket) -> bytes:
    """Return a request up to the empty line after its header, or less where the header is too long or cut off."""
    loop = asyncio.get_running_loop()
    received = b""
    while b"\r\n\r\n" not in received and len(received) <= LONGEST_HEADER:
        chunk = await loop.sock_recv(connection, LONGEST_HEADER)
        if not chunk:
            return received
        received += chunk
    header, end, _ = received.partition(b"\r\n\r\n")
    return header + end


def _message(page: Page, headers: Iterable[str] = (), *, with_body: bool = True) -> bytes:
    lines = [
        f"HTTP/1.1 {page.status.value} {page.status.phrase}",
        f"Content-Type: {page.content_type}",
        f"Content-Length: {len(page.body)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (page.body if with_body else b"")


def _bound(addresses: Iterable[tuple[int, Any]], port: int) -> list[socket.socket]:
    """Return listening sockets, all on one port: where it is 0, the port that the first of them is given.

    Raises:
        OSError: No address can be listened on, or the port is taken.
    """
    listening: list[socket.socket] = []
    unsupported: OSError | None = None
    try:
        for family, (host, _, *scope) in addresses:
            free = listening[0].getsockname()[1] if listening else port
            try:
                listening.append(listening_socket(family, (host, free, *scope)))
            except OSError as error:
                if error.errno not in NOT_SUPPORTED:
                    raise
                unsupported = error
    except OSError:
        for opened in listening:
            opened.close()
        raise
    if not listening:
        raise unsupported or OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return listening


def listening_socket(family: int, address: Any) -> socket.socket:
    """Return a socket that listens on an address.

    Raises:
        OSError: The system has no such family or address, or the port is taken.
    """
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it a restarted container would have to wait for the connections of its predecessor.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # The IPv4 addresses have a separate socket.
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.settimeout(0)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
