"""kopf against an API server in memory: an object that kopf cannot decode ends no watch and hides no other."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from aiohttp import web
from kopf._core.reactor.inventory import ResourceMemory

from handlers.serving_kopf import COLLECTION, create, fed
from hostile import fields, nested, wide
from kalends.kube.wire.bounded_objects import LATER, unread
from kube.fake_api import FakeApi

PATIENCE = 120
HOSTILE = {"deep": nested(1_100), "deeper": nested(5_000, objects=True), "wide": wide(1_300_000)}


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.mark.parametrize("value", HOSTILE.values(), ids=list(HOSTILE))
@pytest.mark.parametrize("field", ["args", "template"])
async def test_a_hostile_object_in_a_list_hides_no_other(api: FakeApi, value: Any, field: str) -> None:
    create(api, "before", schedule="@daily")
    create(api, "poison", **fields(value)[field])
    create(api, "zulu", schedule="@daily")
    async with fed(api) as (feed, shown, _):
        await shown.until("before", "poison", "zulu")
        assert feed.alive()
    assert shown.objects["zulu"]["spec"] == {"schedule": "@daily"}
    assert unread(shown.objects["poison"]) == {"spec": LATER}
    assert shown.objects["poison"]["metadata"]["uid"]
    assert shown.repairs == 0


@pytest.mark.parametrize("value", HOSTILE.values(), ids=list(HOSTILE))
async def test_a_hostile_object_in_a_watch_ends_it_not(api: FakeApi, value: Any) -> None:
    create(api, "before", schedule="@daily")
    async with fed(api) as (feed, shown, _):
        await shown.until("before")
        create(api, "poison", **fields(value)["kwargs"])
        create(api, "after", schedule="@daily")
        await shown.until("poison", "after")
        api.objects.delete(COLLECTION, "team", "poison", {})
        async with asyncio.timeout(PATIENCE):
            while ("DELETED", "poison") not in shown.events:
                await asyncio.sleep(0.02)
        assert feed.alive()
    assert shown.events.count(("ADDED", "after")) == 1
    assert shown.repairs == 0


async def test_a_small_object_is_shown_whole(api: FakeApi) -> None:
    made = create(api, "small", schedule="@daily", task={"name": "kalends.echo", "args": [nested(99)]})
    async with fed(api) as (_, shown, _served):
        await shown.until("small")
    found = shown.objects["small"]
    assert found["metadata"] == made["metadata"]
    assert found["spec"]["task"]["args"] != []
    assert unread(found) == {}


async def test_a_watch_that_is_begun_again_leaves_nothing_behind(api: FakeApi) -> None:
    for number in range(20):
        create(api, f"object-{number}", schedule="@daily")
    gc.collect()
    before = sum(isinstance(found, ResourceMemory) for found in gc.get_objects())
    async with fed(api) as (_, shown, _served):
        await shown.until(*(f"object-{number}" for number in range(20)))
        for restart in range(1, 6):
            async with asyncio.timeout(PATIENCE):
                while shown.repairs < restart:
                    # Again, as there may be no watch at the moment.
                    api.say_in_watches(500, "InternalError")
                    await asyncio.sleep(0.3)
        gc.collect()
        remembered = sum(isinstance(found, ResourceMemory) for found in gc.get_objects()) - before
    assert remembered <= 2 * 20, "kopf's memories of each object, once for every restart"


@pytest.mark.parametrize(
    ("seconds", "kept"), [("100000", 60), ("7", 7), ("1e400", 1), ("nan", 1), ("inf", 1), ("soon", 1)]
)
async def test_a_pause_without_bound_is_not_kept(
    api: FakeApi, seconds: str, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(api, "before", schedule="@daily")
    paused: list[float] = []
    really_sleep = asyncio.sleep

    async def sleep(delay: float) -> None:
        if delay > 0.5:
            paused.append(delay)
        await really_sleep(0.01 if delay > 0.5 else delay)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    refusal = web.json_response({"kind": "Status", "code": 429}, status=429, headers={"Retry-After": seconds})
    async with fed(api) as (_, shown, served):
        served.refusals.append(refusal)
        await shown.until("before")
    assert kept in paused
