"""A server that is killed and started again under a scheduler: its loop continues, and no fire time runs twice."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest
from typing_extensions import override

from devcluster.processes import SupervisedProcess
from devcluster.waiting import eventually
from jobstores.places import EtcdPath, MongoCollection, Place, RedisKeys, SqlTable, ZooKeeperNode
from kalends.events import EVENT_JOB_EXECUTED, JobExecutionEvent
from kalends.jobstores.base import RecordingJobStore
from kalends.schedulers.background import BackgroundScheduler
from servers.coordination import Etcd, ZooKeeper
from servers.documents import SecantusDB
from servers.harness import ServerKind, Servers
from servers.key_value import Redis, Valkey
from servers.sql import MariaDB, PostgreSQL


class LastingRedis(Redis):
    """A Redis that keeps each write before it answers."""

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        return [*super().command(folder, port), "--appendonly", "yes", "--appendfsync", "always"]


class LastingValkey(LastingRedis, Valkey):
    """A Valkey that does."""


class LastingPostgreSQL(PostgreSQL):
    """A PostgreSQL whose log is in the hands of the system when it answers: the other tests do not need that."""

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        return [*super().command(folder, port), "-csynchronous_commit=on"]


class LastingMariaDB(MariaDB):
    """A MariaDB whose log is."""

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        return [*super().command(folder, port), "--innodb-flush-log-at-trx-commit=2"]


# reqlite, which stands in for RethinkDB, keeps everything in memory: it comes back empty.
KINDS: Sequence[tuple[ServerKind, Callable[[str], Place]]] = [
    (LastingPostgreSQL(), SqlTable),
    (LastingMariaDB(), SqlTable),
    (LastingRedis(), RedisKeys),
    (LastingValkey(), RedisKeys),
    (SecantusDB(), MongoCollection),
    (Etcd(), EtcdPath),
    (ZooKeeper(), ZooKeeperNode),
]


@pytest.fixture(params=KINDS, ids=lambda pair: pair[0].name)
def killable(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[RecordingJobStore, SupervisedProcess, Callable[[], None]]]:
    """A store on a server of this test alone, its process, and a function that waits until it serves."""
    kind, place_on = request.param
    monkeypatch.delenv(kind.variable, raising=False)  # a server of the reader is not killed
    servers = Servers()
    address = servers.address(kind)
    place: Place = place_on(address)
    yield place.new_store(), servers.process(kind), lambda: _wait(kind, address)
    servers.close()


def _wait(kind: ServerKind, address: str) -> None:
    def serves() -> bool:
        try:
            kind.answers(address)
        except Exception:  # noqa: BLE001 - each client library has its own
            return False
        return True

    eventually(serves, within=120)


def run() -> None:
    """Is what the job calls."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_scheduler_continues_after_its_server_was_killed_and_started_again(
    killable: tuple[RecordingJobStore, SupervisedProcess, Callable[[], None]],
) -> None:
    store, process, until_it_serves = killable
    runs: list[datetime] = []

    def executed(event: JobExecutionEvent) -> None:
        runs.append(event.scheduled_run_time)

    def until_three_more_runs() -> None:
        before = len(runs)
        eventually(lambda: len(runs) > before + 2, within=120)

    scheduler = BackgroundScheduler(
        jobstores={"default": store},
        timezone="UTC",
        jobstore_retry_interval=0.5,
        lease_duration=3,
        lease_renew_deadline=2,
        lease_retry_period=0.2,
    )
    scheduler.add_listener(executed, EVENT_JOB_EXECUTED)
    scheduler.start()
    scheduler.add_job(run, "interval", seconds=0.2, id="a", misfire_grace_time=None)
    for _ in range(2):
        until_three_more_runs()
        process.stop(signal.SIGKILL)
        # The scheduler notices that its store is away: it could not renew its lease.
        eventually(lambda: not scheduler.acts_for("default"), within=120)
        assert scheduler.running
        process.start()
        until_it_serves()
    until_three_more_runs()
    scheduler.pause()
    eventually(lambda: not store.kept_job("a").record.active, within=120)  # type: ignore[union-attr]
    found = store.kept_job("a").record
    scheduler.shutdown()
    assert found is not None
    assert found.counts.imbalance() is None
    assert [time for time, number in Counter(runs).items() if number > 1] == []
    assert found.counts.succeeded <= len(runs)
