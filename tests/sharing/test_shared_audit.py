"""Three processes on one store, whose acting process is killed or stopped: each fire time is decided and runs once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobstores.places import LASTING, PLACES, Place
from kalends.jobstores.base import RecordingJobStore
from kalends.leases.port import LeaseStore
from kalends.schedulers.background import BackgroundScheduler
from kalends.triggers.programs.datetimes import microseconds_of
from servers.harness import Servers
from sharing import journal
from sharing.audit import Grid, faults
from sharing.worker import JOURNAL, new_scheduler, to_argument, work
from unclean import Unclean

TESTS = Path(__file__).parents[1]
pytestmark = pytest.mark.timeout(1200)
PERIOD = timedelta(seconds=1)
PATIENCE = 240.0
"""Seconds within which anything happens."""
KILLS = 2
TAKEOVER = 60.0
"""Seconds within which another process takes over, if nothing locks the store."""
LONG_FORM = 60.0 if os.environ.get("KALENDS_CHAOS", "") not in {"", "0"} else 0.0
"""Seconds for which processes are killed, or stopped, again and again."""
STOPPED_ON = LASTING if LONG_FORM else ["sqlite", "postgresql"]


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    found = Servers()
    yield found
    found.close()


class Workers:
    """Processes on one store, and what was done to them."""

    def __init__(self, place: Place, path: Path) -> None:
        self.journal = path
        self.killed: set[int] = set()
        self._place = place
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._started = 0

    def start(self) -> None:
        self._started += 1
        folders = [str(TESTS), str(TESTS.parent / "operator")]
        environment = os.environ | {JOURNAL: str(self.journal), "PYTHONPATH": os.pathsep.join(folders)}
        # The lease of every other process lapses: nothing says that the process has ended.
        is_named = "named" if self._started % 2 else "unnamed"
        command = [sys.executable, "-m", "sharing.worker", to_argument(self._place), is_named]
        process = subprocess.Popen(command, env=environment, cwd=TESTS)
        self._running[process.pid] = process

    def kill(self, pid: int) -> None:
        self.killed.add(pid)
        process = self._running.pop(pid)
        process.kill()
        process.wait()

    def send(self, pid: int, number: signal.Signals) -> None:
        self._running[pid].send_signal(number)

    def acting(self, store: RecordingJobStore) -> int | None:
        """Return the process that holds the lease, if it is one of those that run."""
        assert isinstance(store, LeaseStore)
        kept = store.read_lease("scheduler")
        pid = int(kept.record.holder.split("-")[-2]) if kept is not None and kept.record.holder else None
        return pid if pid in self._running else None

    def end(self) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            assert process.wait(PATIENCE) in {0, -signal.SIGTERM}  # a process that has not begun yet has no handler
        self._running.clear()

    def starts(self, job: str) -> int:
        return sum(line.word == "start" and line.job == job for line in journal.read(self.journal))

    def close(self) -> None:
        for process in self._running.values():
            process.kill()  # also ends a process that is stopped
            process.wait()


def until(claim: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + PATIENCE
    while not claim():
        assert time.monotonic() < ends_at, "nothing happened"
        time.sleep(0.02)


@contextmanager
def workers_on(place: Place, folder: Path) -> Iterator[tuple[Workers, BackgroundScheduler, RecordingJobStore]]:
    """Yield three processes on a store, a scheduler on it that is paused, so that it never acts, and its store."""
    workers = Workers(place, folder / "journal")
    scheduler = new_scheduler(place)
    scheduler.start(paused=True)
    store = place.new_store()
    store.start(scheduler, "default")
    try:
        for _ in range(3):
            workers.start()
        yield workers, scheduler, store
    finally:
        workers.close()
        store.shutdown()
        if scheduler.running:
            scheduler.shutdown()


def add(scheduler: BackgroundScheduler, job_id: str, first: datetime) -> Grid:
    """Add a job whose every fire time is to get a run."""
    seconds = PERIOD.total_seconds()
    scheduler.add_job(
        work,
        "interval",
        seconds=seconds,
        start_date=first,
        args=[job_id, seconds / 8],
        id=job_id,
        misfire_grace_time=None,
        coalesce="all",
    )
    return Grid(microseconds_of(first), PERIOD // timedelta(microseconds=1))


@pytest.mark.parametrize("kind", LASTING)
def test_no_fire_time_is_lost_or_run_twice_when_the_acting_process_is_killed(
    kind: str, servers: Servers, tmp_path: Path
) -> None:
    place = PLACES[kind](servers, tmp_path)
    with workers_on(place, tmp_path) as (workers, scheduler, store):
        first = datetime.now(UTC) + timedelta(seconds=1)
        grids = {job_id: add(scheduler, job_id, first) for job_id in ("a", "b")}
        ends_at = time.monotonic() + LONG_FORM
        while len(workers.killed) < KILLS or time.monotonic() < ends_at:
            seen = workers.starts("a")
            until(lambda: workers.starts("a") > seen + 2 and workers.acting(store) is not None)  # noqa: B023 - called here
            acting = workers.acting(store)
            if acting is not None:
                workers.kill(acting)
                workers.start()
        # Any process may add a job, and whichever acts runs it.
        grids["late"] = add(scheduler, "late", datetime.now(UTC) + timedelta(seconds=1))
        until(lambda: workers.starts("late") > 2)
        scheduler.shutdown()
        workers.end()
        lines = list(journal.read(workers.journal))
        problems = {
            job_id: faults(store.kept_job(job_id), grid, lines, workers.killed) for job_id, grid in grids.items()
        }
    place.remove()
    if any(problems.values()):
        raise Unclean(problems)


def stop_until_another_acts(workers: Workers, store: RecordingJobStore) -> int:
    """Stop the acting process until another has acted for a while, continue it, and return it."""
    while True:
        until(lambda: workers.acting(store) is not None)
        stopped = workers.acting(store)
        if stopped is None:
            continue
        workers.send(stopped, signal.SIGSTOP)
        try:
            ends_at = time.monotonic() + TAKEOVER
            while time.monotonic() < ends_at:
                if workers.acting(store) not in {None, stopped}:
                    seen = workers.starts("a")
                    until(lambda: workers.starts("a") > seen + 2)  # noqa: B023 - called here
                    return stopped
                time.sleep(0.02)
        finally:
            workers.send(stopped, signal.SIGCONT)
        # It was stopped within a transaction, and locked the database for all.


@pytest.mark.parametrize("kind", STOPPED_ON)
def test_no_fire_time_is_lost_or_run_twice_when_the_acting_process_is_stopped_for_longer_than_its_lease(
    kind: str, servers: Servers, tmp_path: Path
) -> None:
    place = PLACES[kind](servers, tmp_path)
    stopped: list[int] = []
    with workers_on(place, tmp_path) as (workers, scheduler, store):
        grid = add(scheduler, "a", datetime.now(UTC) + timedelta(seconds=1))
        ends_at = time.monotonic() + LONG_FORM
        while not stopped or time.monotonic() < ends_at:
            seen = workers.starts("a")
            until(lambda: workers.starts("a") > seen + 2)  # noqa: B023 - called here
            stopped.append(stop_until_another_acts(workers, store))
        seen = workers.starts("a")
        until(lambda: workers.starts("a") > seen + 2)
        scheduler.shutdown()
        workers.end()
        # The runs of a process that was stopped count as lost, as those of a process that was killed, and do end.
        problems = faults(store.kept_job("a"), grid, list(journal.read(workers.journal)), stopped)
    place.remove()
    if problems:
        raise Unclean(problems)
