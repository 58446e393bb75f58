"""Probes over real connections, on the loopback: answered whoever else is connected."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from kalends.errors import InvalidSettings
from kalends.handlers import health_server
from kalends.handlers.health_server import Page, PageServer

CROWD = Path(__file__).with_name("crowded_health.py")


def pages(path: str) -> Page | None:
    match path.partition("?")[0]:
        case "/livez":
            return Page(b"ok\n")
        case "/readyz":
            return Page(b"not yet\n", HTTPStatus.SERVICE_UNAVAILABLE)
        case "/broken":
            raise ValueError("broken")
        case "/large":
            return Page(b"x" * 20_000_000)
    return None


@asynccontextmanager
async def serving(host: str | None = "127.0.0.1") -> AsyncIterator[PageServer]:
    server = PageServer(pages)
    await server.listen(host, 0)
    task = asyncio.create_task(server.run())
    try:
        yield server
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def asked(port: int, request: bytes, host: str = "127.0.0.1") -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    ("request_line", "status", "body"),
    [
        ("GET /livez HTTP/1.1", 200, b"ok\n"),
        ("GET /livez?verbose HTTP/1.0", 200, b"ok\n"),
        ("HEAD /livez HTTP/1.1", 200, b""),
        ("GET /readyz HTTP/1.1", 503, b"not yet\n"),
        ("GET / HTTP/1.1", 404, b""),
        ("GET /../livez HTTP/1.1", 404, b""),
        ("POST /livez HTTP/1.1", 405, b""),
        ("GET /broken HTTP/1.1", 500, b""),
        ("GET /livez", 400, b""),
        ("PRI * HTTP/2.0", 400, b""),
        ("\x16\x03\x01\x02", 400, b""),
    ],
)
async def test_a_request_gets_one_answer_and_the_connection_ends(request_line: str, status: int, body: bytes) -> None:
    async with serving() as server:
        answer = await asked(server.port, f"{request_line}\r\nHost: x\r\n\r\n".encode("latin-1"))
    header, _, got = answer.partition(b"\r\n\r\n")
    assert header.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in header
    assert got == body


async def test_a_header_without_an_end_is_refused() -> None:
    async with serving() as server:
        answer = await asked(server.port, b"GET /livez HTTP/1.1\r\nX: " + b"x" * health_server.LONGEST_HEADER)
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_pipelined_requests_get_the_first_answer_whole() -> None:
    async with serving() as server:
        answer = await asked(server.port, b"GET /livez HTTP/1.1\r\n\r\n" * 300)
    assert answer.endswith(b"\r\n\r\nok\n")


async def test_a_connection_that_sends_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_server, "REQUEST_WITHIN", 0.01)
    async with serving() as server:
        assert await asked(server.port, b"GET /livez HTTP/1.1\r\n") == b""


async def test_a_connection_that_does_not_read_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_server, "ANSWER_WITHIN", 0.01)
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
        writer.write(b"GET /large HTTP/1.1\r\n\r\n")
        while not server.open_connections:
            await asyncio.sleep(0)
        while server.open_connections:
            await asyncio.sleep(0.001)
        assert len(await reader.read(-1)) < 20_000_000
        writer.close()


async def test_new_connections_end_the_oldest_ones() -> None:
    async with serving() as server:
        idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(server.most_connections + 5)]
        assert b" 200 " in await asked(server.port, b"GET /livez HTTP/1.1\r\n\r\n")
        assert server.open_connections <= server.most_connections
        for reader, _ in idle[:5]:
            assert await reader.read() == b""
        for _, writer in idle:
            writer.close()


def test_a_crowd_of_idle_connections_uses_up_no_descriptors_and_starves_no_probe() -> None:
    measured = crowded("idle")
    assert measured["probes"] == ["200"] * 5
    assert measured["free_descriptors"] > 40
    assert measured["log_lines"] == 0


def test_a_probe_is_answered_when_the_process_has_no_descriptor_left() -> None:
    measured = crowded("exhausted")
    assert measured["probes"] == ["200"] * 5
    assert measured["log_lines"] <= 1


def crowded(how: str) -> dict[str, Any]:
    """Run a server with 128 descriptors in a separate process, with 240 idle connections from here."""
    command = [sys.executable, str(CROWD), how]
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        )
        stack.callback(process.kill)
        assert process.stdout is not None
        port = int(process.stdout.readline())
        for _ in range(240 if how == "idle" else 0):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        statuses = [probe(port) for _ in range(5)]
        out, _ = process.communicate("\n", timeout=120)
    return {"probes": statuses, **json.loads(out)}


def probe(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection.recv(1000).decode().split(" ")[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_by_default_it_listens_on_both_families(host: str) -> None:
    if host == "::1" and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    async with serving(host=None) as server:
        assert b" 200 " in await asked(server.port, b"GET /livez HTTP/1.1\r\n\r\n", host)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as own:
            own.bind(("::1", 0))
    except OSError:
        return False
    return True


async def test_without_ipv6_it_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    real = health_server.listening_socket

    def no_ipv6(family: int, address: object) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, os.strerror(97))
        return real(family, address)

    monkeypatch.setattr(health_server, "listening_socket", no_ipv6)
    async with serving(host=None) as server:
        assert b" 200 " in await asked(server.port, b"GET /livez HTTP/1.1\r\n\r\n")


async def test_a_port_that_is_taken_is_an_error_in_words() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InvalidSettings) as refused:
            await PageServer(pages).listen("127.0.0.1", port)
    assert str(refused.value) == f"cannot listen on 127.0.0.1, port {port}: address already in use (health_port)"


async def test_a_host_that_is_not_this_machine_is_an_error_in_words() -> None:
    with pytest.raises(InvalidSettings, match=r"cannot listen on 192\.0\.2\.1, port 0: .*"):
        await PageServer(pages).listen("192.0.2.1", 0)
    with pytest.raises(InvalidSettings, match=r"cannot listen on no host, port 0: .* \(health_host\)"):
        await PageServer(pages).listen("no host", 0)


async def test_trouble_with_accepting_is_logged_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health_server, "PAUSE", 0.0)
    accept, failures = socket.socket.accept, iter(range(100))

    def failing(listening: socket.socket) -> tuple[socket.socket, Any]:
        if next(failures, None) is not None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", failing)
    with caplog.at_level(logging.WARNING):
        async with serving() as server:
            assert b" 200 " in await asked(server.port, b"GET /livez HTTP/1.1\r\n\r\n")
    assert next(failures, None) is None
    assert caplog.text.count("cannot be accepted") == 1
