"""What replicas of an application share in a cluster: leases, and notices of what users and other replicas change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from jobstores.jobs import job, record, write_of
from jobstores.kubernetes_place import NAMESPACE, ServedCluster
from jobstores.places import start
from jobstores.test_kubernetes import edit, place, store
from jobstores.test_leases import (
    test_a_removed_lease_can_be_written_again,
    test_a_write_over_another_version_changes_nothing,
    test_each_write_has_a_later_version,
    test_of_two_that_write_a_version_one_wins,
)
from kalends.clock import MicrosecondClock
from kalends.jobstores.kubernetes import KubernetesJobStore, cluster
from kalends.kube.client.client import ApiClient
from kalends.leases.port import LeaseRecord, LeaseStore, Timing
from kalends.library.elections import Candidate, StoreElection
from kube.fake_objects import Collection

CLAIMS_FOR_ALL_LEASES = (
    place,
    store,
    test_a_removed_lease_can_be_written_again,
    test_a_write_over_another_version_changes_nothing,
    test_each_write_has_a_later_version,
    test_of_two_that_write_a_version_one_wins,
)
PATIENCE = 30.0


@pytest.fixture
def leases(tmp_path: Path) -> Iterator[list[LeaseStore]]:
    served = ServedCluster(tmp_path)
    stores = [served.new_store(), served.new_store()]
    for one in stores:
        start(one)
    yield list(stores)
    for one in stores:
        one.shutdown()
    served.remove()


def test_a_lease_is_an_object_of_the_cluster(place: ServedCluster, store: KubernetesJobStore) -> None:
    written = store.write_lease("scheduler", None, LeaseRecord("me", 15.0, 1, "2027-03-01T12:00:00.000000Z"))
    assert store.read_lease("scheduler") == written
    (lease,) = place.do(lambda: place.api.objects.list(Collection("coordination.k8s.io/v1", "leases"), NAMESPACE))
    assert lease["metadata"]["name"].startswith("example-com-my-app-scheduler-")
    assert lease["spec"]["holderIdentity"] == "me"


def test_applications_and_shards_have_separate_leases(place: ServedCluster, store: KubernetesJobStore) -> None:
    others = [place.new_store(managed_by="example.com/other"), place.new_store(label_selector="shard=1")]
    for one in others:
        start(one)
    assert store.write_lease("scheduler", None, LeaseRecord("me", 15.0, 1)) is not None
    assert [one.read_lease("scheduler") for one in others] == [None, None]
    for one in others:
        one.shutdown()


def test_those_that_listen_hear_of_changes(place: ServedCluster, store: KubernetesJobStore) -> None:
    other = place.new_store()
    start(other)
    assert store.change_number() is None
    heard = threading.Event()
    end = store.listen(heard.set)
    numbers = [store.change_number()]
    steps: list[Callable[[], object]] = [
        lambda: other.add_job(job("a")),
        lambda: edit(place, "a", suspend=True),
        lambda: other.update_job(job("a", name="changed")),
        lambda: other.remove_job("a"),
    ]
    for step in steps:
        step()
        assert heard.wait(PATIENCE)
        heard.clear()
        numbers.append(store.change_number())
    assert len(set(numbers)) == len(numbers)
    end()
    other.shutdown()


def test_a_silent_watch_gives_no_number_of_changes(store: KubernetesJobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = threading.Event()
    end = store.listen(changed.set)
    store.add_job(job("a"))
    assert changed.wait(PATIENCE)
    assert store.change_number() is not None
    monkeypatch.setattr(cluster, "LONGEST_SILENCE", -1.0)
    assert store.change_number() is None
    end()


def test_a_lease_has_the_timing_of_the_election(store: KubernetesJobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float | None] = []
    request = ApiClient.request

    async def noting(client: ApiClient, method: str, path: str, **options: Any) -> Any:
        limits.append(options.get("timeout"))
        return await request(client, method, path, **options)

    monkeypatch.setattr(ApiClient, "request", noting)
    timing = Timing(lease_duration=60.0, renew_deadline=40.0, retry_period=10.0)
    shared: Any = Candidate("me", MicrosecondClock(), timing, AsyncMock(), Mock())
    StoreElection("default", store, shared)
    store.read_lease("scheduler")
    assert limits == [timing.request_limit]


def test_a_record_is_no_change(store: KubernetesJobStore) -> None:
    heard = threading.Event()
    end = store.listen(heard.set)
    store.add_job(job("a"))
    assert heard.wait(PATIENCE)
    before = store.change_number()
    store.write_records([write_of(store.kept_job("a"), record())])
    heard.clear()
    store.add_job(job("b"))
    assert heard.wait(PATIENCE)
    assert before is not None
    assert store.change_number() == before + 1
    end()


@pytest.mark.parametrize("selects", [True, False])
def test_the_versions_are_those_of_the_jobs(
    place: ServedCluster, selects: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not selects:
        from kube import fake_api
        from kube.fake_objects import Refused

        def refuse(text: str) -> None:
            raise Refused(400, "BadRequest", f"field label not supported: {text}")

        monkeypatch.setattr(fake_api, "field_selector", refuse)
    store = place.new_store()
    start(store)
    store.add_all([job("a"), job("An odd ID")])
    assert store.kept_versions() == {kept.id: (kept.uid, kept.version) for kept in store.kept_jobs()}
    store.shutdown()
