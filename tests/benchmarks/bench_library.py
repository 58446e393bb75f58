"""The library against APScheduler: jobs that are added, and jobs that are all due at one instant.

Run it as ``python tests/benchmarks/bench_library.py``. Both sides take turns on the same server, each side in empty
tables; what counts is the median of the ratios of their rates. Stores whose server is not installed are left out, and
the table shows it. Exits 1 if a bar is missed.
"""

from __future__ import annotations

import importlib
import logging
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from servers.documents import SecantusDB
from servers.harness import ServerKind, Servers
from servers.key_value import Redis
from servers.sql import PostgreSQL

THEIRS, OURS = "apscheduler", "kalends"
THREADS = 10
FEW = 300
"""Jobs of APScheduler on a server: its rate does not depend on their number, and it takes a transaction for each."""


class Tasks:
    """Counts the runs of a round. Stores keep the job by the reference to ``ran``."""

    left = 0
    lock = threading.Lock()
    done = threading.Event()

    @classmethod
    def expect(cls, runs: int) -> None:
        """Begin a round."""
        cls.left = runs
        cls.done.clear()


def ran() -> None:
    """Count one run."""
    with Tasks.lock:
        Tasks.left -= 1
        if not Tasks.left:
            Tasks.done.set()


@dataclass(frozen=True)
class Bar:
    """A line of the table: how many jobs, and by how many times Kalends must be faster."""

    store: str
    jobs: int
    adding: float | None
    """None: it is measured without a bar."""
    running: float


BARS = (
    Bar("memory", 10_000, None, 0.2),
    Bar("SQLite", 2_000, 20, 10),
    Bar("PostgreSQL", 2_000, 20, 10),
    Bar("Redis", 2_000, 20, 10),
    Bar("MongoDB", 2_000, 20, 10),
)
Options = Callable[[], Mapping[str, Any]]


def rates(library: str, options: Mapping[str, Any], jobs: int) -> tuple[float, float]:
    """Return how many jobs a second one library adds, and how many of them it runs once all are due."""
    background = importlib.import_module(f"{library}.schedulers.background").BackgroundScheduler
    executor = {"type": "threadpool", "max_workers": THREADS}
    settings = {f"{library}.executors.default": executor, f"{library}.jobstores.default": dict(options)}
    scheduler = background(settings, timezone="UTC")
    scheduler.start(paused=True)
    try:
        moment = datetime.now(UTC) - timedelta(seconds=1)
        begin = time.perf_counter()
        common = {"run_date": moment, "misfire_grace_time": None}
        if library == OURS:
            scheduler.add_jobs([{"func": ran, "trigger": "date", "id": str(n), **common} for n in range(jobs)])
        else:
            for n in range(jobs):
                scheduler.add_job(ran, "date", id=str(n), **common)
        added = time.perf_counter()
        Tasks.expect(jobs)
        resumed = time.perf_counter()
        scheduler.resume()
        if not Tasks.done.wait(600):
            raise RuntimeError(f"{library}: {Tasks.left} of {jobs} jobs did not run within 600 s")
        return jobs / (added - begin), jobs / (time.perf_counter() - resumed)
    finally:
        scheduler.shutdown()


@contextmanager
def stores(servers: Servers) -> Iterator[Mapping[str, Options | str]]:
    """Yield for each store how to make an empty one, or why there is none."""
    with tempfile.TemporaryDirectory() as folder:

        def sql(url: str) -> Options:
            return lambda: {"type": "sqlalchemy", "url": url, "tablename": f"jobs_{uuid4().hex[:8]}"}

        def redis(url: str) -> Mapping[str, Any]:
            host, _, port = url.partition("//")[2].partition(":")
            names = {name: f"{name}-{uuid4().hex}" for name in ("jobs_key", "run_times_key")}
            return {"type": "redis", "host": host, "port": int(port.partition("/")[0]), **names}

        def mongodb(url: str) -> Mapping[str, Any]:
            return {"type": "mongodb", "host": url, "database": f"bench_{uuid4().hex[:8]}"}

        def on(kind: ServerKind, make: Callable[[str], Options]) -> Options | str:
            try:
                return make(servers.address(kind))
            except pytest.skip.Exception as missing:
                return str(missing)

        yield {
            "memory": lambda: {"type": "memory"},
            "SQLite": lambda: {"type": "sqlalchemy", "url": f"sqlite:///{Path(folder) / uuid4().hex}.sqlite"},
            "PostgreSQL": on(PostgreSQL(), sql),
            "Redis": on(Redis(), lambda url: lambda: redis(url)),
            "MongoDB": on(SecantusDB(), lambda url: lambda: mongodb(url)),
        }


def measure(bar: Bar, options: Options, rounds: int) -> bool:
    """Print how one store does; return whether its bars are passed."""
    adding, running = [], []
    few = bar.jobs if bar.store == "memory" else FEW
    for _ in range(rounds):
        theirs, ours = rates(THEIRS, options(), few), rates(OURS, options(), bar.jobs)
        adding.append(ours[0] / theirs[0])
        running.append(ours[1] / theirs[1])
    passed = True
    for what, found, least in (("adding", adding, bar.adding), ("running", running, bar.running)):
        median = statistics.median(found)
        missed = least is not None and median < least
        wanted = "measured" if least is None else f"at least {least:g}"
        spread = f"{min(found):.2f}-{max(found):.2f}"
        name = f"{bar.store}, {what}"
        sys.stdout.write(f"{name:<22} {wanted:<14} {median:6.2f} ({spread}) {'MISSED' if missed else ''}\n")
        passed = passed and not missed
    return passed


def main() -> int:
    """Print the table; return 1 if a bar is missed."""
    logging.disable(logging.WARNING)
    only, rounds = set(sys.argv[1:]), 3
    servers, passed = Servers(), True
    sys.stdout.write("jobs a second, in multiples of APScheduler's rate: median (lowest-highest)\n")
    try:
        with stores(servers) as found:
            for bar in BARS:
                options = found[bar.store]
                if only and bar.store not in only:
                    continue
                if isinstance(options, str):
                    sys.stdout.write(f"{bar.store}: left out: {options}\n")
                else:
                    passed = measure(bar, options, rounds) and passed
    finally:
        servers.close()
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
