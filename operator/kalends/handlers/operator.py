"""The operator, put together: who watches, who decides, who acts, and in which order they start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from kalends.engine.core.compiler import Compiler, Surroundings
from kalends.engine.core.schedule import JOBS_EXECUTOR
from kalends.engine.loop.overview import by_state, runs_by_executor
from kalends.engine.loop.scheduler import Scheduler
from kalends.executors.from_settings import check_default, default_settings, target_check
from kalends.executors.jobs.executor import JobsExecutor
from kalends.executors.jobs.seen_jobs import SeenJobs
from kalends.handlers.crd_check import CrdCheck
from kalends.handlers.environment import Environment
from kalends.handlers.fencing import FencedPool, FencedTransport
from kalends.handlers.health_pages import STUCK, HealthMonitor, HealthServer
from kalends.handlers.job_informers import job_informers
from kalends.handlers.leading import LeaderWork, Leading
from kalends.handlers.notice_reporter import EventToPost, NoticeReporter
from kalends.handlers.other_operators import OtherOperators
from kalends.handlers.resources import View
from kalends.handlers.task_group import Tasks
from kalends.kube.client.client import ApiClient
from kalends.kube.client.lanes import Lanes
from kalends.kube.client.read_errors import ReadErrors
from kalends.kube.events.poster import EventPoster, EventType, Regarding
from kalends.metrics import Metrics, ScrapedValues
from kalends.model.values import API_VERSION, KIND
from kalends.settings import Settings
from kalends.stores.crd import CrdJobStore

STALLED = 300.0
"""Seconds without a word or a request after which an informer counts as dead: it pauses for a minute at most."""
HELD_UP = 300.0
"""Seconds for which threads that hang hold all workers of a pool until the process is to start anew."""

log = logging.getLogger(__name__)


class Operator:
    """One operator, in whatever surroundings it is given."""

    def __init__(self, settings: Settings, environment: Environment, identity: str) -> None:
        self._settings = settings
        self._environment = environment
        clock = environment.clock
        self.metrics = Metrics({*environment.pools, JOBS_EXECUTOR})
        lanes = Lanes(settings.api_connections)
        self._client = ApiClient(
            environment.transport,
            clock,
            lanes=lanes,
            on_request=self.metrics.request,
            on_unreadable=self.metrics.unreadable,
            chance=environment.chance,
        )
        self.leading = Leading(settings.leader_election, self._client, clock, identity, environment.chance)
        acting = ApiClient(
            FencedTransport(environment.transport, self.leading.may_act),
            clock,
            lanes=lanes,
            on_request=self.metrics.request,
            on_unreadable=self.metrics.unreadable,
            chance=environment.chance,
        )
        check_default(settings.job_defaults.executor, environment.pools)
        self._seen = SeenJobs()
        self._informers = job_informers(self._client, clock, self._seen, settings.namespaces, environment.chance)
        surroundings = Surroundings(default_settings(settings), target_check(environment.registry, environment.pools))
        self._crd = CrdCheck(self._client, self._stop_deciding, self._any_resource)
        self._poster = EventPoster(
            self._client, clock, instance=identity, is_ending=self._is_ending, on_terminating=self._namespace_ends
        )
        lease = settings.leader_election.lease
        self.scheduler = Scheduler(
            clock=clock,
            store=CrdJobStore(acting, self._crd.check_soon),
            pools={alias: FencedPool(pool, self.leading.may_act) for alias, pool in environment.pools.items()},
            identity=f"{lease}/{identity}" if lease else identity,
            cluster=JobsExecutor(
                acting, clock, self._seen, self._informers.learn, max_running=settings.jobs.max_running
            ),
            compiler=Compiler(surroundings),
            listeners=[
                self.metrics,
                NoticeReporter(self._post, success_too=settings.events_for_success, is_ending=self._is_ending),
            ],
        )
        self._others = OtherOperators(
            settings.leader_election, self._client, clock, self.scheduler, lambda: self.leading.scheduling
        )
        self._view = View(self._client, self.scheduler, settings.namespaces, self._crd.fits)
        self._feed = environment.feed(self._client, self._view.show, self._view.repair)
        self._watching = False
        self._listed = asyncio.Event()
        self._monitor = HealthMonitor(clock, lambda: not self._watching or self._feed.alive())
        self.health = HealthServer(
            self.metrics,
            live={
                "loop": self._loop_is_stuck,
                "clocks": self._monitor.clocks_disagree,
                "feed": self._monitor.unwatched,
                "informers": self._an_informer_is_stalled,
                "pools": self._pools_are_held_up,
            },
            ready={"listed": self.ready, "crd": lambda: self._crd.problem},
            clock=clock,
            remarks={"api-server": self._api_server_is_silent, "reads": self._a_read_fails},
        )
        self.metrics.read_from(
            ScrapedValues(
                leads=lambda: self.leading.scheduling,
                active_runs=lambda: runs_by_executor(self.scheduler.overview.records()),
                scheduled_jobs=lambda: by_state(self.scheduler.overview.records()),
                crd_fits=lambda: self._crd.problem is None,
                stuck_workers=lambda: {alias: pool.stuck for alias, pool in environment.pools.items()},
                foreign_holders=self.scheduler.overview.contested,
                agenda_size=self.scheduler.overview.agenda_size,
                loop_lag=lambda: self._monitor.lag,
                clock_skew=lambda: self._monitor.skew,
            )
        )

    # -- starting and stopping

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set, then let runs in this process end, and end.

        Raises:
            InvalidSettings: The port of /livez cannot be listened on.
        """
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._client.close)
            tasks = await stack.enter_async_context(Tasks())
            if self._environment.probes:
                await self.health.listen(self._settings.health_host, self._settings.health_port)
                tasks.start("health", self.health.run())
            tasks.start("monitor", self._monitor.run())
            tasks.start("events", self._poster.run())
            for informer in self._informers.all:
                tasks.start(f"informer {informer.path}", informer.run())
            if await tasks.first_of(stop, self._view.wait_for_the_crd()):
                return
            # Before the first list: a list under an older CRD is cut, and its resourceVersions do not show that.
            if await tasks.first_of(stop, self._crd.examine_before_reading()):
                return
            self._watching = True
            tasks.start("large objects", self._view.read_omitted())
            tasks.start("feed", self._feed.run())
            if await tasks.first_of(stop, self._wait_until_listed()):
                return
            if await tasks.first_of(stop, self._crd.wait_until_fitting()):
                return
            work = LeaderWork(self.scheduler, self._catch_up, self.metrics.loop_failed)
            leading = tasks.start("leading", self.leading.run(work))
            tasks.start("other operators", self._others.run())
            tasks.start("crd", self._crd.keep_checking())
            tasks.start("sweep", self._view.sweep_now_and_then())
            await tasks.first_of(stop, _forever(leading))
            log.info(
                "stopping: no run starts here any more; active runs have %.0f s to end", self._settings.drain_seconds
            )
            await self.scheduler.drain(self._settings.drain_seconds)
            leading.cancel()  # after the drain's records: only then may another replica decide
            await asyncio.wait([leading])
            await self._poster.close()

    async def _catch_up(self) -> None:
        """See all that was written before this moment.

        Raises:
            ApiError: It could not be done.
        """
        await self._crd.wait_until_fitting()  # a record that an older CRD cut short must not be believed
        works = [self._view.catch_up(), *(informer.catch_up() for informer in self._informers.jobs.values())]
        for outcome in await asyncio.gather(*works, return_exceptions=True):  # none is left unobserved
            if outcome is not None:
                raise outcome

    def _stop_deciding(self) -> None:
        """Decide nothing, as the CRD does not fit: the next term begins once it does, with all records read again."""
        self._view.read_all_again()
        self.leading.restart_term()

    def _any_resource(self) -> str | None:
        return next(iter(self.scheduler.overview.uids().values()), self._view.first_key)

    async def _wait_until_listed(self) -> None:
        """Wait until every Job of this operator and every ScheduledJob has been seen, before anything is decided."""
        while not all(informer.synced for informer in self._informers.all):
            await asyncio.sleep(0.02)
        self._seen.all_are_listed()
        await self._view.wait_until_shown()
        self._listed.set()
        self._environment.when_listed()

    # -- reports

    def _post(self, event: EventToPost) -> None:
        ref = event.ref
        self._poster.post(
            Regarding(API_VERSION, KIND, ref.namespace, ref.name, ref.uid),
            kind=EventType.WARNING if event.warning else EventType.NORMAL,
            reason=event.reason,
            note=event.note,
        )

    def _is_ending(self, namespace: str) -> bool:
        return self.scheduler.namespace_is_ending(namespace)

    def _namespace_ends(self, namespace: str) -> None:
        self.scheduler.know_ending(namespace)

    def _loop_is_stuck(self) -> str | None:
        if not self.leading.scheduling:
            return None
        quiet = self._environment.clock.monotonic() - self.scheduler.last_pass
        return f"the engine's loop has not passed for {quiet:.0f} s" if quiet > STUCK else None

    def _an_informer_is_stalled(self) -> str | None:
        for informer in self._informers.all:
            if (seconds := informer.stalled()) > STALLED:
                return f"{informer.path} has been neither watched nor listed for {seconds:.0f} s"
        return None

    def _pools_are_held_up(self) -> str | None:
        # Only the end of this process frees a thread that hangs.
        for alias, pool in self._environment.pools.items():
            if pool.held_up > HELD_UP:
                return f"executor {alias}: {pool.obstacle()}"
        return None

    def ready(self) -> str | None:
        """Return why this replica cannot act, or None. A standby is ready, too.

        Until all resources have been listed, any failure is shown; later on only one that lasts, such as a missing
        permission.
        """
        listed = self._listed.is_set()
        failing = self._read_errors()
        causes = dict.fromkeys(str(found) for found in failing if found.lasts or (found.cause and not listed))
        if not listed and not causes and self._client.silence is not None:
            # Before the first list fails, it is repeated for a minute. The first attempt already shows the cause.
            return f"the API server does not answer: {self._client.silence}"
        if causes:
            return "; ".join(causes)
        return None if listed else "ScheduledJobs and Jobs have not been listed yet"

    def _read_errors(self) -> list[ReadErrors]:
        return [self._view.read_errors, *(informer.read_errors for informer in self._informers.all)]

    def _api_server_is_silent(self) -> str | None:
        """Return why the API server does not answer. This replica stays ready: no other one would be reached better."""
        return self._client.silence

    def _a_read_fails(self) -> str | None:
        """Return what cannot be listed or watched at the moment, and is tried again."""
        return "; ".join(dict.fromkeys(str(found) for found in self._read_errors() if found.cause)) or None


async def _forever(task: asyncio.Task[None]) -> None:
    await asyncio.shield(task)
