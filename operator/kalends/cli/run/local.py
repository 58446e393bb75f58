"""``kalends run``: the engine in this process, with a file as its job store. No cluster, no Go, no YAML to install."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import click

from kalends.cli.logs import TextLines
from kalends.cli.manifests.files import Manifest, definition_of, read_manifests
from kalends.cli.printing import one_line
from kalends.cli.run.live_table import LiveTable
from kalends.cli.run.plain_lines import PlainLines
from kalends.clock import SystemClock
from kalends.engine.core.compiler import Compiler, Surroundings
from kalends.engine.core.schedule import JOBS_EXECUTOR
from kalends.engine.executor_ports import Pool
from kalends.engine.loop.scheduler import Scheduler
from kalends.errors import InvalidManifest, JobStoreError, Unavailable
from kalends.executors.from_settings import check_default, default_settings, pools, target_check
from kalends.executors.local_jobs.pool import CommandsExecutor
from kalends.model.values import OPERATOR
from kalends.settings import Settings
from kalends.stores.objects import manager_of
from kalends.stores.sqlite import SqliteJobStore
from kalends.tasks import Registry
from kalends.unknown_variables import unknown_variables

NO_COMMANDS = "needs Kubernetes; to run its containers as processes of this machine, say `--local-commands`"
LOCAL_COMMANDS = 10
"""How many of them at once."""
STOP_SECONDS = 5.0
"""How long runs may take to end after a request to stop."""


def run_files(  # noqa: PLR0913 - one argument for each option of the command
    files: Sequence[Path],
    *,
    duration: float | None,
    store: Path,
    local_commands: bool,
    plain: bool,
    time_zone: str | None,
    config: Path | None,
) -> int:
    """Run the manifests of files until nothing is left to run, the time is over, or the user stops it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TextLines("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.ERROR, handlers=[handler])
    for problem in unknown_variables(os.environ):
        click.echo(one_line(f"warning: {problem}"), err=True)
    settings = Settings.load(config, time_zone=time_zone)
    sys.path.insert(0, str(Path.cwd()))  # a task module beside the manifests, as python -m has it
    manifests = list(runnable(read_manifests(files)))
    valid = [manifest for manifest in manifests if not manifest.problems]
    for manifest in manifests:
        for problem in manifest.problems:
            click.echo(one_line(f"{manifest.label}: {problem}"), err=True)
    if not valid:
        return 1
    lines = plain or not sys.stdout.isatty()
    try:
        local = _Local(settings, store, local_commands=local_commands, lines=lines)
        all_well = asyncio.run(local.run(valid, duration))
    except KeyboardInterrupt:
        return 130
    return 0 if all_well and len(valid) == len(manifests) else 1


def runnable(manifests: Iterable[Manifest]) -> Iterator[Manifest]:
    """Yield the manifests, with a problem for what only an API server could do: generate names, accept duplicates."""
    sources: dict[tuple[str, str], str] = {}
    for manifest in manifests:
        if manifest.problems:
            yield manifest
            continue
        metadata = manifest.obj["metadata"]
        key = (metadata.get("namespace") or "default", metadata.get("name") or "")
        if not key[1]:
            yield replace(manifest, problems=("metadata.name: must be set to run without a cluster",))
        elif (manager := manager_of(manifest.obj)) != OPERATOR:
            problem = f"spec.managedBy: must be unset or '{OPERATOR}' to run without a cluster, got '{manager}'"
            yield replace(manifest, problems=(problem,))
        elif key in sources:
            yield replace(manifest, problems=(f"metadata.name: must be unique, but is in {sources[key]} already",))
        else:
            sources[key] = manifest.source
            yield manifest


class _Local:
    def __init__(self, settings: Settings, file: Path, *, local_commands: bool, lines: bool) -> None:
        self._clock = SystemClock()
        self._settings = settings
        registry = Registry.load(settings.task_modules)
        executors: dict[str, Pool] = {**pools(settings.executors, registry, self._clock)}
        check_default(settings.job_defaults.executor, executors)
        if local_commands:
            executors[JOBS_EXECUTOR] = CommandsExecutor(LOCAL_COMMANDS, self._clock)
        check = target_check(registry, list(executors), jobs=None if local_commands else NO_COMMANDS)
        self._compiler = Compiler(Surroundings(default_settings(settings), check))
        self._store = SqliteJobStore(file, self._clock)
        self._screen = PlainLines() if lines else LiveTable()
        self._pools = executors
        self._identity = f"{socket.gethostname()}-{os.getpid()}-{token_hex(4)}"

    async def run(self, manifests: Sequence[Manifest], seconds: float | None) -> bool:
        """Run until the end; return whether every manifest could be carried out."""
        scheduler = Scheduler(
            clock=self._clock,
            store=self._store,
            pools=self._pools,
            identity=self._identity,
            listeners=[self._screen],
            compiler=self._compiler,
        )
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        taken = [await self._take(manifest, scheduler) for manifest in manifests]
        going = asyncio.create_task(scheduler.run(), name="scheduler")
        watching = asyncio.create_task(self._screen.run(scheduler), name="screen")
        idle = asyncio.create_task(_until_idle(scheduler), name="idle")
        try:
            async with _waiting(stop) as stopped:
                await asyncio.wait({going, watching, idle, stopped}, timeout=seconds, return_when=FIRST_COMPLETED)
            if not going.done():
                asked = stop.is_set() or watching.done()
                await _drain(scheduler, STOP_SECONDS if asked else self._settings.drain_seconds, stop)
        finally:
            for task in (going, watching, idle):
                task.cancel()
            ends = await asyncio.gather(going, watching, idle, return_exceptions=True)
            self._screen.close(scheduler)
            self._store.close()
        for end in ends:
            if isinstance(end, Exception):
                raise end
        return all(taken) and all(problem is None for _, _, problem in scheduler.overview.resources())

    async def _take(self, manifest: Manifest, scheduler: Scheduler) -> bool:
        """Put a manifest into the catalogue and show it to the scheduler; return whether that was possible."""
        metadata = manifest.obj["metadata"]
        namespace = metadata.get("namespace") or "default"
        try:
            stored = await self._store.put(namespace, metadata["name"], definition_of(manifest))
        except (JobStoreError, Unavailable, InvalidManifest) as error:
            click.echo(f"{manifest.label}: {error}", err=True)
            return False
        scheduler.observe(stored)
        return True


@asynccontextmanager
async def _waiting(event: asyncio.Event) -> AsyncIterator[asyncio.Task[bool]]:
    task = asyncio.create_task(event.wait(), name="stop")
    try:
        yield task
    finally:
        task.cancel()


async def _drain(scheduler: Scheduler, grace: float, stop: asyncio.Event) -> None:
    """Let runs end for up to ``grace`` seconds, or until another request to stop."""
    stop.clear()
    draining = asyncio.create_task(scheduler.drain(grace), name="drain")
    async with _waiting(stop) as stopped:
        await asyncio.wait({draining, stopped}, return_when=FIRST_COMPLETED)
    if not draining.done():
        await scheduler.drain(0.0)
    await draining


async def _until_idle(scheduler: Scheduler) -> None:
    """Return once no resource waits for an instant and no run is active: nothing will ever happen again."""
    while not scheduler.overview.is_idle():
        await asyncio.sleep(0.25)
