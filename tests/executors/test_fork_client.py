"""Whatever the fork server sends, requests are answered, workers end with it, and no other process is killed."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from executors.local import pool_of, processes, run_of, until_gone
from kalends.errors import StartRefused, Unavailable, WorkerDied
from kalends.executors.pools import fork_client, pool_run
from kalends.executors.pools.fork_client import ForkServer
from kalends.executors.pools.fork_server import ENDED, FAILED, FORKED, REPLY
from kalends.model.reasons import Reason

OUT_OF_TURN = "the process that starts workers sent what it was not asked for, and was killed"
PATIENCE = 120
NO_WORKER = 2**31 - 1
"""Larger than the number of any process."""


async def idle_process(**options: Any) -> Any:
    return await asyncio.create_subprocess_exec("sleep", "60", **options)


@asynccontextmanager
async def fork_server() -> AsyncIterator[Any]:
    """Yield the operator's side of a fork server, and the end of its connection at which the test speaks."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    process = await idle_process()
    with theirs:
        server = ForkServer(process, ours)
        try:
            async with asyncio.timeout(PATIENCE):
                yield server, theirs, process
        finally:
            server.kill()
            await server.close()


async def asked_by(server: Any) -> Any:
    """Return an active request for a worker."""
    request = asyncio.create_task(server.fork(0))
    await asyncio.sleep(0)
    return request


@pytest.mark.parametrize(
    "sent",
    [
        REPLY.pack(b"X", NO_WORKER, 0),
        REPLY.pack(ENDED, NO_WORKER, 0),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 4096,
        REPLY.pack(FAILED, 0, 11) * 2,
    ],
    ids=["unknown kind", "end of an unknown worker", "text", "bytes", "an answer too many"],
)
async def test_a_fork_server_that_sends_what_it_was_not_asked_for_is_killed_with_its_workers(
    sent: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with fork_server() as (server, theirs, process):
        worker = await idle_process(start_new_session=True)
        request = await asked_by(server)
        theirs.sendall(REPLY.pack(FORKED, worker.pid, 0))
        pid, gone = await request
        assert pid == worker.pid
        second = await asked_by(server)
        theirs.sendall(sent)
        with pytest.raises((WorkerDied, Unavailable)):
            await second
        assert await gone == -9
        assert (await worker.wait(), await process.wait()) == (-9, -9)
        await server.close()
        assert not server.is_alive
        with pytest.raises(WorkerDied, match=OUT_OF_TURN):
            await server.fork(0)
    assert caplog.records == []


@pytest.mark.parametrize("which", ["0", "-1", "1", "operator", "group of the operator", "fork server", "a worker"])
async def test_a_number_that_is_no_new_process_of_the_fork_server_is_never_killed(
    which: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    monkeypatch.setattr(fork_client, "kill_group", killed.append)
    async with fork_server() as (server, theirs, process):
        named = {"operator": os.getpid(), "group of the operator": os.getpgrp(), "fork server": process.pid}
        known = []
        if which == "a worker":
            first = await asked_by(server)
            theirs.sendall(REPLY.pack(FORKED, NO_WORKER, 0))
            known.append((await first)[0])
            named[which] = NO_WORKER
        request = await asked_by(server)
        theirs.sendall(REPLY.pack(FORKED, named[which] if which in named else int(which), 0))
        with pytest.raises(WorkerDied, match=OUT_OF_TURN):
            await request
        assert killed == known


@pytest.mark.parametrize("sent", [b"", REPLY.pack(FORKED, NO_WORKER, 0)[:-1]], ids=["nothing", "half a reply"])
async def test_a_connection_that_ends_before_a_reply_is_complete_ends_the_request(
    sent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_client, "PATIENCE", 0.01)
    async with fork_server() as (server, theirs, _):
        request = await asked_by(server)
        theirs.sendall(sent)
        theirs.close()
        with pytest.raises(WorkerDied, match="the process that starts workers was ended by signal 9"):
            await request
        await server.close()
        assert not server.is_alive


async def test_a_reply_that_arrives_byte_by_byte_is_one_reply() -> None:
    async with fork_server() as (server, theirs, _):
        request = await asked_by(server)
        for byte in REPLY.pack(FORKED, NO_WORKER, 0) + REPLY.pack(ENDED, NO_WORKER, 7):
            theirs.sendall(bytes([byte]))
            await asyncio.sleep(0)
        _, gone = await request
        assert await gone == 7


async def test_a_killed_fork_server_is_given_up_although_its_end_of_the_connection_is_held_open() -> None:
    async with fork_server() as (server, theirs, _):
        request = await asked_by(server)
        server.kill()
        with pytest.raises(WorkerDied):
            await request
        assert theirs.fileno() >= 0


async def test_a_pool_whose_fork_server_sends_junk_refuses_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import os, sys, time; os.write(int(sys.argv[1]), b'junk' * 64); time.sleep(600)"
    monkeypatch.setattr(fork_client, "BOOT", program)
    async with pool_of(processes(), 1) as (pool_, _):
        with pytest.raises(StartRefused) as refused:
            await pool_.start(run_of("kalends.echo"))
        assert refused.value.reason == Reason.WORKER_DIED
        assert pool_.free_slots() == 1


async def test_a_fork_server_that_never_answers_holds_up_no_check_for_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"
    program = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    monkeypatch.setattr(fork_client, "BOOT", program)
    monkeypatch.setattr(pool_run, "LONGEST_START", 1.0)
    async with asyncio.timeout(PATIENCE), pool_of(processes(), 1) as (pool_, _):
        with pytest.raises(Unavailable, match="its worker did not start within 1 s"):
            await pool_.check(run_of("kalends.echo"))
        await until_gone(int(pid_file.read_text()))
