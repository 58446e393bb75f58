"""A process with a scheduler on a shared store, as a worker of a web application is. A signal ends it."""

from __future__ import annotations

import base64
import os
import pickle
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

from typing_extensions import override

from jobstores.places import Place
from kalends.executors.pool import ThreadPoolExecutor
from kalends.job import Job
from kalends.leases import processes
from kalends.schedulers.background import BackgroundScheduler
from kalends.triggers.programs.datetimes import microseconds_of
from sharing import journal

JOURNAL = "SHARING_JOURNAL"
LEASE: Mapping[str, Any] = {
    "lease_duration": 12.0,
    "lease_renew_deadline": 10.0,
    "lease_retry_period": 0.2,
    "jobstore_poll_interval": 0.2,
}
"""The deadline leaves room for a machine that is busy: a scheduler that loses the lease for that counts as gone."""


def work(job: str, seconds: float) -> None:
    """Take some time."""
    time.sleep(seconds)
    journal.write(Path(os.environ[JOURNAL]), "end", job)


class JournalExecutor(ThreadPoolExecutor):
    """Writes each start into the journal, with its fire time."""

    @override
    def submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        (fire_time,) = run_times
        journal.write(Path(os.environ[JOURNAL]), "start", job.id, microseconds_of(fire_time))
        super().submit_job(job, run_times)


def new_scheduler(place: Place) -> BackgroundScheduler:
    """Return a scheduler on the store of a place."""
    return BackgroundScheduler(
        jobstores={"default": place.new_store()}, executors={"default": JournalExecutor(20)}, timezone="UTC", **LEASE
    )


def to_argument(place: Place) -> str:
    """Return a place as an argument of this program."""
    return base64.b64encode(pickle.dumps(place)).decode()


def main(place: str, is_named: str) -> None:
    """Schedule until SIGTERM.

    Args:
        place: From ``to_argument``.
        is_named: ``named`` if candidates on this machine may see from its lease that this process has ended.
    """
    if is_named != "named":
        processes.this_process = lambda: ""
    ended = Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    scheduler = new_scheduler(pickle.loads(base64.b64decode(place)))  # noqa: S301 - of the test itself
    scheduler.start()
    ended.wait()
    scheduler.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
