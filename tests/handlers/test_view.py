import asyncio
from typing import Any

import orjson
import pytest

from doubles import LoopClock, ObjectStore, Pool, every, resource
from handlers.whole import Cluster
from kalends.engine.loop.scheduler import Scheduler
from kalends.handlers.resources import View
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import SCHEDULED_JOBS
from kalends.kube.wire.bounded_objects import LATER, UNREAD, read_small
from kube.fake_faults import Fault, requests_to

pytestmark = pytest.mark.looptime


class Sight:
    """A view of an API server in memory, and the scheduler that it shows things to."""

    def __init__(self, cluster: Cluster) -> None:
        clock = LoopClock()
        self.scheduler = Scheduler(
            clock=clock, store=ObjectStore(), pools={"default": Pool(clock=clock)}, identity="me"
        )
        client = ApiClient(cluster.api.connect("view"), cluster.clock)
        self.view = View(client, self.scheduler, ())

    @property
    def names(self) -> list[str]:
        return sorted(self.scheduler.overview.uids().values())


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


async def test_catching_up_shows_what_is_there_and_forgets_what_is_not(cluster: Cluster) -> None:
    sight = Sight(cluster)
    await cluster.apply("kept", trigger=every(10))
    await cluster.apply("deleted", trigger=every(10))
    await sight.view.catch_up()
    assert sight.names == ["default/deleted", "default/kept"]
    await cluster.delete("deleted")
    await cluster.apply("new", trigger=every(10))
    await sight.view.catch_up()
    assert sight.names == ["default/kept", "default/new"]


async def test_news_of_what_was_deleted_does_not_bring_it_back(cluster: Cluster) -> None:
    sight = Sight(cluster)
    await cluster.apply("deleted", trigger=every(10))
    await sight.view.catch_up()
    late = cluster.api.objects.get(*cluster.place("deleted"))
    await cluster.delete("deleted")
    await sight.view.catch_up()
    sight.view.show("MODIFIED", late)
    assert sight.names == []
    await cluster.apply("deleted", trigger=every(10))
    await sight.view.catch_up()
    assert sight.names == ["default/deleted"]


async def test_objects_shown_during_the_list_are_not_forgotten(cluster: Cluster) -> None:
    sight = Sight(cluster)
    cluster.api.latency = lambda _: 1.0
    catching_up = asyncio.create_task(sight.view.catch_up())
    await asyncio.sleep(0.5)
    obj: Any = resource("late", trigger=every(10))
    sight.view.show("ADDED", obj)
    await catching_up
    assert sight.names == ["default/late"]


async def test_news_of_what_was_replaced_under_its_name_does_not_bring_it_back(cluster: Cluster) -> None:
    sight = Sight(cluster)
    await cluster.apply("again", trigger=every(10))
    first = cluster.api.objects.get(*cluster.place("again"))
    await cluster.delete("again")
    await cluster.apply("again", trigger=every(30))
    second = cluster.api.objects.get(*cluster.place("again"))
    for shown in (second, first, second):
        sight.view.show("MODIFIED", shown)
        assert list(sight.scheduler.overview.uids()) == [second["metadata"]["uid"]]
    sight.view.show("DELETED", first)
    assert sight.names == ["default/again"]


async def edit(cluster: Cluster, name: str, **spec: Any) -> None:
    await cluster.request("PATCH", SCHEDULED_JOBS.named("default", name), {"spec": spec})


def seen_in_part(obj: Any) -> Any:
    """Return what a watch shows of a large object."""
    return {"metadata": obj["metadata"], UNREAD: {"spec": LATER, "status": LATER}}


async def test_a_large_object_holds_up_starts_from_when_its_metadata_was_seen_until_it_is_read(
    cluster: Cluster,
) -> None:
    sight = Sight(cluster)
    await cluster.apply("large", trigger=every(10))
    await sight.view.catch_up()
    await edit(cluster, "large", trigger=every(30))
    sight.view.show("MODIFIED", seen_in_part(cluster.api.objects.get(*cluster.place("large"))))
    assert sight.scheduler.overview.is_outdated("default/large")
    reading = asyncio.create_task(sight.view.read_omitted())
    await asyncio.sleep(1)
    assert not sight.scheduler.overview.is_outdated("default/large")
    newest = cluster.api.objects.get(*cluster.place("large"))["metadata"]
    assert sight.scheduler.overview.knows("default/large", newest["uid"], newest["resourceVersion"])
    reading.cancel()


async def test_late_news_of_a_large_object_holds_up_nothing_of_the_object_that_took_its_name(cluster: Cluster) -> None:
    sight = Sight(cluster)
    await cluster.apply("large", trigger=every(10))
    await edit(cluster, "large", trigger=every(20))
    first = cluster.api.objects.get(*cluster.place("large"))
    await cluster.delete("large")
    await cluster.apply("large", trigger=every(30))
    await sight.view.catch_up()
    sight.view.show("MODIFIED", seen_in_part(first))
    assert sight.names == ["default/large"]
    assert not sight.scheduler.overview.is_outdated("default/large")


async def test_a_sweep_holds_up_starts_of_what_it_has_found_to_be_newer_until_it_is_read(cluster: Cluster) -> None:
    sight = Sight(cluster)
    await cluster.apply("edited", trigger=every(10))
    await sight.view.catch_up()
    await edit(cluster, "edited", trigger=every(30))
    cluster.api.latency = lambda _: 1.0
    sweeping = asyncio.create_task(sight.view.catch_up())
    await asyncio.sleep(1.5)  # the list has arrived, the object has not
    assert sight.scheduler.overview.is_outdated("default/edited")
    await sweeping
    assert not sight.scheduler.overview.is_outdated("default/edited")


async def test_a_large_object_that_cannot_be_read_holds_up_no_other(cluster: Cluster) -> None:
    sight = Sight(cluster)
    await cluster.apply("broken", trigger=every(10))
    await cluster.apply("large", trigger=every(10))
    cluster.api.faults.append(Fault(requests_to("GET", "/broken"), times=None, status=500))
    for name in ("broken", "large"):
        sight.view.show("ADDED", seen_in_part(cluster.api.objects.get(*cluster.place(name))))
    reading = asyncio.create_task(sight.view.read_omitted())
    await asyncio.sleep(200)
    reading.cancel()
    assert sight.names == ["default/large"]


MANAGED = {"trigger": every(10), "managedBy": "example.com/my-app"}


async def test_what_an_application_manages_is_not_shown(cluster: Cluster) -> None:
    sight = Sight(cluster)
    await cluster.apply("own", trigger=every(10), managedBy="kalends.dev/operator")
    await cluster.apply("managed", **MANAGED)
    await sight.view.catch_up()
    for event in ("ADDED", "MODIFIED"):
        sight.view.show(event, cluster.api.objects.get(*cluster.place("managed")))
    assert sight.names == ["default/own"]


async def test_each_change_of_a_large_object_is_left_to_its_application(cluster: Cluster) -> None:
    sight = Sight(cluster)
    await cluster.apply("managed", **MANAGED, task={"name": "kalends.echo", "args": [0] * 2000})
    await sight.view.catch_up()
    for _ in range(2):
        seen = read_small(orjson.dumps(cluster.api.objects.get(*cluster.place("managed"))))
        assert "spec" not in seen
        sight.view.show("MODIFIED", seen)
        assert sight.names == []
    sight.view.read_all_again()
    await sight.view.catch_up()
    assert sight.names == []


async def test_what_an_application_manages_is_not_read_again_in_every_check(cluster: Cluster) -> None:
    sight = Sight(cluster)
    await cluster.apply("managed", **MANAGED)
    await sight.view.catch_up()
    await edit(cluster, "managed", suspend=True)
    await sight.view.catch_up()
    assert cluster.api.count_of("GET", "/managed") == 1


async def test_what_an_application_manages_is_not_shown_after_the_crd_was_older(cluster: Cluster) -> None:
    sight = Sight(cluster)
    await cluster.apply("managed", **MANAGED)
    await cluster.apply("own", trigger=every(10))
    sight.view.read_all_again()
    await sight.view.catch_up()
    assert sight.names == ["default/own"]


async def test_an_object_of_an_application_replaces_what_had_its_name(cluster: Cluster) -> None:
    sight = Sight(cluster)
    await cluster.apply("again", trigger=every(10))
    await sight.view.catch_up()
    await cluster.delete("again")
    await cluster.apply("again", **MANAGED)
    sight.view.show("ADDED", cluster.api.objects.get(*cluster.place("again")))
    assert sight.names == []
