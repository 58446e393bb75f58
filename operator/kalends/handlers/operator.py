"""The operator, put together: who watches, who decides, who acts, and in which order they start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Self

import kopf

from kalends.clock import Clock
from kalends.engine.ports import Executor
from kalends.engine.schedule import JOBS_EXECUTOR, Defaults
from kalends.engine.scheduler import Scheduler
from kalends.errors import ApiError
from kalends.executors.configured import check_default, pools, target_check
from kalends.executors.job_body import SELECTOR
from kalends.executors.jobs import JobsExecutor
from kalends.handlers.health import STUCK, HealthServer, Pulse
from kalends.handlers.shell import Feed
from kalends.handlers.telling import Teller, Telling
from kalends.kube.client import ApiClient
from kalends.kube.credentials import Credentials
from kalends.kube.events import EventPoster, EventType, Regarding
from kalends.kube.informer import Informer
from kalends.kube.lanes import Lanes
from kalends.kube.sockets import SocketTransport
from kalends.metrics import Metrics, Readings
from kalends.model import API_VERSION, KIND, PLURAL
from kalends.settings import Settings
from kalends.stores.crd import CrdJobStore
from kalends.stores.snapshots import SnapshotReader
from kalends.tasks import Registry

log = logging.getLogger(__name__)

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
SWEEP_EVERY = 3600.0


class Operator:
    """One operator process."""

    def __init__(
        self, settings: Settings, defaults: Defaults, credentials: Credentials, clock: Clock, identity: str
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self.metrics = Metrics()
        self._client = ApiClient(
            SocketTransport(credentials),
            clock,
            lanes=Lanes(settings.api_connections),
            on_request=self.metrics.request,
        )
        registry = Registry.load(settings.task_modules)
        self._executors: dict[str, Executor] = pools(settings.executors, registry, clock)
        check_default(settings.job_defaults.executor, self._executors)
        self._jobs = JobsExecutor(self._client, clock)
        self._executors[JOBS_EXECUTOR] = self._jobs
        self._reader = SnapshotReader(defaults, target_check(registry, list(self._executors)))
        self._poster = EventPoster(self._client, clock, instance=identity)
        self.scheduler = Scheduler(
            clock=clock,
            store=CrdJobStore(self._client, self._reader),
            executors=self._executors,
            identity=identity,
            jobs=self._jobs,
            listeners=[self.metrics, Teller(self._post, success_too=settings.events_for_success)],
        )
        self._informers = self._make_informers(clock)
        self._clock = clock
        self._pulse = Pulse(clock)
        self.health = HealthServer(
            self.metrics, live={"loop": self._loop_is_stuck}, ready={"listed": self._not_yet_listed}
        )
        self._seen: set[str] = set()
        self._listed = asyncio.Event()
        self.metrics.read_from(
            Readings(
                active_runs=self.scheduler.active_runs,
                agenda_size=self.scheduler.agenda_size,
                scheduled_jobs=lambda: len(self.scheduler.uids()),
                loop_lag=lambda: self._pulse.lag,
                clock_skew=lambda: self._pulse.skew,
            )
        )

    def _within(self) -> list[str]:
        """Return the parts of paths that name what is watched: each namespace, or nothing for all of them."""
        return [f"/namespaces/{name}" for name in self._settings.namespaces] or [""]

    def _make_informers(self, clock: Clock) -> list[Informer]:
        informers = []
        for within in self._within():
            informers.append(
                Informer(
                    self._client,
                    f"/apis/batch/v1{within}/jobs",
                    clock=clock,
                    label_selector=SELECTOR,
                    keep=_slim,
                    on_change=self._jobs.job_changed,
                )
            )
            informers.append(
                Informer(
                    self._client,
                    f"/api/v1{within}/pods",
                    clock=clock,
                    label_selector=SELECTOR,
                    keep=_slim,
                    on_change=self._jobs.pod_changed,
                )
            )
        return informers

    # -- starting and stopping

    async def run(self, stop: asyncio.Event, take_signals: Callable[[], None]) -> None:
        """Run until ``stop`` is set, then let runs in this process end, and end.

        Args:
            stop: Set by whoever wants an end, as a rule SIGTERM.
            take_signals: Makes signals set it; called whenever somebody else has taken them.
        """
        feed = Feed(self._login, self._show, self._sweep, take_signals, self._settings.namespaces)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._client.close)
            tasks = await stack.enter_async_context(_Tasks())
            tasks.start("health", self.health.run(self._settings.health_host, self._settings.health_port))
            tasks.start("pulse", self._pulse.run())
            tasks.start("events", self._poster.run())
            for informer in self._informers:
                tasks.start(f"informer {informer.path}", informer.run())
            if await tasks.first_of(stop, self._wait_for_the_crd()):
                return
            tasks.start("feed", feed.run())
            if await tasks.first_of(stop, self._wait_until_listed()):
                return
            scheduling = tasks.start("scheduler", self._supervise())
            tasks.start("sweep", self._sweep_now_and_then())
            log.info("scheduling %d ScheduledJobs", len(self.scheduler.uids()))
            await tasks.first_of(stop, _forever(scheduling))
            log.info("stopping: no new dispatch; runs in this process have %.0f s", self._settings.drain_seconds)
            await self.scheduler.drain(self._settings.drain_seconds)
            await self._poster.close()

    async def _supervise(self) -> None:
        while True:
            try:
                await self.scheduler.run()
            except Exception:  # the loop must go on; what broke it is in the log, and in the metric
                log.exception("the engine's loop failed; it starts again")
                await asyncio.sleep(1)

    async def _wait_for_the_crd(self) -> None:
        """Wait until ScheduledJobs can be listed: kopf looks once, at its start, at which resources there are."""
        while True:
            try:
                await self._client.request(
                    "GET", f"/apis/{API_VERSION}{self._within()[0]}/{PLURAL}", params={"limit": "1"}
                )
            except ApiError as error:
                missing = error.status == HTTPStatus.NOT_FOUND
                hint = "; is the CRD installed? `kalends crds | kubectl apply --server-side -f -`" if missing else ""
                log.warning("ScheduledJobs cannot be listed: %s%s", error, hint)
                await asyncio.sleep(2)
            else:
                return

    async def _until_nothing_new_is_shown(self) -> None:
        """Wait while kopf's first list arrives: to list beside it would only slow it down."""
        shown = -1
        while shown < len(self._seen):
            shown = len(self._seen)
            await asyncio.sleep(0.2)

    async def _wait_until_listed(self) -> None:
        """Wait until every Job of ours and every ScheduledJob has been seen: only then is anything decided."""
        while not all(informer.synced for informer in self._informers):
            await asyncio.sleep(0.02)
        self._jobs.synced = True
        while True:
            await self._until_nothing_new_is_shown()
            with contextlib.suppress(ApiError):
                if not await self._list_uids() - self._seen:
                    break
            await asyncio.sleep(0.5)
        self._seen.clear()
        self._listed.set()
        # What is loaded now stays: the collector need not look at it again (78 % of the time of loading otherwise).
        gc.collect()
        gc.freeze()

    # -- what kopf shows

    def _login(self) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(**self._credentials.connection_info())

    def _show(self, event: str | None, obj: dict[str, Any]) -> None:
        meta = obj["metadata"]
        key, uid = f"{meta['namespace']}/{meta['name']}", meta["uid"]
        if not self._listed.is_set():
            self._seen.add(uid)
        if event == "DELETED" or meta.get("deletionTimestamp"):
            self.scheduler.forget(key, uid)
        elif not self.scheduler.knows(key, uid, meta["resourceVersion"]):
            self.scheduler.observe(self._reader.read(obj))

    async def _sweep_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            await self._sweep()

    async def _sweep(self) -> None:
        """Forget what was deleted while nobody watched: kopf tells nothing of it after a new list."""
        before = dict(self.scheduler.uids())
        try:
            there = await self._list_uids()
        except ApiError as error:
            log.warning("looking for deleted ScheduledJobs failed: %s", error)
            return
        for uid, key in before.items():
            if uid not in there:
                self.scheduler.forget(key, uid)

    async def _list_uids(self) -> set[str]:
        uids: set[str] = set()
        for within in self._within():
            path = f"/apis/{API_VERSION}{within}/{PLURAL}"
            async for page in self._client.list_pages(path, accept=METADATA_ONLY):
                uids.update(item["metadata"]["uid"] for item in page["items"] or ())
        return uids

    # -- what it tells

    def _post(self, telling: Telling) -> None:
        ref = telling.ref
        self._poster.post(
            Regarding(API_VERSION, KIND, ref.namespace, ref.name, ref.uid),
            kind=EventType.WARNING if telling.warning else EventType.NORMAL,
            reason=telling.reason,
            note=telling.note,
        )

    def _loop_is_stuck(self) -> str | None:
        if not self._listed.is_set():
            return None
        quiet = self._clock.monotonic() - self.scheduler.last_pass
        return f"the engine's loop has not passed for {quiet:.0f} s" if quiet > STUCK else None

    def _not_yet_listed(self) -> str | None:
        return None if self._listed.is_set() else "ScheduledJobs and Jobs have not been listed yet"


def _slim(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of a Job or a pod what reports are made from."""
    meta = obj["metadata"]
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "ownerReferences", "annotations")
    return {"metadata": {name: meta.get(name) for name in names}, "status": obj.get("status")}


async def _forever(task: asyncio.Task[None]) -> None:
    await asyncio.shield(task)


class _Tasks:
    """Tasks that end together. One that ends by itself, which none should, ends the operator."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start(self, name: str, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        return task

    async def first_of(self, stop: asyncio.Event, work: Any) -> bool:
        """Wait for ``work``, or for ``stop``; return whether it was ``stop``. A task that failed is raised."""
        stopping = asyncio.ensure_future(stop.wait())
        working = asyncio.ensure_future(work)
        try:
            await asyncio.wait({stopping, working, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in self._tasks:
                if task.done():
                    await task
                    raise RuntimeError(f"task {task.get_name()} ended")
            if working.done():
                await working
            return stopping.done()
        finally:
            for one in (stopping, working):
                one.cancel()
            await asyncio.gather(stopping, working, return_exceptions=True)
