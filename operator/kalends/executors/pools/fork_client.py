"""The operator's side of the fork server: it starts workers, and reports how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import deque

from kalends.errors import Unavailable, WorkerDied
from kalends.executors.pools.fork_server import ENDED, FAILED, FORKED, REPLY, REQUEST

BOOT = (
    "import sys; at, *sys.path = sys.argv[1:]; sys.argv[:] = ['kalends-worker']; "
    "from kalends.executors.pools.fork_server import serve_forks; serve_forks(int(at))"
)
"""The program of the interpreter: import from where the operator does, and serve."""
PATIENCE = 30.0
"""Seconds in which a fork server ends by itself once its connection is closed."""

Forked = tuple[int, asyncio.Future[int]]
"""A process, and the future of its exit code."""


class UnexpectedMessage(Exception):
    """The fork server sent what nothing had asked for."""


class ForkServer:
    """A running fork server, and the workers that it has forked."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._asked: deque[asyncio.Future[Forked]] = deque()
        self._workers: dict[int, asyncio.Future[int]] = {}
        self._out_of_turn = False
        self._listening = asyncio.create_task(self._listen(), name=f"fork server {process.pid}")

    @classmethod
    async def start(cls) -> ForkServer:
        """Start a fork server.

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
        return not self._listening.done()

    async def fork(self, descriptor: int) -> Forked:
        """Return a new worker that has a copy of ``descriptor`` as its connection.

        Raises:
            Unavailable: The system has no room for another process now.
            WorkerDied: The fork server ended.
        """
        asked: asyncio.Future[Forked] = asyncio.get_running_loop().create_future()
        try:
            socket.send_fds(self._control, [REQUEST], [descriptor])
        except BlockingIOError as error:
            raise Unavailable("no worker process can be started: too many are being started") from error
        except OSError as error:
            await asyncio.wait([self._listening])
            raise WorkerDied(self._how_it_ended()) from error
        self._asked.append(asked)
        return await asked

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        received = b""
        try:
            while chunk := await loop.sock_recv(self._control, 4096):
                received += chunk
                while len(received) >= REPLY.size:
                    self._take(received[: REPLY.size])
                    received = received[REPLY.size :]
        except OSError:
            pass  # as if it had closed its end
        except UnexpectedMessage:
            # What it reports of its workers can no longer be trusted: they end with it.
            self._out_of_turn = True
            self.kill()
        finally:
            await self._give_up()

    def _take(self, reply: bytes) -> None:
        """Act on one reply.

        Raises:
            UnexpectedMessage: It is not the reply to a request, nor the end of a worker.
        """
        what, pid, number = REPLY.unpack(reply)
        if what == ENDED:
            ended_worker = self._workers.pop(pid, None)
            if ended_worker is None:
                raise UnexpectedMessage
            ended_worker.set_result(number)
            return
        if what not in (FORKED, FAILED) or not self._asked:
            raise UnexpectedMessage
        if what == FORKED and not self._may_be_a_worker(pid):
            raise UnexpectedMessage
        asked = self._asked.popleft()
        if what == FORKED:
            ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            self._workers[pid] = ended
            if asked.done():
                kill_group(pid)  # the caller was cancelled before the worker was there
            else:
                asked.set_result((pid, ended))
        elif not asked.done():
            asked.set_exception(Unavailable(f"no worker process can be started: {os.strerror(number)}"))

    def _may_be_a_worker(self, pid: int) -> bool:
        """Return whether a process may be killed, with its group, as a worker. 0 and -1 stand for many processes."""
        return pid > 1 and pid not in (os.getpid(), os.getpgrp(), self._process.pid, *self._workers)

    async def _give_up(self) -> None:
        """End what is left once the fork server has ended, as nothing reports the ends of its workers any more."""
        self._control.close()
        for pid in self._workers:
            kill_group(pid)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        while self._workers:
            self._workers.popitem()[1].set_result(-signal.SIGKILL)
        while self._asked:
            asked = self._asked.popleft()
            if not asked.done():
                asked.set_exception(WorkerDied(self._how_it_ended()))

    def _how_it_ended(self) -> str:
        if self._out_of_turn:
            return "the process that starts workers sent what it was not asked for, and was killed"
        return f"the process that starts workers {in_words(self._process.returncode)}"

    def kill(self) -> None:
        """Kill it, and with it every worker."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._hang_up()  # a copy of its end of the connection may be open elsewhere, so that its end is not seen

    async def close(self) -> None:
        """Have it end every worker, and then itself."""
        self._hang_up()
        await asyncio.wait([self._listening])

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)


def kill_group(pid: int) -> None:
    """Kill a worker, and what it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has no group of its own yet
        os.kill(pid, signal.SIGKILL)


def in_words(code: int | None) -> str:
    """Return how a process ended."""
    if code is None:
        return "stopped answering"
    if code >= 0:
        return f"ended with exit code {code}"
    memory = ", perhaps for lack of memory" if code == -signal.SIGKILL else ""
    return f"was ended by signal {-code} ({signal.strsignal(-code)}){memory}"
