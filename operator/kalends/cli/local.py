"""``kalends run``: the engine in this process, with a file as its job store. No cluster, no Go, no YAML to install."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex

import click

from kalends.cli.manifests import Manifest, read_manifests
from kalends.cli.watching import LiveTable, PlainLines
from kalends.clock import SystemClock
from kalends.engine.ports import Executor
from kalends.engine.schedule import JOBS_EXECUTOR, Defaults
from kalends.engine.scheduler import Scheduler
from kalends.errors import InvalidSettings
from kalends.executors.commands import CommandsExecutor
from kalends.executors.configured import check_default, pools, target_check
from kalends.settings import Settings
from kalends.stores.snapshots import SnapshotReader
from kalends.stores.sqlite import SqliteJobStore
from kalends.tasks import Registry

NO_COMMANDS = "needs Kubernetes; to run its containers as processes of this machine, say `--local-commands`"
LOCAL_COMMANDS = 10
DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")


def seconds_of(text: str) -> float:
    """Return a duration in seconds: ``90``, ``90s``, ``5m``, ``1h30m``.

    Raises:
        InvalidSettings: It is none.
    """
    found = DURATION.fullmatch(text)
    if not text or found is None:
        raise InvalidSettings(f"a duration must be like '90s', '5m' or '1h30m', got '{text}'")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def default_settings(settings: Settings) -> Defaults:
    """Return the engine's defaults."""
    said = settings.job_defaults
    return Defaults(
        time_zone=settings.time_zone,
        coalesce=said.coalesce,
        max_instances=said.max_instances,
        starting_deadline_seconds=said.starting_deadline_seconds,
        executor=said.executor,
    )


def run_files(  # noqa: PLR0913 - one argument for each option of the command
    files: Sequence[Path],
    *,
    duration: str | None,
    store: Path,
    local_commands: bool,
    plain: bool,
    time_zone: str | None,
    config: Path | None,
) -> int:
    """Run the manifests of files until nothing is left to run, the time is over, or somebody stops it."""
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(message)s")
    settings = Settings.load(config, time_zone=time_zone)
    seconds = None if duration is None else seconds_of(duration)
    sys.path.insert(0, str(Path.cwd()))  # a task module beside the manifests, as python -m has it
    manifests = list(read_manifests(files))
    valid = [manifest for manifest in manifests if not manifest.problems]
    for manifest in manifests:
        for problem in manifest.problems:
            click.echo(f"{manifest.source}: {manifest.name}: {problem}", err=True)
    if not valid:
        return 1
    lines = plain or not sys.stdout.isatty()
    try:
        local = _Local(settings, store, local_commands=local_commands, lines=lines)
        all_well = asyncio.run(local.run(valid, seconds))
    except KeyboardInterrupt:
        return 130
    return 0 if all_well and len(valid) == len(manifests) else 1


class _Local:
    def __init__(self, settings: Settings, file: Path, *, local_commands: bool, lines: bool) -> None:
        self._clock = SystemClock()
        self._settings = settings
        registry = Registry.load(settings.task_modules)
        executors: dict[str, Executor] = pools(settings.executors, registry, self._clock)
        check_default(settings.job_defaults.executor, executors)
        if local_commands:
            executors[JOBS_EXECUTOR] = CommandsExecutor(LOCAL_COMMANDS, self._clock)
        check = target_check(registry, list(executors), jobs=None if local_commands else NO_COMMANDS)
        reader = SnapshotReader(default_settings(settings), check)
        self._store = SqliteJobStore(file, reader, self._clock)
        self._screen = PlainLines() if lines else LiveTable()
        self._executors = executors
        self._identity = f"{socket.gethostname()}-{os.getpid()}-{token_hex(4)}"

    async def run(self, manifests: Sequence[Manifest], seconds: float | None) -> bool:
        """Run until the end; return whether every manifest could be carried out."""
        scheduler = Scheduler(
            clock=self._clock,
            store=self._store,
            executors=self._executors,
            identity=self._identity,
            listeners=[self._screen],
        )
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        for manifest in manifests:
            scheduler.observe(self._store.apply(manifest.obj))
        going = asyncio.create_task(scheduler.run(), name="scheduler")
        watching = asyncio.create_task(self._screen.run(scheduler), name="screen")
        idle = asyncio.create_task(_until_idle(scheduler), name="idle")
        stopped = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({going, idle, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            await scheduler.drain(self._settings.drain_seconds if not stop.is_set() else 5.0)
        finally:
            for task in (going, watching, idle, stopped):
                task.cancel()
            await asyncio.gather(going, watching, idle, stopped, return_exceptions=True)
            self._screen.close(scheduler)
            self._store.close()
        return all(problem is None for _, _, problem in scheduler.overview())


async def _until_idle(scheduler: Scheduler) -> None:
    """Return once no resource waits for an instant and no run is under way: nothing will ever happen again."""
    while not scheduler.is_idle():
        await asyncio.sleep(0.25)
