"""The feed without kopf, for where kopf cannot run: in a simulation, whose time and order are made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from kalends.clock import Clock
from kalends.handlers.environment import CatchUp, Feed, MakeFeed, Show
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import SCHEDULED_JOBS
from kalends.kube.informers.informer import Informer


class InformerFeed:
    """An informer for each namespace, or one for all."""

    def __init__(self, informers: Sequence[Informer]) -> None:
        self._informers = informers
        self._running = False

    def alive(self) -> bool:
        """Return whether it runs: informers repair themselves."""
        return self._running

    async def run(self) -> None:
        """Feed until cancelled."""
        self._running = True
        try:
            async with asyncio.TaskGroup() as group:
                for informer in self._informers:
                    group.create_task(informer.run())
        finally:
            self._running = False


def informer_feed(clock: Clock, chance: Callable[[], float], namespaces: Sequence[str] = ()) -> MakeFeed:
    """Return what makes such a feed. It needs no catching up: an informer notices deletions by itself."""

    def make(client: ApiClient, show: Show, catch_up: CatchUp) -> Feed:
        del catch_up
        return InformerFeed(
            [
                Informer(
                    client,
                    SCHEDULED_JOBS.collection(namespace),
                    clock=clock,
                    on_change=lambda change, obj: show(change.value, obj),
                    chance=chance,
                )
                for namespace in namespaces or (None,)
            ]
        )

    return make
