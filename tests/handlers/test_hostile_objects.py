"""Whatever the API server stores harms only itself: it gets a condition, and everything else continues."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from handlers.whole import Cluster, Replica, running
from hostile import DEPTHS, fields, nested, wide
from kalends.model.size_limits import DEEPEST

pytestmark = pytest.mark.looptime


def create(cluster: Cluster, name: str, spec: Any) -> None:
    """Create a ScheduledJob whose spec the encoder of the tests cannot write."""
    collection, namespace, _ = cluster.place(name)
    cluster.api.objects.create(collection, namespace, {"metadata": {"name": name}, "spec": spec})


def status(cluster: Cluster, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.api.objects.get(*cluster.place(name)).get("status") or {}
    return found


def ready(cluster: Cluster, name: str) -> tuple[str, str, str]:
    (condition,) = [one for one in status(cluster, name)["conditions"] if one["type"] == "Ready"]
    return condition["status"], condition["reason"], condition["message"]


EVERY_SECOND = {"trigger": {"interval": {"seconds": 1}}, "task": {"name": "kalends.echo"}}


@pytest.mark.parametrize("field", ["args", "kwargs", "template"])
async def test_any_depth_in_any_field_ends_in_a_condition_and_the_others_continue(field: str) -> None:
    cluster, replica = Cluster(), Replica(Cluster(), "unused")
    create(cluster, "good", EVERY_SECOND)
    for depth in DEPTHS:
        create(cluster, f"listed-{depth}", {"schedule": "@daily", **fields(nested(depth))[field]})
    replica = Replica(cluster, "a")
    async with running(replica):
        await asyncio.sleep(5)
        for depth in DEPTHS:
            spec = {"schedule": "@daily", **fields(nested(depth, objects=True))[field]}
            create(cluster, f"watched-{depth}", spec)
        create(cluster, "after", EVERY_SECOND)
        await asyncio.sleep(10)
        written = cluster.api.count_of("PATCH")
        await asyncio.sleep(60)
        assert status(cluster, "good")["counts"]["succeeded"] >= 73
        assert status(cluster, "after")["counts"]["succeeded"] >= 68
        for name in [f"{how}-{depth}" for how in ("listed", "watched") for depth in DEPTHS]:
            depth = int(name.partition("-")[2])
            accepted, reason, message = ready(cluster, name)
            assert (accepted, reason) == ("False", "TooLarge"), (name, message)
            assert f"nested at most {DEEPEST} deep" in message
            assert depth < 1_024 or "nested too deeply" in message
        by_good_ones = status(cluster, "good")["counts"]["started"] + status(cluster, "after")["counts"]["started"]
        assert cluster.api.count_of("PATCH") - written < by_good_ones * 3, "the refused ones are not written again"


async def test_a_template_that_is_larger_than_accepted_is_refused_with_its_size() -> None:
    cluster = Cluster()
    create(cluster, "wide", {"schedule": "@daily", **fields(wide(1_300_000))["template"]})
    create(cluster, "long", {"schedule": "@daily", **fields("x" * 300_000)["args"]})
    async with running(Replica(cluster, "a")):
        await asyncio.sleep(5)
        assert ready(cluster, "wide")[:2] == ready(cluster, "long")[:2] == ("False", "TooLarge")
        assert "262,144 bytes" in ready(cluster, "wide")[2]
        assert "got 300," in ready(cluster, "long")[2]


async def test_a_refused_resource_that_is_corrected_runs() -> None:
    cluster = Cluster()
    create(cluster, "corrected", {**EVERY_SECOND, **fields(nested(5_000))["args"]})
    async with running(Replica(cluster, "a")):
        await asyncio.sleep(3)
        assert ready(cluster, "corrected")[1] == "TooLarge"
        collection, namespace, name = cluster.place("corrected")
        corrected = {**cluster.api.objects.get(collection, namespace, name), "spec": EVERY_SECOND}
        cluster.api.objects.replace(collection, namespace, name, corrected, None)
        await asyncio.sleep(10)
        assert status(cluster, "corrected")["counts"]["succeeded"] >= 8


async def test_unreadable_objects_are_counted_by_resource() -> None:
    cluster, replica = Cluster(), Replica(Cluster(), "unused")
    create(cluster, "deep", {"schedule": "@daily", **fields(nested(5_000))["args"]})
    replica = Replica(cluster, "a")
    async with running(replica):
        await asyncio.sleep(5)
        page = replica.operator.metrics.page().decode()
    counted = {
        line.partition(" ")[0]: float(line.partition(" ")[2])
        for line in page.splitlines()
        if "unreadable" in line and line[0] != "#" and "_created" not in line
    }
    assert counted['kalends_unreadable_objects_total{resource="scheduledjobs"}'] >= 1
    assert counted['kalends_unreadable_objects_total{resource="jobs"}'] == 0
