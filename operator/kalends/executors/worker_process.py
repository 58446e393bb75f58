"""A worker process, seen from this side: started, asked, killed, and known to be gone.

It is a fresh interpreter, never a fork: that would copy the locks that the operator's threads hold. Its connection is
apart from its standard streams, which belong to the task and the programs that it may start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from typing import Self

import orjson

from kalends.errors import Unavailable
from kalends.executors.calling import Returned
from kalends.executors.framing import HEADER, LONGEST_ANSWER, STARTED, framed, length_of
from kalends.executors.pool import WorkerDied

BOOT = (
    "import sys; at, *sys.path = sys.argv[1:]; sys.argv[:] = ['kalends-worker']; "
    "from kalends.executors.worker import serve; serve(int(at))"
)
"""What the interpreter is told: to import from where we do, and to serve."""
LAST_WORDS = 0.1
"""Seconds in which the answer of a worker that has ended is read, if it had given one."""


class WorkerProcess:
    """One process, in a session of its own with all that it starts, and our end of its connection."""

    def __init__(self, process: asyncio.subprocess.Process, connection: socket.socket) -> None:
        self._process = process
        self._connection = connection
        self.gone = asyncio.create_task(self._until_gone(), name=f"worker process {process.pid}")

    @classmethod
    async def start(cls) -> Self:
        """Start a worker.

        Raises:
            Unavailable: The system has no room for another process now.
        """
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise Unavailable(f"no worker process can be started: {error}") from error
        with theirs:
            ours.settimeout(0)  # the loop waits for it
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-c",
                    BOOT,
                    str(theirs.fileno()),
                    *sys.path,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=2,  # what tasks print goes to the log, and not among the lines of `kalends run`
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except (OSError, RuntimeError) as error:
                ours.close()
                raise Unavailable(f"no worker process can be started: {error}") from error
            except BaseException:
                ours.close()
                raise
        return cls(process, ours)

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return not self.gone.done()

    async def ask(self, question: bytes, started: asyncio.Future[None]) -> Returned:
        """Ask a question, and return the answer; ``started`` is done once the worker has taken the question up.

        Raises:
            WorkerDied: It ended before it had answered, or what it said is no answer.
        """
        try:
            await asyncio.get_running_loop().sock_sendall(self._connection, framed(question))
            if await self._receive() != STARTED:
                raise WorkerDied("its worker process spoke out of turn")
            if not started.done():
                started.set_result(None)
            return Returned(**orjson.loads(await self._receive()))
        except (OSError, EOFError, ValueError, TypeError) as error:
            raise WorkerDied(await self._last_seen()) from error

    async def _receive(self) -> bytes:
        """Return one message; what a process said before it ended counts, too."""
        reading = asyncio.create_task(self._read())
        try:
            # The end of the process is no end of the connection while something that it has forked holds it.
            await asyncio.wait([reading, self.gone], return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                await asyncio.wait([reading], timeout=LAST_WORDS)
            if reading.done():
                return reading.result()
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
        code = self._process.returncode
        if code is None:
            return "its worker process stopped answering"
        if code < 0:
            memory = ", perhaps for lack of memory" if code == -signal.SIGKILL else ""
            return f"its worker process was ended by signal {-code} ({signal.strsignal(-code)}){memory}"
        return f"its worker process ended with exit code {code}"

    def kill(self) -> None:
        """Kill it, and what it has started."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def close(self) -> None:
        """Let go of the connection: nothing is asked any more."""
        self._connection.close()

    async def _until_gone(self) -> None:
        await self._process.wait()
