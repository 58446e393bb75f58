"""Damage of the values that job stores keep beside the definition of a job, written past the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import text

from kalends.jobstores.base import RecordingJobStore
from kalends.jobstores.etcd import EtcdJobStore
from kalends.jobstores.mongodb import MongoDBJobStore
from kalends.jobstores.redis import RedisJobStore
from kalends.jobstores.rethinkdb import RethinkDBJobStore
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
from kalends.jobstores.zookeeper import ZooKeeperJobStore

Write = Callable[[Any, str], None]
FAR = 9 * 10**18
"""Microseconds that no datetime shows."""


def _column(name: str, value: object) -> Write:
    def write(store: SQLAlchemyJobStore, job_id: str) -> None:
        with store.engine.begin() as connection:
            statement = f"UPDATE {store.jobs_t.name} SET {name} = :value WHERE id = :id"  # noqa: S608 - of the test
            connection.execute(text(statement), {"value": value, "id": job_id})

    return write


def _version(change: Callable[[list[str]], list[str]]) -> Write:
    def write(store: RedisJobStore, job_id: str) -> None:
        key = f"{store.jobs_key}.versions"
        parts = bytes(store.redis.hget(key, job_id)).decode().split(":")
        store.redis.hset(key, job_id, ":".join(change(parts)))

    return write


def _redis_record(store: RedisJobStore, job_id: str) -> None:
    store.redis.hset(f"{store.jobs_key}.records", job_id, b"\xff")


def _no_redis_version(store: RedisJobStore, job_id: str) -> None:
    store.redis.hdel(f"{store.jobs_key}.versions", job_id)


def _field(name: str, value: object) -> Write:
    def write(store: MongoDBJobStore, job_id: str) -> None:
        store.collection.update_one({"_id": job_id}, {"$set": {name: value}})

    return write


def _no_field(name: str) -> Write:
    def write(store: MongoDBJobStore, job_id: str) -> None:
        store.collection.update_one({"_id": job_id}, {"$unset": {name: ""}})

    return write


def _member(name: str, value: object) -> Write:
    def write(store: RethinkDBJobStore, job_id: str) -> None:
        store.table.filter({"job_id": job_id}).update({name: value}).run(store.conn)

    return write


def _no_member(name: str) -> Write:
    def write(store: RethinkDBJobStore, job_id: str) -> None:
        found = store.table.filter({"job_id": job_id})
        found.replace(lambda row: row.without(name)).run(store.conn)

    return write


def _key(kind: str, value: str) -> Write:
    def write(store: EtcdJobStore, job_id: str) -> None:
        store.client.put(f"{store.path}/{kind}/{job_id}", value)

    return write


def _job_node(store: ZooKeeperJobStore, job_id: str) -> None:
    path = f"{store.path}/jobs/{job_id}"
    _, _, definition = store.client.get(path)[0].partition(b"\n")
    store.client.set(path, b"gar/bage\xff\n" + definition)


def _state_line(number: int, value: bytes) -> Write:
    def write(store: ZooKeeperJobStore, job_id: str) -> None:
        uid = store.kept_job(job_id).uid
        path = f"{store.path}/states/{uid}"
        lines = store.client.get(path)[0].split(b"\n", 3)
        lines[number] = value
        store.client.set(path, b"\n".join(lines))

    return write


def _state(store: ZooKeeperJobStore, job_id: str) -> None:
    store.client.set(f"{store.path}/states/{store.kept_job(job_id).uid}", b"garbage")


_TYPED: Mapping[str, Write] = {
    "uid": _column("uid", ""),
    "time": _column("next_run_time", FAR),
    "early time": _column("next_run_time", -FAR),
    "record": _column("record", b"\xff"),
}
_REDIS: Mapping[str, Write] = {
    "version": _version(lambda parts: [parts[0], "garbage", parts[2]]),
    "uid": _version(lambda parts: ["", *parts[1:]]),
    "time": _version(lambda parts: [*parts[:2], "garbage"]),
    "early time": _version(lambda parts: [*parts[:2], str(-FAR)]),
    "all": _version(lambda _: ["garbage"]),
    "no version": _no_redis_version,
    "record": _redis_record,
}
DAMAGES: Mapping[str, Mapping[str, Write]] = {
    "sqlite": {
        **_TYPED,
        "version": _column("version", "garbage"),
        "text as time": _column("next_run_time", "garbage"),
        "text as record": _column("record", "garbage"),
        "text as definition": _column("definition", "garbage"),
    },
    "postgresql": _TYPED,
    "mariadb": _TYPED,
    "redis": _REDIS,
    "valkey": _REDIS,
    "mongodb": {
        "version": _field("version", "garbage"),
        "no version": _no_field("version"),
        "uid": _field("uid", 5),
        "no uid": _no_field("uid"),
        "time": _field("next_run_time", "garbage"),
        "early time": _field("next_run_time", -FAR),
        "record": _field("record", 5),
        "definition": _field("definition", 5),
    },
    "rethinkdb": {
        "version": _member("version", "garbage"),
        "no version": _no_member("version"),
        "uid": _member("uid", 5),
        "no uid": _no_member("uid"),
        "time": _member("time", "garbage"),
        "early time": _member("time", str(-FAR)),
        "record": _member("record", 5),
        "definition": _member("definition", 5),
    },
    "etcd": {
        "version": _key("versions", "garbage"),
        "time": _key("times", "garbage"),
        "early time": _key("times", str(-FAR)),
        "record": _key("records", "garbage"),
        "parts": _key("jobs", "\0parts:garbage"),
    },
    "zookeeper": {
        "uid": _job_node,
        "edition": _state_line(1, b"garbage"),
        "time": _state_line(2, b"garbage"),
        "early time": _state_line(2, str(-FAR).encode()),
        "name": _state_line(0, b"\xff/"),
        "record": _state_line(3, b"garbage"),
        "state": _state,
    },
}
CASES = [(place, what) for place, damages in DAMAGES.items() for what in damages]


def damage_value(store: RecordingJobStore, place: str, what: str, job_id: str) -> None:
    """Damage a value of a job."""
    DAMAGES[place][what](store, job_id)
