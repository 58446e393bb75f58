"""The options of the stores: those of APScheduler, under its names."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent
from sqlalchemy import MetaData, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from jobstores.jobs import NOON, job
from jobstores.places import MongoCollection, RedisKeys, SqlTable, ZooKeeperNode, start
from jobstores.test_layouts import place_of
from kalends.jobstores.base import RecordingJobStore
from kalends.jobstores.etcd import EtcdJobStore
from kalends.jobstores.mongodb import MongoDBJobStore
from kalends.jobstores.redis import RedisJobStore
from kalends.jobstores.rethinkdb import RethinkDBJobStore
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
from kalends.jobstores.sqlalchemy.tables import new_engine
from kalends.jobstores.zookeeper import ZooKeeperJobStore
from kalends.jobstores.zookeeper import requests as zookeeper_requests
from kalends.leases.port import LeaseRecord
from servers.harness import Servers

ENGINE = create_engine("sqlite://", poolclass=NullPool)


def test_an_engine_is_given_in_place_of_a_url(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    metadata = MetaData()
    store = SQLAlchemyJobStore(engine=engine, metadata=metadata, tablename="mine")
    start(store)
    store.add_job(job("a"))
    store.shutdown()
    assert set(metadata.tables) == {"mine", "mine_layout", "mine_leases"}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM mine")).scalars().all() == ["a"]
    engine.dispose()


def test_an_engine_is_named_by_a_reference() -> None:
    store = SQLAlchemyJobStore(engine="jobstores.test_options:ENGINE")
    assert store.engine.url == ENGINE.url


def test_a_url_or_an_engine_is_needed() -> None:
    with pytest.raises(ValueError, match='Need either "engine" or "url" defined'):
        SQLAlchemyJobStore()


def test_options_of_the_engine_are_passed_on(tmp_path: Path) -> None:
    options = {"poolclass": NullPool, "connect_args": {"timeout": 1.0}}
    store = SQLAlchemyJobStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}", engine_options=options)
    assert isinstance(store.engine.pool, NullPool)


@pytest.mark.parametrize(
    ("database", "driver"), [("postgresql", "psycopg"), ("mysql", "pymysql"), ("mariadb", "pymysql")]
)
def test_a_url_without_a_driver_uses_the_driver_that_the_extra_installs(database: str, driver: str) -> None:
    assert new_engine(f"{database}://me@localhost/app", {}).url.drivername == f"{database}+{driver}"


@pytest.mark.parametrize(
    ("database", "extra"), [("postgresql", "postgresql"), ("mysql", "mariadb"), ("mariadb", "mariadb")]
)
def test_a_driver_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, database: str, extra: str
) -> None:
    for package in ("psycopg", "psycopg2", "pymysql", "MySQLdb"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"which is not installed: pip install 'kalends\[{extra}\]'"):
        SQLAlchemyJobStore(f"{database}://me@localhost/app")


def test_a_database_in_memory_is_shared_by_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    store = SQLAlchemyJobStore("sqlite://")
    start(store)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.add_job(job(str(number))), range(40)))
    assert len(store.get_all_jobs()) == 40
    store.shutdown()


def test_a_table_has_the_schema_that_is_given(servers: Servers, tmp_path: Path) -> None:
    place: SqlTable = place_of("postgresql", servers, tmp_path)
    engine = create_engine(place.url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA s_{place.table}"))
    store = place.new_store(tableschema=f"s_{place.table}")
    start(store)
    store.add_job(job("a"))
    tables = inspect(engine).get_table_names(schema=f"s_{place.table}")
    assert sorted(tables) == [place.table, f"{place.table}_layout", f"{place.table}_leases"]
    store.shutdown()
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA s_{place.table} CASCADE"))
    engine.dispose()


@pytest.mark.parametrize("place", ["postgresql", "mariadb"], indirect=True)
def test_next_run_times_are_microseconds_in_a_column_with_an_index(place: SqlTable, store: RecordingJobStore) -> None:
    assert isinstance(store, SQLAlchemyJobStore)
    store.add_job(job("a"))
    with store.engine.connect() as connection:
        found = connection.execute(text(f"SELECT next_run_time FROM {place.table}")).scalar()  # noqa: S608
    assert found == int(NOON.timestamp()) * 1_000_000
    indexes = inspect(store.engine).get_indexes(place.table)
    assert [index["column_names"] for index in indexes] == [["next_run_time"]]


# -- options of the others


@pytest.mark.parametrize("name", ["jobs_key", "run_times_key"])
def test_a_key_must_not_be_empty(name: str) -> None:
    with pytest.raises(ValueError, match=f'The "{name}" parameter must not be empty'):
        RedisJobStore(**{name: ""})  # type: ignore[arg-type]  # a key, whichever it is


@pytest.mark.parametrize("name", ["database", "collection"])
def test_a_name_must_not_be_empty(name: str) -> None:
    with pytest.raises(ValueError, match=f'The "{name}" parameter must not be empty'):
        MongoDBJobStore(**{name: ""})  # type: ignore[arg-type]  # a name, whichever it is


@pytest.mark.parametrize("name", ["database", "table"])
def test_a_name_of_rethinkdb_must_not_be_empty(name: str) -> None:
    with pytest.raises(ValueError, match=f'The "{name}" parameter must not be empty'):
        RethinkDBJobStore(**{name: ""})  # type: ignore[arg-type]  # a name, whichever it is


@pytest.mark.parametrize("store", [EtcdJobStore, ZooKeeperJobStore])
def test_a_path_must_not_be_empty(store: type[EtcdJobStore | ZooKeeperJobStore]) -> None:
    with pytest.raises(ValueError, match='The "path" parameter must not be empty'):
        store("")


def test_a_client_of_another_package_is_refused() -> None:
    with pytest.raises(TypeError, match=r"must be an etcd3gw.Etcd3Client, got builtins.object"):
        EtcdJobStore(client=object())


def test_a_client_of_zookeeper_is_closed_only_if_that_is_asked_for(servers: Servers, tmp_path: Path) -> None:
    place: ZooKeeperNode = place_of("zookeeper", servers, tmp_path)
    client = KazooClient(place.address)
    client.start()
    for is_closed in (False, True):
        store = ZooKeeperJobStore(place.path, client, close_connection_on_exit=is_closed)
        start(store)
        store.shutdown()
        assert client.connected is not is_closed
    place.remove()


def test_nodes_are_kept_below_a_chroot(servers: Servers, tmp_path: Path) -> None:
    place: ZooKeeperNode = place_of("zookeeper", servers, tmp_path)
    store = ZooKeeperJobStore(hosts=place.address + place.path)
    start(store)
    store.add_job(job("a"))
    assert store.client.get_children("/kalends/jobs") == ["a"]
    store.shutdown()
    place.remove()


def test_a_client_of_the_program_is_not_closed(servers: Servers, tmp_path: Path) -> None:
    from redis import Redis

    place: RedisKeys = place_of("valkey", servers, tmp_path)
    with Redis.from_url(place.address) as client:
        store = RedisJobStore(client=client, jobs_key=f"{place.prefix}.jobs", run_times_key=f"{place.prefix}.run_times")
        start(store)
        store.add_job(job("a"))
        store.shutdown()
        assert client.hkeys(f"{place.prefix}.jobs") == [b"a"]
    place.remove()


@pytest.mark.parametrize("given", [{"w": 1}, {"w": 0}, {}], ids=str)
def test_leases_in_mongodb_are_written_to_a_majority(servers: Servers, tmp_path: Path, given: dict[str, Any]) -> None:
    place = place_of("mongodb", servers, tmp_path)
    assert isinstance(place, MongoCollection)
    concerns: dict[str, list[object]] = {}

    class Commands(CommandListener):
        def started(self, event: CommandStartedEvent) -> None:
            if event.command_name in {"insert", "update", "delete"}:
                collection = str(event.command[event.command_name])
                concerns.setdefault(collection, []).append(event.command.get("writeConcern"))

        def succeeded(self, event: object) -> None:
            pass

        def failed(self, event: object) -> None:
            pass

    client: MongoClient[dict[str, object]] = MongoClient(place.address, event_listeners=[Commands()], **given)
    store = MongoDBJobStore(place.database, client=client)
    start(store)
    written = store.write_lease("default", None, LeaseRecord("me", 15.0, 1))
    assert written is not None
    assert store.write_lease("default", written, LeaseRecord("me", 15.0, 1)) is not None
    assert len(concerns["jobs_leases"]) >= 2
    assert all(concern == {"w": "majority"} for concern in concerns["jobs_leases"])
    client.close()
    place.remove()


def test_the_first_connection_to_zookeeper_outlasts_an_attempt_without_an_answer(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_of("zookeeper", servers, tmp_path)
    assert isinstance(place, ZooKeeperNode)
    host, _, port = place.address.partition(":")
    sockets: list[socket.socket] = []

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            sockets.append(server.accept()[0])  # it gets no answer
            while True:
                connection, _ = server.accept()
                beyond = socket.create_connection((host, int(port)))
                sockets.extend([connection, beyond])
                for pair in ((connection, beyond), (beyond, connection)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    # The time limit of other requests, which the connection must not have.
    monkeypatch.setattr(zookeeper_requests, "TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        client = zookeeper_requests.ZooKeeper(None, {"hosts": f"127.0.0.1:{server.getsockname()[1]}", "timeout": 1.0})
        client.connect()
        assert len(sockets) >= 3
        client.close()
        server.shutdown(socket.SHUT_RDWR)
    for one in sockets:
        one.close()
