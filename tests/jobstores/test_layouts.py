"""The layouts of the stores: what another program or a later Kalends made is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore as ApschedulerJobStore
from sqlalchemy import MetaData, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from jobstores.jobs import NOON, job
from jobstores.places import PLACES, MongoCollection, Place, RedisKeys, SqlTable, start
from kalends.errors import UnknownLayout
from kalends.jobstores.base import RecordingJobStore
from kalends.jobstores.layouts import LAYOUT, migrate
from kalends.jobstores.mongodb import MongoDBJobStore
from kalends.jobstores.redis import RedisJobStore
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
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
        case _:
            raise TypeError(store)
    assert found is not None
    return int(found)


@pytest.mark.parametrize("place", ["sqlite", "postgresql", "valkey", "mongodb"], indirect=True)
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


@pytest.mark.parametrize("place", ["sqlite", "postgresql", "mariadb", "valkey", "mongodb"], indirect=True)
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


# -- options of SQLAlchemyJobStore

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
    store = SQLAlchemyJobStore(engine="jobstores.test_layouts:ENGINE")
    assert store.engine.url == ENGINE.url


def test_a_url_or_an_engine_is_needed() -> None:
    with pytest.raises(ValueError, match='Need either "engine" or "url" defined'):
        SQLAlchemyJobStore()


def test_options_of_the_engine_are_passed_on(tmp_path: Path) -> None:
    options = {"poolclass": NullPool, "connect_args": {"timeout": 1.0}}
    store = SQLAlchemyJobStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}", engine_options=options)
    assert isinstance(store.engine.pool, NullPool)


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
    assert inspect(engine).get_table_names(schema=f"s_{place.table}") == [place.table, f"{place.table}_layout"]
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
