"""The operator with its ports altered, started like the operator: ``python -m cluster.chaos.altered operator …``.

- ``ALTERED_DIES_AT="<point> <n>"``: it kills itself when it comes to this point for the n-th time. The points lie
  between what the engine asks of its ports, so that between two of them nothing but deciding is done.
- ``ALTERED_CLOCK=<file>``: its clock is as many seconds ahead of the system's as the file says, at any moment.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from kalends.clock import SystemClock
from kalends.engine.core.state import Ref
from kalends.engine.executor_ports import ExecutorEvents
from kalends.engine.ports import RunReport
from kalends.executors.jobs.executor import JobsExecutor
from kalends.executors.pools.pool import PoolExecutor
from kalends.stores.crd import CrdJobStore

POINTS = (
    "before record",
    "after record",
    "before create",
    "after create",
    "before delete",
    "before claimed start",
    "after claimed start",
    "end of a run",
)
"""In the order in which a run passes them; the first two come again for its end."""

DIES_AT = "ALTERED_DIES_AT"
CLOCK = "ALTERED_CLOCK"


class Fuse:
    """Ends the process when one point has been passed often enough."""

    def __init__(self, said: str) -> None:
        self._point, _, count = said.rpartition(" ")
        self._left = int(count)

    def pass_by(self, point: str) -> None:
        """Take note that a point was reached."""
        if point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def wrap(owner: Any, method: str, fuse: Fuse, *, before: str = "", after: str = "") -> None:
    """Have an asynchronous method pass the fuse before and after it does its work."""
    original = getattr(owner, method)

    @functools.wraps(original)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        fuse.pass_by(before)
        found = await original(*args, **kwargs)
        fuse.pass_by(after)
        return found

    setattr(owner, method, wrapped)


class FusedEvents:
    """Passes the fuse before it passes on how a run ended."""

    def __init__(self, events: ExecutorEvents, fuse: Fuse) -> None:
        self._events = events
        self._fuse = fuse

    def ended(self, report: RunReport) -> None:
        self._fuse.pass_by("end of a run")
        self._events.ended(report)

    def changed(self, ref: Ref) -> None:
        self._events.changed(ref)

    def freed(self) -> None:
        self._events.freed()


def wrap_reports(fuse: Fuse) -> None:
    """Have a pool pass the fuse when a run has ended, and nobody knows of it yet."""
    original = PoolExecutor.open

    async def open_with_fuse(pool: PoolExecutor, events: ExecutorEvents) -> None:
        await original(pool, FusedEvents(events, fuse))

    setattr(PoolExecutor, "open", open_with_fuse)  # noqa: B010 - a method of a class is replaced in this process


def let_die(said: str) -> None:
    """Lay a fuse at one point of the ports."""
    fuse = Fuse(said)
    wrap(CrdJobStore, "write", fuse, before="before record", after="after record")
    wrap(JobsExecutor, "start", fuse, before="before create", after="after create")
    wrap(JobsExecutor, "delete", fuse, before="before delete")
    wrap(PoolExecutor, "start", fuse, before="before claimed start", after="after claimed start")
    wrap_reports(fuse)


def set_clock(file: Path) -> None:
    """Put the operator's clock ahead of the system's by what a file says."""
    descriptor = os.open(file, os.O_RDONLY)

    def now(_: Any) -> float:
        return time.time() + float(os.pread(descriptor, 64, 0) or "0")

    setattr(SystemClock, "now", now)  # noqa: B010 - a method of a class is replaced in this process


def main() -> None:
    """Alter what is to be altered, and be the operator."""
    if said := os.environ.get(DIES_AT):
        let_die(said)
    if file := os.environ.get(CLOCK):
        set_clock(Path(file))
    from kalends.cli.main import main as operator

    sys.argv[0] = "kalends"
    operator()


if __name__ == "__main__":
    main()
