"""``kalends convert apscheduler`` on real servers, in which the real APScheduler has written the jobs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from apscheduler.jobstores.mongodb import MongoDBJobStore as ForeignMongoDB
from apscheduler.jobstores.redis import RedisJobStore as ForeignRedis
from apscheduler.jobstores.rethinkdb import RethinkDBJobStore as ForeignRethinkDB
from apscheduler.jobstores.zookeeper import ZooKeeperJobStore as ForeignZooKeeper
from apscheduler.schedulers.background import BackgroundScheduler as ForeignScheduler
from click.testing import Result
from etcd3gw.client import Etcd3Client
from pymongo import MongoClient

from servers.coordination import Etcd, ZooKeeper
from servers.documents import Reqlite, SecantusDB
from servers.harness import Servers
from servers.key_value import Redis, Valkey

Command = Callable[..., Result]
UNIQUE = uuid4().hex


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    found = Servers()
    yield found
    found.close()


class Etcd3Stub:
    """The part of the client ``etcd3`` with which APScheduler adds jobs: no maintained package has it."""

    def __init__(self, address: str) -> None:
        url = urlsplit(address)
        self._client = Etcd3Client(host=url.hostname or "", port=url.port or 0)

    def put_if_not_exists(self, key: str, value: bytes) -> bool:
        return bool(self._client.create(key.encode(), value))

    def get_prefix(self, prefix: str) -> list[tuple[bytes, Any]]:
        found: list[tuple[bytes, Any]] = self._client.get_prefix(prefix.encode())
        return found

    def close(self) -> None:
        self._client.session.close()


def _redis(address: str) -> tuple[Any, str, str]:
    url = urlsplit(address)
    keys = {"jobs_key": f"{UNIQUE}.jobs", "run_times_key": f"{UNIQUE}.run_times"}
    return ForeignRedis(host=url.hostname, port=url.port, **keys), address, keys["jobs_key"]


def _mongodb(address: str) -> tuple[Any, str, str]:
    return ForeignMongoDB(f"a{UNIQUE}", "jobs", client=MongoClient(address)), address, f"a{UNIQUE}.jobs"


def _rethinkdb(address: str) -> tuple[Any, str, str]:
    url = urlsplit(address)
    return ForeignRethinkDB(f"a{UNIQUE}", "jobs", host=url.hostname, port=url.port), address, f"a{UNIQUE}.jobs"


def _etcd(address: str) -> tuple[Any, str, str]:
    from apscheduler.jobstores.etcd import EtcdJobStore

    return EtcdJobStore(f"/{UNIQUE}", client=Etcd3Stub(address)), f"etcd://{urlsplit(address).netloc}", f"/{UNIQUE}"


def _zookeeper(address: str) -> tuple[Any, str, str]:
    store = ForeignZooKeeper(f"/{UNIQUE}", hosts=address, close_connection_on_exit=True)
    return store, f"zookeeper://{address}", f"/{UNIQUE}"


STORES = {
    "redis": (Redis(), _redis),
    "valkey": (Valkey(), _redis),
    "mongodb": (SecantusDB(), _mongodb),
    "rethinkdb": (Reqlite(), _rethinkdb),
    "etcd": (Etcd(), _etcd),
    "zookeeper": (ZooKeeper(), _zookeeper),
}


@pytest.mark.parametrize("store", STORES)
def test_the_jobs_of_a_store_are_converted(
    kalends: Command, servers: Servers, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = ModuleType("etcd3")
    setattr(stub, "Etcd3Client", Etcd3Stub)  # noqa: B010 - a module without attributes
    monkeypatch.setitem(sys.modules, "etcd3", stub)
    kind, new_store = STORES[store]
    theirs, source, name = new_store(servers.address(kind))
    scheduler = ForeignScheduler(jobstores={"default": theirs}, timezone="UTC")
    scheduler.start(paused=True)
    scheduler.add_job("builtins:dict", "cron", hour=3, id="a")
    scheduler.add_job("builtins:print", "interval", hours=3, id="ä b", args=[{"x": 1}], next_run_time=None)
    scheduler.add_job("builtins:print", "cron", hour=3, id="c", args=[ForeignScheduler])
    options = ("--read-pickles", "--name", name)
    try:
        result = kalends("convert", "apscheduler", source, *options)
        manifests = kalends("convert", "apscheduler", source, *options, "--output", "yaml")
    finally:
        with suppress(Exception):
            scheduler.shutdown()
    assert "a: would be written: builtins:dict cron[hour='3'], next run at 20" in result.output
    assert "ä b: would be written: builtins:print interval[3:00:00], paused" in result.output
    assert "c: refused: UnpicklingError: the pickle names apscheduler.schedulers.background" in result.output
    assert (result.exit_code, len(result.output.splitlines())) == (1, 3)
    assert (manifests.exit_code, manifests.stdout.count("kind: ScheduledJob")) == (1, 2)


@pytest.mark.parametrize("store", ["mongodb", "zookeeper", "rethinkdb"])
def test_a_place_that_does_not_exist_has_no_jobs(kalends: Command, servers: Servers, store: str) -> None:
    kind, _ = STORES[store]
    address = servers.address(kind)
    source = f"zookeeper://{address}" if store == "zookeeper" else address
    name = "/elsewhere" if store == "zookeeper" else "elsewhere.jobs"
    result = kalends("convert", "apscheduler", source, "--read-pickles", "--name", name)
    assert "would be written" not in result.output
    assert result.exit_code == (0 if store == "mongodb" else 1)
