"""A worker process, seen from the operator: asked, killed, and known to have ended.

Its connection is apart from its standard streams, which belong to the task and the programs that it may start.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import Any, Self

import orjson

from kalends.errors import Unavailable, WorkerDied
from kalends.executors.pools.calling import Returned
from kalends.executors.pools.fork_client import ForkServer, in_words, kill_group
from kalends.executors.pools.framing import HEADER, LONGEST_ANSWER, STARTED, TOKEN, framed, length_of, split

LAST_WORDS = 0.1
"""Seconds in which the answer of a worker that has ended is read, if it had given one."""
OUT_OF_TURN = "its worker process sent what it was not asked for, and was killed"


class WorkerProcess:
    """One process, in a session of its own with all that it starts, and the operator's end of its connection."""

    def __init__(self, pid: int, gone: asyncio.Future[int], connection: socket.socket) -> None:
        self._pid = pid
        self._connection = connection
        self.gone = gone
        """Done, with its exit code, once it has ended with all that it had started."""
        self.schedule = ""
        """The UID of the resource whose runs it serves."""
        self.runs = 0
        """How many it has served."""

    @classmethod
    async def start(cls, server: ForkServer) -> Self:
        """Start a worker.

        Raises:
            Unavailable: The system has no room for another process now.
            WorkerDied: The fork server ended.
        """
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise Unavailable(f"no worker process can be started: {error}") from error
        ours.settimeout(0)  # the loop waits for it
        with theirs:
            try:
                pid, gone = await server.fork(theirs.fileno())
            except BaseException:
                ours.close()
                raise
        return cls(pid, gone, ours)

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return not self.gone.done()

    @property
    def is_silent(self) -> bool:
        """Whether it has sent nothing that is still to be read."""
        try:
            return not self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def ask(self, question: bytes, started: asyncio.Future[None]) -> Returned:
        """Ask a question, and return the answer; ``started`` is done once the worker has taken the question up.

        Raises:
            WorkerDied: It ended before it had answered, or sent something else than its answer.
        """
        token = secrets.token_bytes(TOKEN)
        try:
            await asyncio.get_running_loop().sock_sendall(self._connection, framed(token, question))
            if await self._receive(token) != STARTED:
                raise WorkerDied(OUT_OF_TURN)
            if not started.done():
                started.set_result(None)
            answer = Returned(**orjson.loads(await self._receive(token)))
        except (OSError, EOFError, ValueError, TypeError) as error:
            raise WorkerDied(await self._last_seen()) from error
        if not self.is_silent:
            raise WorkerDied(OUT_OF_TURN)  # so its answer may be another's than the task's
        return answer

    async def _receive(self, token: bytes) -> bytes:
        """Return one message; what a process sent before it ended counts as well."""
        reading = asyncio.create_task(self._read())
        try:
            # The end of the process is no end of the connection while something that it has forked holds it.
            either: list[asyncio.Future[Any]] = [reading, self.gone]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                await asyncio.wait([reading], timeout=LAST_WORDS)
            if reading.done():
                found, message = split(reading.result())
                if found != token:
                    raise WorkerDied(OUT_OF_TURN)
                return message
        finally:
            reading.cancel()
        raise WorkerDied(await self._last_seen())

    async def _read(self) -> bytes:
        length = length_of(await self._exactly(HEADER))
        if length > LONGEST_ANSWER:
            raise ValueError(length)
        return await self._exactly(length)

    async def _exactly(self, count: int) -> bytes:
        received = bytearray()
        while len(received) < count:
            chunk = await asyncio.get_running_loop().sock_recv(self._connection, count - len(received))
            if not chunk:
                raise EOFError
            received += chunk
        return bytes(received)

    async def _last_seen(self) -> str:
        """Return how it ended, in words."""
        await asyncio.wait([self.gone], timeout=LAST_WORDS)
        return f"its worker process {in_words(self.gone.result() if self.gone.done() else None)}"

    def kill(self) -> None:
        """Kill it, and what it has started."""
        if self.is_alive:
            kill_group(self._pid)

    def close(self) -> None:
        """Close the connection: nothing is asked any more."""
        self._connection.close()
