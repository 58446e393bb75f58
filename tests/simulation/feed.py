"""What kopf does with ScheduledJobs, as far as an operator can tell: with its habits, good and bad.

It lists, shows everything, watches on from there, and lists again when the version has expired. Of what was deleted
before such a list it says nothing. Each object (by UID) has a worker of its own: several changes within a moment are
shown as one, the last; and of two objects of one name the new one may be shown before the old one's end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from kalends.errors import ApiError
from kalends.handlers.environment import CatchUp, Show
from kalends.kube.client.client import ApiClient
from kalends.kube.wire.bounded_objects import LATER, UNREAD
from simulation.chance import Chance

PATH = "/apis/kalends.dev/v1alpha1/scheduledjobs"
BATCH = 0.1
"""Seconds within which changes of one object are shown as one."""
GONE = 410
LARGE = 0.1
"""How often an object is too large to be shown whole."""

OnShown = Callable[[str | None, dict[str, Any]], None]


class LikeKopf:
    """One operator's feed."""

    def __init__(self, client: ApiClient, show: Show, catch_up: CatchUp, chance: Chance, on_shown: OnShown) -> None:
        self._client = client
        self._show = show
        self._catch_up = catch_up
        self._chance = chance
        self._on_shown = on_shown
        self._pending: dict[str, tuple[str | None, dict[str, Any]]] = {}
        self._running = False

    def alive(self) -> bool:
        return self._running

    async def run(self) -> None:
        self._running = True
        while True:
            try:
                await self._list_and_watch()
            except ApiError:
                await asyncio.sleep(self._chance.between(0.5, 2.0))
                if self._chance.happens(0.1):
                    # Its tasks ended, as they do on some answers, and its keeper starts it again.
                    await self._catch_up()

    async def _list_and_watch(self) -> None:
        version = ""
        async for page in self._client.list_pages(PATH):
            version = page["metadata"].get("resourceVersion", version)
            for listed in page["items"]:
                self._soon(None, listed)
        while True:
            try:
                async with aclosing(self._client.watch(PATH, version)) as events:
                    async for kind, changed in events:
                        version = changed["metadata"]["resourceVersion"]
                        if kind != "BOOKMARK":
                            self._soon(kind, changed)
            except ApiError as error:
                if error.status == GONE:
                    return
            await asyncio.sleep(self._chance.between(0.1, 1.0))

    def _soon(self, kind: str | None, obj: dict[str, Any]) -> None:
        uid = obj["metadata"]["uid"]
        if uid not in self._pending:
            asyncio.get_running_loop().call_later(self._chance.between(0, BATCH), self._show_now, uid)
        self._pending[uid] = (kind, obj)

    def _show_now(self, uid: str) -> None:
        kind, obj = self._pending.pop(uid)
        self._on_shown(kind, obj)
        self._show(kind, _identity(obj) if self._chance.happens(LARGE) else obj)


def _identity(obj: dict[str, Any]) -> dict[str, Any]:
    """Return what a feed shows of an object that is not small."""
    return {"metadata": obj["metadata"], UNREAD: {"spec": LATER, "status": LATER}}
