"""The layouts of the stores: what another program or a later Kalends made is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore as ApschedulerJobStore
from sqlalchemy import create_engine, inspect, text

from jobstores.jobs import job
from jobstores.places import (
    PLACES,
    EtcdPath,
    MongoCollection,
    Place,
    RedisKeys,
    RethinkTable,
    ZooKeeperNode,
    start,
)
from kalends.errors import UnknownLayout
from kalends.jobstores.base import RecordingJobStore
from kalends.jobstores.common.layouts import LAYOUT, migrate
from kalends.jobstores.etcd import EtcdJobStore
from kalends.jobstores.mongodb import MongoDBJobStore
from kalends.jobstores.redis import RedisJobStore
from kalends.jobstores.rethinkdb import RethinkDBJobStore
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
from kalends.jobstores.zookeeper import ZooKeeperJobStore
from kalends.leases.port import LeaseRecord, LeaseStore
from servers.harness import Servers


def place_of(kind: str, servers: Servers, folder: Path) -> Any:
    return PLACES[kind](servers, folder)


def set_layout(store: RecordingJobStore, version: int) -> None:
    """Write another version of the layout, as a later Kalends would."""
    match store:
        case SQLAlchemyJobStore():
            with store.engine.begin() as connection:
                connection.execute(text(f"UPDATE {store.jobs_t.name}_layout SET version = {version}"))  # noqa: S608
        case RedisJobStore():
            store.redis.set(f"{store.jobs_key}.layout", version)
        case MongoDBJobStore():
            collection = store.collection
            collection.database[f"{collection.name}_layout"].update_one({}, {"$set": {"version": version}})
        case EtcdJobStore():
            store.client.put(f"{store.path}/layout", str(version))
        case RethinkDBJobStore():
            layout = store.r.db(store.database).table(f"{store.table_name}_layout")
            layout.get("layout").update({"version": version}).run(store.conn)
        case ZooKeeperJobStore():
            store.client.set(f"{store.path}/layout", str(version).encode())


def layout_of(store: RecordingJobStore) -> int:
    match store:
        case SQLAlchemyJobStore():
            with store.engine.begin() as connection:
                found = connection.execute(text(f"SELECT version FROM {store.jobs_t.name}_layout")).scalar()  # noqa: S608
        case RedisJobStore():
            found = store.redis.get(f"{store.jobs_key}.layout")
        case MongoDBJobStore():
            collection = store.collection
            found = collection.database[f"{collection.name}_layout"].find_one({})["version"]
        case EtcdJobStore():
            (found,) = store.client.get(f"{store.path}/layout")
        case RethinkDBJobStore():
            layout = store.r.db(store.database).table(f"{store.table_name}_layout")
            found = layout.get("layout").run(store.conn)["version"]
        case ZooKeeperJobStore():
            found, _ = store.client.get(f"{store.path}/layout")
        case _:
            raise TypeError(store)
    assert found is not None
    return int(found)


@pytest.mark.parametrize(
    "place", ["sqlite", "postgresql", "valkey", "mongodb", "etcd", "zookeeper", "rethinkdb"], indirect=True
)
@pytest.mark.parametrize("version", [0, LAYOUT + 1])
def test_a_layout_that_is_not_known_is_refused(place: Place, store: RecordingJobStore, version: int) -> None:
    store.add_job(job("a"))
    set_layout(store, version)
    other = place.new_store()
    with pytest.raises(UnknownLayout, match=f"layout of version {version}, and this version of Kalends uses"):
        start(other)
    other.shutdown()
    set_layout(store, LAYOUT)
    start(other)
    assert [one.id for one in other.get_all_jobs()] == ["a"]
    other.shutdown()


@pytest.mark.parametrize(
    "place",
    ["sqlite", "postgresql", "mariadb", "valkey", "mongodb", "etcd", "zookeeper", "rethinkdb"],
    indirect=True,
)
def test_a_store_of_the_first_layout_gets_leases(place: Place, store: RecordingJobStore) -> None:
    store.add_job(job("a"))
    set_layout(store, 1)
    if isinstance(store, SQLAlchemyJobStore):
        with store.engine.begin() as connection:
            connection.execute(text(f"DROP TABLE {store.jobs_t.name}_leases"))
    other = place.new_store()
    start(other)
    assert layout_of(other) == LAYOUT
    assert isinstance(other, LeaseStore)
    assert other.write_lease("default", None, LeaseRecord("me", 15.0, 1)) is not None
    assert [one.id for one in other.get_all_jobs()] == ["a"]
    other.shutdown()


def test_an_earlier_layout_is_migrated_step_by_step() -> None:
    done: list[str] = []
    steps = {
        1: lambda target: done.append(f"{target} to 2"),
        2: lambda target: done.append(f"{target} to 3"),
    }
    assert migrate(1, "table", place="the table", newest=3, steps=steps) == 3
    assert done == ["table to 2", "table to 3"]
    assert migrate(3, "table", place="the table", newest=3, steps=steps) == 3
    assert len(done) == 2


def test_a_table_of_apscheduler_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    theirs = ApschedulerJobStore(url)
    theirs.start(None, "default")
    theirs.shutdown()
    store = SQLAlchemyJobStore(url, tablename="apscheduler_jobs")
    with pytest.raises(UnknownLayout, match="the table apscheduler_jobs must have the columns"):
        start(store)
    store.shutdown()
    engine = create_engine(url)
    assert inspect(engine).get_table_names() == ["apscheduler_jobs"]
    engine.dispose()


def test_keys_of_another_program_are_refused(servers: Servers, tmp_path: Path) -> None:
    place: RedisKeys = place_of("valkey", servers, tmp_path)
    store = place.new_store()
    store.redis.hset(store.jobs_key, "a", b"\x80\x04")
    with pytest.raises(UnknownLayout, match="another program made them"):
        start(store)
    store.shutdown()
    place.remove()


def test_documents_of_another_program_are_refused(servers: Servers, tmp_path: Path) -> None:
    place: MongoCollection = place_of("mongodb", servers, tmp_path)
    store = place.new_store()
    store.collection.insert_one({"_id": "a", "job_state": b"\x80\x04"})
    with pytest.raises(UnknownLayout, match="another program has documents in it"):
        start(store)
    store.shutdown()
    place.remove()


def test_keys_of_another_program_below_the_path_are_refused(servers: Servers, tmp_path: Path) -> None:
    place: EtcdPath = place_of("etcd", servers, tmp_path)
    store = place.new_store()
    store.client.put(f"{store.path}/a", b"\x80\x04")
    with pytest.raises(UnknownLayout, match="another program made its keys"):
        start(store)
    store.shutdown()
    place.remove()


def test_a_table_of_another_program_is_refused(servers: Servers, tmp_path: Path) -> None:
    place: RethinkTable = place_of("rethinkdb", servers, tmp_path)
    store = place.new_store()
    start(store)
    store.table.insert({"id": "a", "job_state": ""}).run(store.conn)
    with pytest.raises(UnknownLayout, match="another program has documents in it"):
        start(store)
    store.shutdown()
    place.remove()


def test_nodes_of_another_program_are_refused(servers: Servers, tmp_path: Path) -> None:
    place: ZooKeeperNode = place_of("zookeeper", servers, tmp_path)
    store = place.new_store()
    store.client.start()
    store.client.create(f"{store.path}/a", b"\x80\x04", makepath=True)
    with pytest.raises(UnknownLayout, match="another program made its nodes"):
        start(store)
    store.shutdown()
    place.remove()


def test_a_path_that_begins_with_another_path_is_separate(servers: Servers, tmp_path: Path) -> None:
    place: EtcdPath = place_of("etcd", servers, tmp_path)
    store, other = place.new_store(), EtcdJobStore(f"{place.path}2", **place.connection)
    for one in (store, other):
        start(one)
        one.add_job(job("a"))
    store.remove_all_jobs()
    assert store.get_all_jobs() == []
    assert [one.id for one in other.get_all_jobs()] == ["a"]
    store.client.delete_prefix(place.path)
    store.shutdown()
    other.shutdown()
