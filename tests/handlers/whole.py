"""A whole operator in one process: an API server in memory, made pools, the loop's time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from doubles import Pool
from kalends.handlers.environment import Environment
from kalends.handlers.informer_feed import informer_feed
from kalends.handlers.operator import Operator
from kalends.kube.client.paths import SCHEDULED_JOBS
from kalends.settings import Settings
from kalends.tasks import Registry
from kube.fake_api import FakeApi, FakeConnection
from kube.fake_clock import LoopClock
from kube.fake_objects import Collection

JOBS = "/apis/batch/v1/namespaces/default/jobs"


@dataclass
class Cluster:
    """The API server, asked as a user asks it."""

    clock: LoopClock = field(default_factory=LoopClock)

    def __post_init__(self) -> None:
        self.api = FakeApi(now=self.clock.now)
        self._connection = self.api.connect("user")

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        from kalends.kube.client.client import ApiClient

        client = ApiClient(self._connection, self.clock)
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        return await client.request(method, path, body=body, content_type=content_type)

    async def apply(self, name: str, **spec: Any) -> None:
        if "jobTemplate" not in spec:
            spec.setdefault("task", {"name": "kalends.echo"})
        manifest = {
            "apiVersion": SCHEDULED_JOBS.api_version,
            "kind": "ScheduledJob",
            "metadata": {"name": name, "namespace": "default"},
            "spec": spec,
        }
        await self.request("POST", SCHEDULED_JOBS.collection("default"), manifest)

    async def delete(self, name: str) -> None:
        await self.request("DELETE", SCHEDULED_JOBS.named("default", name))

    def place(self, name: str) -> tuple[Collection, str, str]:
        return Collection(SCHEDULED_JOBS.api_version, SCHEDULED_JOBS.plural), "default", name

    async def status(self, name: str) -> Any:
        return (await self.request("GET", SCHEDULED_JOBS.named("default", name))).get("status", {})

    async def jobs(self) -> list[Any]:
        return list((await self.request("GET", JOBS))["items"])

    async def complete(self, job: Any) -> None:
        """Say of a Job that it has ended well."""
        condition = {"type": "Complete", "status": "True", "lastTransitionTime": "2027-01-15T08:00:00Z"}
        status = {"conditions": [condition], "succeeded": 1, "completionTime": "2027-01-15T08:00:00Z"}
        await self.request("PATCH", f"{JOBS}/{job['metadata']['name']}/status", {"status": status})


@dataclass
class Replica:
    """One operator process, with its own clock, connection and pool."""

    cluster: Cluster
    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = 0.5

    def __post_init__(self) -> None:
        self.clock = LoopClock()
        self.pool = Pool(seconds=self.seconds, clock=self.clock)
        self.connection: FakeConnection = self.cluster.api.connect(self.name)
        chance = Random(self.name).random  # noqa: S311 - repeatable, not secret
        environment = Environment(
            clock=self.clock,
            transport=self.connection,
            feed=informer_feed(self.clock, chance),
            registry=Registry.load(()),
            pools={"default": self.pool},
            chance=chance,
            probes=False,
        )
        self.operator = Operator(Settings(time_zone="UTC", **self.settings), environment, self.name)
        self.stop = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self.operator.run(self.stop))

    async def crash(self) -> None:
        """End without another word to anybody."""
        self.connection.cut()
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])

    async def terminate(self) -> None:
        """End as SIGTERM ends it."""
        self.stop.set()
        assert self.task is not None
        await self.task


@asynccontextmanager
async def running(*replicas: Replica) -> AsyncIterator[None]:
    """Start them; in the end none is left."""
    for replica in replicas:
        replica.start()
    try:
        yield
    finally:
        for replica in replicas:
            if replica.task is not None and not replica.task.done():
                await replica.crash()


async def until(claim: Callable[[], bool], within: float = 60.0) -> float:
    """Wait in loop time for a claim to hold; return how long it took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while not claim():
        assert loop.time() - begun < within, "not in time"
        await asyncio.sleep(0.01)
    return loop.time() - begun
