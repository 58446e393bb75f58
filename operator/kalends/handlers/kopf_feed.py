"""kopf, set up to do one thing: show every ScheduledJob as it now is.

One raw event handler writes nothing: no annotations, no finalizers, no progress. kopf's change handlers, timers and
indexes would cost a request per resource, or quadratic time; its defaults, four times the memory.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import ssl
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import kopf

from kalends.handlers.environment import CatchUp, Show
from kalends.kube.wire.bounded_session import bounded_session
from kalends.model.values import API_VERSION, PLURAL

log = logging.getLogger(__name__)

LONGEST_BACKOFF = 5.0
LONGEST_SILENCE = 180.0
"""Seconds without a word of the API server after which kopf is started again: a watch has a bookmark each minute."""
WATCHER = "watcher for "
"""How kopf's tasks that watch one resource in one namespace are called."""
IDENTITY: Any = "kalends"
"""kopf's name for this peer. Any: its type is not public, and is a string."""


@dataclass(frozen=True, kw_only=True)
class Connection(kopf.ConnectionInfo):
    """How kopf reaches the API server: as our own client does.

    kopf would make its own TLS context, from the files, on the event loop, and knows no ``tls-server-name``. It refuses
    logins that are equal to a login that had a 401; with the context among its fields, a login with a new certificate
    differs.
    """

    tls: ssl.SSLContext | None = None

    def as_ssl_context(self) -> ssl.SSLContext:
        """Return the context that verifies the server; an empty one for plain HTTP, where kopf does not use it."""
        return self.tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class NoDiffs(kopf.DiffBaseStorage):
    """Keeps no copy of what was last handled: valid while there are only raw event handlers."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> Any:
        """Return nothing; copying the body is half of kopf's work per event."""
        del body, extra_fields
        return {}

    def fetch(self, *, body: kopf.Body) -> Any:
        """Return nothing."""
        del body

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: Any) -> None:
        """Store nothing."""


class NoProgress(kopf.ProgressStorage):
    """Keeps no progress: raw event handlers have none."""

    def fetch(self, *, key: Any, body: kopf.Body) -> Any:
        """Return nothing."""
        del key, body

    def store(self, **_: Any) -> None:
        """Store nothing."""

    def purge(self, **_: Any) -> None:
        """Purge nothing."""

    def touch(self, **_: Any) -> None:
        """Touch nothing."""

    def clear(self, *, essence: Any) -> Any:
        """Return what was given."""
        return essence


class EndlessBackoffs(Collection[float]):
    """Pauses between tries without an end: an API server that is away for an hour must not end runs in this pod."""

    def __iter__(self) -> Iterator[float]:
        """Yield seconds, growing to about five."""
        yield from (0.5, 1, 1, 2, 3, 5)
        while True:
            yield LONGEST_BACKOFF * random.uniform(0.8, 1.2)  # noqa: S311 - spreads tries, keeps no secret

    def __len__(self) -> int:
        """Return a number: kopf only iterates."""
        return 1

    def __contains__(self, item: object) -> bool:
        """Return False: kopf only iterates."""
        return False


def kopf_settings() -> kopf.OperatorSettings:
    """Return settings under which ten thousand resources cost three seconds and 64 MB, and a failing server nothing."""
    settings = kopf.OperatorSettings()
    settings.queueing.idle_timeout = 0.05
    settings.queueing.worker_limit = None
    settings.watching.chunk_size = 500
    settings.watching.reconnect_backoff = 1.0
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = EndlessBackoffs()
    settings.persistence.diffbase_storage = NoDiffs()
    settings.persistence.progress_storage = NoProgress()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.process.ultimate_exiting_timeout = None
    return settings


def kopf_registry(
    login: Callable[[], kopf.ConnectionInfo], show: Show, heard: Callable[[], None], on_unreadable: Callable[[], None]
) -> kopf.OperatorRegistry:
    """Return the two handlers: the login, and the handler that shows resources.

    kopf decodes by recursion, and a failure ends its watch: of objects that are not small, its session shows it only
    who they are.
    """
    registry = kopf.OperatorRegistry()
    group, version = API_VERSION.split("/")

    @kopf.on.login(registry=registry)
    async def log_in(**_: Any) -> kopf.AiohttpSession:
        info = login()
        return kopf.AiohttpSession(
            server=info.server,
            default_namespace=info.default_namespace,
            aiohttp_session=bounded_session(
                headers=info.as_http_headers(),
                tls=info.as_ssl_context(),
                proxy=info.proxy_url,
                trust_env=bool(info.trust_env),
                heard=heard,
                on_unreadable=on_unreadable,
            ),
        )

    @kopf.on.event(group, version, PLURAL, registry=registry)
    async def scheduledjob_changed(event: kopf.RawEvent, **_: Any) -> None:
        """Show the resource as it now is: the level, never the difference. A value would be patched into its status."""
        show(event["type"], dict(event["object"]))

    return registry


class KopfFeed:
    """kopf's tasks under our own supervisor: they end on some errors of the API server, and are then started again.

    ``ready_to_watch`` returns once there is something to watch, and all that was missed is known: kopf looks for the
    resource once, at its start, and does not report deletions that happened while no watch ran.
    """

    def __init__(
        self,
        login: Callable[[], kopf.ConnectionInfo],
        show: Show,
        ready_to_watch: CatchUp,
        take_signals: Callable[[], None],
        namespaces: Sequence[str] = (),
        on_unreadable: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_unreadable = on_unreadable
        self._last_heard = 0.0
        self._login = login
        self._show = show
        self._ready_to_watch = ready_to_watch
        self._take_signals = take_signals
        self._namespaces = namespaces
        self._getting_ready = False
        self._tasks: Collection[asyncio.Task[None]] = ()

    def alive(self) -> bool:
        """Return whether kopf is at work, or waits for something to watch."""
        at_work = bool(self._tasks) and not any(task.done() for task in self._tasks)
        return at_work or self._getting_ready

    async def run(self) -> None:
        """Feed until cancelled."""
        logging.getLogger("kopf").setLevel(logging.WARNING)
        while True:
            try:
                await self._run_once()
            except Exception:  # whatever kopf makes of an answer, ScheduledJobs must be watched
                log.exception("watching ScheduledJobs failed")
            log.warning("watching ScheduledJobs ended; it starts again")
            await asyncio.sleep(random.uniform(0.5, 1.5))  # noqa: S311 - spreads tries, keeps no secret
            self._getting_ready = True
            try:
                await self._ready_to_watch()
            finally:
                self._getting_ready = False

    def _heard(self) -> None:
        self._last_heard = asyncio.get_running_loop().time()

    async def _end_or_silence(self) -> None:
        """Wait until a task of kopf ends, or nothing has been heard for too long: even a quiet watch has bookmarks."""
        self._heard()
        while True:
            left = self._last_heard + LONGEST_SILENCE - asyncio.get_running_loop().time()
            if left <= 0:
                log.warning("nothing was heard of ScheduledJobs for %.0f s", LONGEST_SILENCE)
                return
            done, _ = await asyncio.wait(self._tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return

    async def _run_once(self) -> None:
        self._tasks = await kopf.spawn_tasks(
            registry=kopf_registry(self._login, self._show, self._heard, self._on_unreadable),
            settings=kopf_settings(),
            clusterwide=not self._namespaces,
            namespaces=list(self._namespaces),
            standalone=True,
            # kopf would ask the system for our user's name, which a container's user need not have.
            identity=IDENTITY,
        )
        self._take_signals()  # kopf took them; the operator has its own way to stop
        try:
            await self._end_or_silence()
            for task in self._tasks:
                if task.done() and not task.cancelled() and task.exception() is not None:
                    log.warning("kopf: %r", task.exception())
        finally:
            tasks, self._tasks = self._tasks, ()
            await _end(tasks)
            # When one namespace cannot be watched, kopf ends without ending the watches of the others.
            await _end([task for task in asyncio.all_tasks() if task.get_name().startswith(WATCHER)])
            _release(tasks)


async def _end(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _release(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Free what kopf kept of the cluster: its memories of every object, and the text that its watch ended with.

    An exception holds the frames that it passed through, those hold all of it, and a timer of kopf's holds the
    exception for another 70 s. The cycles among them are found only by a full collection, which is rare here.
    """
    for task in tasks:
        error = None if task.cancelled() or not task.done() else task.exception()
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error.__traceback__ = None
            error = error.__cause__ or error.__context__
    gc.collect()
