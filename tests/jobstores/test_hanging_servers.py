"""A server that does not answer: a call of its store fails within its time limit, and works again with the server."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from devcluster.processes import SupervisedProcess
from jobstores.jobs import job
from jobstores.places import RethinkTable, start
from kalends.errors import Unavailable
from kalends.jobstores.base import RecordingJobStore
from servers.documents import Reqlite
from servers.harness import Servers


@pytest.fixture
def rethinkdb(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[RecordingJobStore, SupervisedProcess]]:
    """A store, and its server, which belongs to this test alone."""
    kind = Reqlite()
    monkeypatch.delenv(kind.variable, raising=False)
    servers = Servers()
    store = RethinkTable(servers.address(kind)).new_store(timeout=2.0)
    start(store)
    yield store, servers.process(kind)
    store.shutdown()
    servers.close()


@pytest.mark.timeout(120)
def test_a_call_of_rethinkdb_that_hangs_fails(rethinkdb: tuple[RecordingJobStore, SupervisedProcess]) -> None:
    store, server = rethinkdb
    store.add_job(job("a"))
    server.send(signal.SIGSTOP)
    try:
        for call in (store.kept_jobs, store.change_number, lambda: store.add_job(job("b"))):
            with pytest.raises(Unavailable):
                call()
    finally:
        server.send(signal.SIGCONT)
    assert store.kept_job("a").id == "a"
