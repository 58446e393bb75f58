"""Stores that are full or read-only: the error names the reason, no call is half done, writes work again with room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis as RedisClient
from sqlalchemy import create_engine, text
from typing_extensions import override

from jobstores.jobs import NOON, job, record, write_of
from jobstores.places import EtcdPath, RedisKeys, SqlTable, start
from kalends.jobstores.base import RecordingJobStore
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
from servers.coordination import Etcd
from servers.harness import Servers
from servers.key_value import Valkey
from servers.sql import PostgreSQL

PAYLOAD = "x" * 20_000


@dataclass(frozen=True, slots=True)
class Bounded:
    """A store with little room, and how it is given more."""

    store: RecordingJobStore
    reason: str
    give_room: Callable[[], object]


class SmallEtcd(Etcd):
    name = "small-etcd"

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        return [*super().command(folder, port), "--quota-backend-bytes=4000000"]


def sqlite(_servers: Servers, folder: Path) -> Bounded:
    engine = create_engine(f"sqlite:///{folder / 'jobs.sqlite'}", pool_size=1, max_overflow=0)

    def limit(pages: int) -> None:
        with engine.connect() as connection:
            connection.execute(text(f"PRAGMA max_page_count={pages}"))

    limit(300)
    store = SQLAlchemyJobStore(engine=engine)
    return Bounded(store, "database or disk is full", lambda: limit(100_000))


def valkey(servers: Servers, _folder: Path) -> Bounded:
    place = RedisKeys(servers.address(Valkey()))
    client = RedisClient.from_url(place.address)
    client.config_set("maxmemory", client.info()["used_memory"] + 2_000_000)
    client.config_set("maxmemory-policy", "noeviction")
    return Bounded(place.new_store(), "maxmemory", lambda: client.config_set("maxmemory", 0))


def etcd(servers: Servers, _folder: Path) -> Bounded:
    store = EtcdPath(servers.address(SmallEtcd())).new_store()

    def give_room() -> None:
        """Compact the history, defragment the file, and disarm the alarm, as etcd's guide says."""
        client = store.client
        client.delete_prefix("/filler")
        revision = client.status()["header"]["revision"]
        client.post(client.get_url("/kv/compaction"), json={"revision": revision, "physical": True})
        client.post(client.get_url("/maintenance/defragment"), json={})
        alarm = client.get_url("/maintenance/alarm")
        for raised in client.post(alarm, json={"action": "GET"})["alarms"]:
            client.post(alarm, json={"action": "DEACTIVATE", **raised})

    for number in range(12):
        store.client.put(f"/filler/{number}", "x" * 100_000)
    return Bounded(store, "database space exceeded", give_room)


@pytest.fixture(params=[sqlite, valkey, etcd], ids=lambda make: make.__name__)
def bounded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bounded]:
    for kind in (Valkey(), Etcd()):
        monkeypatch.delenv(kind.variable, raising=False)  # a server of the reader keeps its limits
    servers = Servers()
    found: Bounded = request.param(servers, tmp_path)
    start(found.store)
    yield found
    found.store.shutdown()
    servers.close()


def test_a_write_to_a_full_store_fails_with_the_reason_and_loses_nothing(bounded: Bounded) -> None:
    store = bounded.store
    added: list[str] = []
    with pytest.raises(Exception, match=bounded.reason):  # of the client library  # noqa: PT012
        for number in range(1000):
            store.add_job(job(f"job-{number}", args=(PAYLOAD,)))
            added.append(f"job-{number}")
    assert added
    assert sorted(one.id for one in store.get_all_jobs()) == sorted(added)
    with pytest.raises(Exception, match=bounded.reason):
        store.add_all([job(f"more-{number}", args=(PAYLOAD * 10,)) for number in range(20)])
    assert sorted(one.id for one in store.get_all_jobs()) == sorted(added)
    kept = store.kept_job(added[0])
    with pytest.raises(Exception, match=bounded.reason):  # noqa: PT012
        for _ in range(100):
            store.update_job(job(added[0], args=(PAYLOAD * 20,)))
            pytest.fail("it was written")
    assert store.kept_job(added[0]) == kept
    bounded.give_room()
    store.add_all([job(f"more-{number}", args=(PAYLOAD,)) for number in range(20)])
    assert list(store.write_records([write_of(kept, record())])) == [kept.version + 1]
    assert len(store.get_due_jobs(NOON)) == len(added) + 20


def test_jobs_are_removed_from_a_full_store(bounded: Bounded) -> None:
    store = bounded.store
    added: list[str] = []
    with pytest.raises(Exception, match=bounded.reason):  # of the client library  # noqa: PT012
        for number in range(1000):
            store.add_job(job(f"job-{number}", args=(PAYLOAD,)))
            added.append(f"job-{number}")
    first, second, *others = added
    store.remove_job(first)
    kept = store.kept_job(second)
    assert store.remove_version(second, kept.uid, kept.version)
    assert sorted(one.id for one in store.kept_jobs()) == sorted(others)
    store.remove_all_jobs()
    assert store.kept_jobs() == []


def read_only_sqlite(_servers: Servers, folder: Path) -> tuple[RecordingJobStore, RecordingJobStore]:
    path = folder / "jobs.sqlite"
    return SQLAlchemyJobStore(f"sqlite:///{path}"), SQLAlchemyJobStore(f"sqlite:///file:{path}?mode=ro&uri=true")


def read_only_postgresql(servers: Servers, _folder: Path) -> tuple[RecordingJobStore, RecordingJobStore]:
    place = SqlTable(servers.address(PostgreSQL()))
    options = {"connect_args": {"options": "-c default_transaction_read_only=on"}}
    return place.new_store(), place.new_store(engine_options=options)


@pytest.mark.parametrize("make", [read_only_sqlite, read_only_postgresql], ids=lambda make: make.__name__)
def test_a_read_only_store_is_read_and_a_write_fails_with_the_reason(
    make: Callable[[Servers, Path], tuple[RecordingJobStore, RecordingJobStore]], servers: Servers, tmp_path: Path
) -> None:
    store, read_only = make(servers, tmp_path)
    start(store)
    store.add_job(job("a"))
    start(read_only)
    assert [one.id for one in read_only.get_all_jobs()] == ["a"]
    kept = read_only.kept_job("a")
    for write in (
        lambda: read_only.add_job(job("b")),
        lambda: read_only.update_job(job("a", name="changed")),
        lambda: read_only.remove_job("a"),
        lambda: read_only.write_records([write_of(kept, record())]),
    ):
        with pytest.raises(Exception, match=r"read.?only"):
            write()
    assert list(store.kept_jobs()) == [kept]
    read_only.shutdown()
    store.shutdown()
