"""What shows ScheduledJobs to the operator, on a real API server: it outlives whatever ends a watch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster.chaos.proxy import CLEAR, Proxy, Weather
from cluster.chaos.rig import fresh_namespace
from cluster.chaos.table import chance_of
from cluster.conftest import ROOT
from cluster.operator_process import OperatorProcess, scheduled_job
from devcluster import Cluster, ControlPlane
from devcluster.api import Api
from devcluster.waiting import eventually
from kalends.handlers.kopf_feed import WATCHER, Connection, KopfFeed
from kalends.kube.login.credentials import load_credentials

pytestmark = [pytest.mark.slow]


class Shown:
    """A feed, and the names that it has shown."""

    def __init__(self, kubeconfig: Path, namespaces: tuple[str, ...]) -> None:
        self.names: list[str] = []
        self.repairs = 0
        credentials = load_credentials(kubeconfig, None)

        async def repair() -> None:
            self.repairs += 1

        self.feed = KopfFeed(
            lambda: Connection(**credentials.connection_info()),
            lambda _, obj: self.names.append(obj["metadata"]["name"]),
            repair,
            lambda: None,
            namespaces,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.feed.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, *names: str) -> None:
        deadline = time.monotonic() + 120
        while not set(names) <= set(self.names):
            assert time.monotonic() < deadline, f"{names} were not shown, but {self.names}"
            await asyncio.sleep(0.1)


def watchers() -> int:
    return sum(task.get_name().startswith(WATCHER) for task in asyncio.all_tasks())


@pytest.fixture
def other_namespace(installed: Cluster) -> Iterator[str]:
    with fresh_namespace(installed) as name:
        yield name


async def apply(api: Api, namespace: str, name: str) -> Any:
    path = f"/apis/kalends.dev/v1alpha1/namespaces/{namespace}/scheduledjobs"
    manifest = scheduled_job(name, namespace, schedule="0 0 1 1 *", task={"name": "kalends.echo"})
    return await asyncio.to_thread(api.create, path, manifest)


WEATHERS = {
    "watches are dropped": Weather(watch_seconds=0.3),
    "some watches are too old": Weather(gone=0.4, watch_seconds=1.0),
    "each watch is too old": Weather(gone=1.0, watch_seconds=0.3),
    "most requests are refused": Weather(refused=0.7, watch_seconds=0.3),
}


@pytest.mark.parametrize("weather", WEATHERS.values(), ids=list(WEATHERS))
async def test_a_watch_that_fails_in_one_namespace_is_begun_again_in_each_and_none_is_left_over(
    api: Api,
    local_control_plane: ControlPlane,
    namespace: str,
    other_namespace: str,
    tmp_path: Path,
    weather: Weather,
) -> None:
    with Proxy(local_control_plane, chance_of("watching")) as proxy:
        shown = Shown(proxy.kubeconfig(tmp_path / "proxy.kubeconfig"), (namespace, other_namespace))
        await apply(api, namespace, "before")
        async with shown.running():
            await shown.until("before")
            assert shown.feed.alive()
            requests = proxy.counted.total()
            proxy.weather = weather
            await asyncio.sleep(6)
            proxy.weather = CLEAR
            spent = proxy.counted.total() - requests
            await apply(api, namespace, "here")
            await apply(api, other_namespace, "there")
            await shown.until("here", "there")
            await asyncio.sleep(2)
            assert shown.feed.alive()
            assert watchers() == 2
        assert watchers() == 0
    print(f"{spent} requests in 6 s, {shown.repairs} restarts")
    assert 5 < spent < 150, "a failing server is asked again, and not stormed"


def test_the_operator_outlives_its_crd(installed: Cluster, api: Api, operator: OperatorProcess, namespace: str) -> None:
    path = f"/apis/kalends.dev/v1alpha1/namespaces/{namespace}/scheduledjobs"
    once = scheduled_job("once", namespace, task={"name": "kalends.echo"})
    api.create(path, once)
    eventually(lambda: api.get(f"{path}/once").get("status", {}).get("counts", {}).get("succeeded") == 1)
    installed.kubectl("delete", "crd", "scheduledjobs.kalends.dev")
    try:
        time.sleep(5)
        assert operator.process.is_running
        assert operator.page("/livez")[0] == 200
    finally:
        installed.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    eventually(lambda: installed.kubectl("get", "scheduledjobs", check=False).returncode == 0)
    eventually(lambda: api.request("POST", path, once)[0] in {201, 409})
    eventually(lambda: api.get(f"{path}/once").get("status", {}).get("counts", {}).get("succeeded") == 1)
    requests = sum(operator.requests().values())
    time.sleep(5)
    assert sum(operator.requests().values()) - requests < 20
