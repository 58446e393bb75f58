"""Where the job stores of Kalends keep jobs in these tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from etcd3gw.client import Etcd3Client
from kazoo.client import KazooClient
from pymongo import MongoClient
from redis import Redis as RedisClient
from rethinkdb import RethinkDB
from sqlalchemy import MetaData, create_engine, make_url
from typing_extensions import override

from kalends.jobstores.base import RecordingJobStore
from kalends.jobstores.etcd import EtcdJobStore
from kalends.jobstores.memory import MemoryJobStore
from kalends.jobstores.mongodb import MongoDBJobStore
from kalends.jobstores.redis import RedisJobStore
from kalends.jobstores.rethinkdb import RethinkDBJobStore
from kalends.jobstores.row_values import RowChange
from kalends.jobstores.rows import RowJobStore
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
from kalends.jobstores.zookeeper import ZooKeeperJobStore
from kalends.testing.contracts.places import Place, start
from servers.coordination import Etcd, ZooKeeper
from servers.documents import Reqlite, SecantusDB
from servers.harness import ServerKind, Servers
from servers.key_value import Redis, Valkey
from servers.sql import MariaDB, PostgreSQL


class Memory(Place):
    @override
    def new_store(self, **options: Any) -> RecordingJobStore:
        return MemoryJobStore(**options)


class SqlTable(Place):
    def __init__(self, url: str) -> None:
        self.url = url
        self.table = f"jobs_{uuid4().hex}"

    @override
    def new_store(self, **options: Any) -> SQLAlchemyJobStore:
        return SQLAlchemyJobStore(self.url, tablename=self.table, **options)

    @override
    def remove(self) -> None:
        engine = create_engine(self.url)
        found = MetaData()
        found.reflect(engine, only=lambda name, _: name.startswith(self.table))
        found.drop_all(engine)
        engine.dispose()


class RedisKeys(Place):
    def __init__(self, address: str) -> None:
        self.address = address
        url = make_url(address)
        self.connection: Mapping[str, Any] = {"host": url.host, "port": url.port, "db": int(url.database or 0)}
        self.prefix = f"{{{uuid4().hex}}}"

    @override
    def new_store(self, **options: Any) -> RedisJobStore:
        return RedisJobStore(
            **self.connection, jobs_key=f"{self.prefix}.jobs", run_times_key=f"{self.prefix}.run_times", **options
        )

    @override
    def remove(self) -> None:
        with RedisClient.from_url(self.address) as client:
            for key in client.scan_iter(f"{self.prefix}*"):
                client.delete(key)


class MongoCollection(Place):
    def __init__(self, address: str) -> None:
        self.address = address
        self.database = f"kalends_{uuid4().hex}"

    @override
    def new_store(self, **options: Any) -> MongoDBJobStore:
        return MongoDBJobStore(self.database, host=self.address, **options)

    @override
    def remove(self) -> None:
        client: MongoClient[dict[str, Any]] = MongoClient(self.address)
        with client:
            client.drop_database(self.database)


class RethinkTable(Place):
    def __init__(self, address: str) -> None:
        url = make_url(address)
        self.connection: Mapping[str, Any] = {"host": url.host, "port": url.port}
        self.database = f"kalends_{uuid4().hex}"

    @override
    def new_store(self, **options: Any) -> RethinkDBJobStore:
        return RethinkDBJobStore(self.database, **{**self.connection, **options})

    @override
    def remove(self) -> None:
        r = RethinkDB()
        connection = r.connect(**self.connection)
        if self.database in r.db_list().run(connection):
            r.db_drop(self.database).run(connection)
        connection.close(noreply_wait=False)


class EtcdPath(Place):
    def __init__(self, address: str) -> None:
        url = make_url(address)
        self.connection: Mapping[str, Any] = {"protocol": url.drivername, "host": url.host, "port": url.port}
        self.path = f"/kalends-{uuid4().hex}"

    @override
    def new_store(self, **options: Any) -> EtcdJobStore:
        return EtcdJobStore(self.path, **{**self.connection, **options})

    @override
    def remove(self) -> None:
        client = Etcd3Client(**self.connection)
        client.delete_prefix(f"{self.path}/")
        client.session.close()


class ZooKeeperNode(Place):
    def __init__(self, address: str) -> None:
        self.address = address
        self.path = f"/kalends-{uuid4().hex}"

    @override
    def new_store(self, **options: Any) -> ZooKeeperJobStore:
        return ZooKeeperJobStore(self.path, **{"hosts": self.address, **options})

    @override
    def remove(self) -> None:
        client = KazooClient(self.address)
        client.start()
        client.delete(self.path, recursive=True)
        client.stop()
        client.close()


def _on(kind: ServerKind, place: Callable[[str], Place]) -> Callable[[Servers, Path], Place]:
    return lambda servers, _: place(servers.address(kind))


PLACES: Mapping[str, Callable[[Servers, Path], Place]] = {
    "memory": lambda _, __: Memory(),
    "sqlite": lambda _, folder: SqlTable(f"sqlite:///{folder / 'jobs.sqlite'}"),
    "postgresql": _on(PostgreSQL(), SqlTable),
    "mariadb": _on(MariaDB(), SqlTable),
    "redis": _on(Redis(), RedisKeys),
    "valkey": _on(Valkey(), RedisKeys),
    "mongodb": _on(SecantusDB(), MongoCollection),
    "rethinkdb": _on(Reqlite(), RethinkTable),
    "etcd": _on(Etcd(), EtcdPath),
    "zookeeper": _on(ZooKeeper(), ZooKeeperNode),
}
LASTING = [name for name in PLACES if name != "memory"]


def damage(
    store: RecordingJobStore, job_id: str, *, definition: bytes | None = None, record: bytes | None = None
) -> None:
    """Replace a document of a row, also while a scheduler writes its record."""
    assert isinstance(store, RowJobStore)
    done = False
    while not done:
        row = store.fetch_row(job_id)
        assert row is not None
        change = RowChange(
            id=row.id,
            uid=row.uid,
            version=row.version,
            next_run_time=row.next_run_time,
            definition=definition,
            record=record,
        )
        (done,) = store.change_rows([change])


__all__ = [
    "LASTING",
    "PLACES",
    "EtcdPath",
    "Memory",
    "MongoCollection",
    "Place",
    "RedisKeys",
    "RethinkTable",
    "SqlTable",
    "ZooKeeperNode",
    "damage",
    "start",
]
