"""The API server in memory as kopf sees it: with the discovery that it begins with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import kopf
from aiohttp import web

from kalends.handlers.kopf_feed import KopfFeed
from kalends.kube.client.paths import SCHEDULED_JOBS
from kube.fake_api import FakeApi
from kube.fake_objects import Collection
from kube.served import Served, serving

COLLECTION = Collection(SCHEDULED_JOBS.api_version, SCHEDULED_JOBS.plural)
VERSION = {"groupVersion": SCHEDULED_JOBS.api_version, "version": SCHEDULED_JOBS.version}
VERBS = ["list", "watch", "patch"]
NAMESPACES = {"name": "namespaces", "kind": "Namespace", "singularName": "namespace", "namespaced": False}
NAMED = {"name": SCHEDULED_JOBS.plural, "kind": "ScheduledJob", "singularName": "scheduledjob", "namespaced": True}
DISCOVERY: dict[str, Any] = {
    "/version": {"major": "1", "minor": "36"},
    "/api": {"versions": ["v1"]},
    "/api/v1": {"resources": [{**NAMESPACES, "verbs": VERBS}]},
    "/apis": {"groups": [{"name": SCHEDULED_JOBS.group, "versions": [VERSION], "preferredVersion": VERSION}]},
    f"/apis/{SCHEDULED_JOBS.api_version}": {"resources": [{**NAMED, "verbs": VERBS}]},
}


class ServedToKopf(Served):
    """Answers discovery too; ``refusals`` are answers in place of the server's."""

    def __init__(self, api: FakeApi) -> None:
        super().__init__(api)
        self.refusals: list[web.Response] = []

    async def answer(self, incoming: web.Request) -> web.StreamResponse:
        if incoming.path in DISCOVERY:
            return web.json_response(DISCOVERY[incoming.path])
        if self.refusals:
            return self.refusals.pop()
        return await super().answer(incoming)


class Shown:
    """What a feed has shown."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.events: list[tuple[str | None, str]] = []
        self.repairs = 0

    def show(self, event: str | None, obj: dict[str, Any]) -> None:
        self.objects[obj["metadata"]["name"]] = obj
        self.events.append((event, obj["metadata"]["name"]))

    async def repair(self) -> None:
        self.repairs += 1

    async def until(self, *names: str) -> None:
        async with asyncio.timeout(120):
            while not set(names) <= set(self.objects):
                await asyncio.sleep(0.02)


def create(api: FakeApi, name: str, **spec: Any) -> dict[str, Any]:
    return api.objects.create(COLLECTION, "team", {"metadata": {"name": name}, "spec": spec})


@asynccontextmanager
async def fed(api: FakeApi) -> AsyncIterator[tuple[KopfFeed, Shown, ServedToKopf]]:
    """Run kopf's feed against it."""
    shown = Shown()
    async with serving(api, as_=ServedToKopf) as served:
        assert isinstance(served, ServedToKopf)
        feed = KopfFeed(lambda: kopf.ConnectionInfo(server=served.url), shown.show, shown.repair, lambda: None)
        task = asyncio.create_task(feed.run())
        try:
            yield feed, shown, served
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
