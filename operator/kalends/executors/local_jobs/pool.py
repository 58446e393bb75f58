"""Containers of a ``jobTemplate`` as processes of this machine: for trying things out, and only where asked for.

There is no image and no isolation: ``command`` and ``args`` of the only container run with the permissions of the user.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kalends.clock import Clock
from kalends.engine.core.schedule import JobTemplate
from kalends.engine.ports import Run
from kalends.errors import InvalidSpec, StartRefused, Unavailable
from kalends.executors.jobs.job_manifest import environment
from kalends.executors.local_jobs.command import Command, local_command
from kalends.executors.pools.calling import STOPPED, Returned
from kalends.executors.pools.pool import PoolExecutor
from kalends.executors.pools.worker_ports import Call
from kalends.executors.results import LOOKED_AT, clean
from kalends.model.reasons import Reason

NO_ROOM = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""Errors that say nothing of the command, and pass."""


class CommandsExecutor(PoolExecutor):
    """Runs the container's command. Its result is what it writes to ``$KALENDS_TERMINATION_LOG``."""

    def __init__(self, size: int, clock: Clock) -> None:
        super().__init__(size, Commands(), clock)


class Commands:
    """A process for each run, in a session of its own with all that it starts."""

    patience = 5.0
    failure = Reason.JOB_FAILED

    def check(self, run: Run) -> None:
        """Check that the template is a single command, and needs nothing else of a cluster.

        Raises:
            StartRefused: It needs a cluster; the message says what for.
        """
        _command(run)

    async def look(self, run: Run) -> None:
        """Check nothing more: whether a command is there is known when it is started."""

    async def launch(self, run: Run) -> Call:
        """Start the command.

        Raises:
            Unavailable: The system has no room for another process now.
        """
        command = _command(run)
        loop = asyncio.get_running_loop()
        started = loop.create_future()
        started.set_result(None)
        folder = tempfile.TemporaryDirectory(prefix="kalends-")
        message_file = Path(folder.name) / "termination-log"
        message_file.touch()
        try:
            process = await asyncio.create_subprocess_exec(
                *command.words,
                env={**os.environ, **command.variables, "KALENDS_TERMINATION_LOG": str(message_file)},
                cwd=command.folder,
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            folder.cleanup()
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise Unavailable(f"no process can be started: {error}") from error
            ended = loop.create_future()
            ended.set_result(Returned(error=clean(f"cannot be started: {error}")))
            return Call(started, ended, lambda: None)

        running = _Command(process, folder, message_file)
        return Call(started, asyncio.create_task(running.wait(), name=run.name), running.kill, _time_limit(run))

    async def close(self) -> None:
        """Do nothing: every process has ended with its run."""


class _Command:
    """A running command."""

    def __init__(
        self, process: asyncio.subprocess.Process, folder: tempfile.TemporaryDirectory[str], message_file: Path
    ) -> None:
        self._process = process
        self._folder = folder
        self._message_file = message_file
        self._killed = False

    def kill(self) -> None:
        """Kill it, and what it has started."""
        if self._process.returncode is None:
            self._killed = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> Returned:
        """Return what came of it."""
        code = await self._process.wait()
        with self._folder:
            said = _read(self._message_file)
        if code == 0:
            return Returned(said or None)
        if self._killed:
            return Returned(error=STOPPED)
        return Returned(error=f"ended with exit code {code}" + (f": {said}" if said else ""))


def _read(message_file: Path) -> str:
    try:
        with message_file.open(errors="replace") as file:
            return clean(file.read(LOOKED_AT))
    except OSError:
        return ""  # what the command did to its own file is its own loss


def _time_limit(run: Run) -> float | None:
    """Return what the template itself says, as the cluster would heed it."""
    spec: Any = run.target.spec if isinstance(run.target, JobTemplate) else None
    limit = spec.get("activeDeadlineSeconds") if isinstance(spec, Mapping) else None
    return limit if isinstance(limit, int) and limit > 0 else None


def _command(run: Run) -> Command:
    """Return what a run is to start.

    Raises:
        StartRefused: The template needs what this machine does not do; nothing of it is left out silently.
    """
    job: Any = run.target.spec if isinstance(run.target, JobTemplate) else None
    try:
        return local_command(job, environment(run))
    except InvalidSpec as error:
        raise StartRefused(Reason(error.reason), str(error)) from error
