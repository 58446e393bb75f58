"""Containers of a ``jobTemplate`` as processes of this machine: for trying things out, and only where asked for.

There is no image and no isolation: ``command`` and ``args`` of the first container run as they stand.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kalends.clock import Clock
from kalends.engine.ports import Run, RunReport, StartRefused
from kalends.engine.schedule import JobTemplate
from kalends.engine.state import Ref
from kalends.executors.job_body import environment
from kalends.executors.results import clean
from kalends.model.reasons import Reason
from kalends.model.status import Outcome


class CommandsExecutor:
    """Runs the first container's command. Its result is what it writes to ``$KALENDS_TERMINATION_LOG``."""

    outlives_us = False

    def __init__(self, size: int, clock: Clock) -> None:
        self._size = size
        self._clock = clock
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._report: Callable[[RunReport], None] = lambda _report: None

    def bind(
        self, report: Callable[[RunReport], None], changed: Callable[[str], None], freed: Callable[[], None]
    ) -> None:
        """Tell it where to report."""
        del changed, freed  # a process is free when its run is reported
        self._report = report

    def free_slots(self) -> int:
        """Return how many more processes may run."""
        return self._size - len(self._runs)

    async def check(self, run: Run) -> None:
        """Check that there is a command to run.

        Raises:
            StartRefused: There is none.
        """
        _command(run)

    async def start(self, run: Run) -> None:
        """Start the command."""
        command, variables = _command(run)
        key = f"{run.ref.uid}/{run.name}"
        self._runs[key] = asyncio.create_task(self._carry_out(key, run, command, variables), name=f"run {run.name}")

    async def _carry_out(self, key: str, run: Run, command: Sequence[str], variables: Mapping[str, str]) -> None:
        started = int(self._clock.now())
        outcome, reason, message, result = Outcome.SUCCEEDED, "", "", None
        with tempfile.TemporaryDirectory(prefix="kalends-") as folder:
            told = Path(folder) / "termination-log"
            told.touch()
            try:
                code = await _wait(command, {**variables, **environment(run), "KALENDS_TERMINATION_LOG": str(told)})
                said = clean(told.read_text(errors="replace"))
                if code == 0:
                    result = said or None
                else:
                    outcome, reason = Outcome.FAILED, Reason.JOB_FAILED
                    message = f"ended with exit code {code}" + (f": {said}" if said else "")
            except OSError as error:
                outcome, reason, message = Outcome.FAILED, Reason.JOB_FAILED, clean(f"cannot be started: {error}")
            except asyncio.CancelledError:
                outcome, reason, message = Outcome.CANCELLED, Reason.SHUTTING_DOWN, "stopped before it had finished"
            finally:
                del self._runs[key]
        ended = max(started, int(self._clock.now()))
        self._report(RunReport(run.ref, run.name, run.fire_time, outcome, started, ended, reason, message, result))

    async def cancel(self, run_name: str, ref: Ref, reason: Reason) -> None:
        """Kill a process."""
        task = self._runs.get(f"{ref.uid}/{run_name}")
        if task is not None:
            task.cancel()

    async def close(self, grace: float) -> None:
        """Let processes end for up to ``grace`` seconds, then kill them."""
        runs = list(self._runs.values())
        if runs:
            _, left = await asyncio.wait(runs, timeout=grace)
            for run in left:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)


async def _wait(command: Sequence[str], variables: Mapping[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **variables}, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    try:
        return await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise


def _command(run: Run) -> tuple[list[str], dict[str, str]]:
    spec: Any = run.target.spec if isinstance(run.target, JobTemplate) else None
    try:
        container = spec["template"]["spec"]["containers"][0]
        command = [str(part) for part in (*(container.get("command") or ()), *(container.get("args") or ()))]
        given = {one["name"]: str(one.get("value", "")) for one in container.get("env") or ()}
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise StartRefused(
            Reason.INVALID_JOB_TEMPLATE, "spec.jobTemplate.spec.template.spec.containers: must hold a container"
        ) from error
    if not command:
        raise StartRefused(
            Reason.INVALID_JOB_TEMPLATE,
            "spec.jobTemplate.spec.template.spec.containers[0].command: must be set to run without a cluster; "
            "an image's own entry point is not known here",
        )
    return command, given
