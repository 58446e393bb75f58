import asyncio
from typing import Any

import pytest

from doubles import LoopClock, Pool, every, memory_store, reader, resource
from handlers.whole import Cluster
from kalends.engine.loop.scheduler import Scheduler
from kalends.handlers.resources import View
from kalends.kube.client.client import ApiClient

pytestmark = pytest.mark.looptime


class Sight:
    """A view of an API server in memory, and the scheduler that it shows things to."""

    def __init__(self, cluster: Cluster) -> None:
        clock = LoopClock()
        self.scheduler = Scheduler(
            clock=clock, store=memory_store(), executors={"default": Pool(clock=clock)}, identity="me"
        )
        client = ApiClient(cluster.api.connect("view"), cluster.clock)
        self.view = View(client, self.scheduler, reader(), ())

    @property
    def names(self) -> list[str]:
        return sorted(self.scheduler.uids().values())


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


async def test_catching_up_shows_what_is_there_and_forgets_what_is_not(cluster: Cluster):
    sight = Sight(cluster)
    await cluster.apply("kept", trigger=every(10))
    await cluster.apply("deleted", trigger=every(10))
    await sight.view.catch_up()
    assert sight.names == ["default/deleted", "default/kept"]
    await cluster.delete("deleted")
    await cluster.apply("new", trigger=every(10))
    await sight.view.catch_up()
    assert sight.names == ["default/kept", "default/new"]


async def test_news_of_what_was_deleted_does_not_bring_it_back(cluster: Cluster):
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


async def test_what_is_shown_while_the_list_is_under_way_is_not_forgotten(cluster: Cluster):
    sight = Sight(cluster)
    cluster.api._latency = lambda _: 1.0
    catching_up = asyncio.create_task(sight.view.catch_up())
    await asyncio.sleep(0.5)
    obj: Any = resource("late", trigger=every(10))
    sight.view.show("ADDED", obj)
    await catching_up
    assert sight.names == ["default/late"]


async def test_news_of_what_was_replaced_under_its_name_does_not_bring_it_back(cluster: Cluster):
    sight = Sight(cluster)
    await cluster.apply("again", trigger=every(10))
    first = cluster.api.objects.get(*cluster.place("again"))
    await cluster.delete("again")
    await cluster.apply("again", trigger=every(30))
    second = cluster.api.objects.get(*cluster.place("again"))
    for shown in (second, first, second):
        sight.view.show("MODIFIED", shown)
        assert list(sight.scheduler.uids()) == [second["metadata"]["uid"]]
    sight.view.show("DELETED", first)
    assert sight.names == ["default/again"]
