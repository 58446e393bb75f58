"""An informer through outages, refusals, silence and restored servers: no storm, and in the end the truth."""

import asyncio
import math

import pytest

from kalends.errors import ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import JOBS
from kalends.kube.client.retries import Backoff
from kalends.kube.informers.informer import Informer
from kube.fake_api import FakeApi, FakeConnection
from kube.fake_clock import LoopClock
from kube.fake_faults import Fault, requests_to
from kube.following import Seen, running
from kube.objects import JOBS_PATH, job, job_path

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_no_answer_ends_an_informer(client: ApiClient, informer: Informer, api: FakeApi, status: int) -> None:
    await client.create(JOBS_PATH, job("a"))
    refusing = Fault(requests_to("GET"), client="informer", status=status, times=None)
    api.faults.append(refusing)
    async with running(informer):
        await asyncio.sleep(1000)
        assert not informer.synced
        refusing.times = 0
        await asyncio.sleep(60)
        assert informer.synced


async def test_a_server_that_is_down_is_not_stormed(informer: Informer, api: FakeApi) -> None:
    api.faults.append(Fault(status=403, times=None))
    async with running(informer):
        await asyncio.sleep(3600)
    assert api.count_of("GET") < 3600 / 15 + 20


async def test_a_server_that_comes_back_is_not_kept_waiting(informer: Informer, api: FakeApi) -> None:
    api.faults.append(Fault(status=503, times=None))
    async with running(informer):
        await asyncio.sleep(3600)
        assert api.count_of("GET") < 3600 / 2
        api.faults.clear()
        await asyncio.sleep(5 + 0.1)
        assert informer.synced


async def test_a_watch_that_is_refused_for_a_while_is_not_tried_before(informer: Informer, api: FakeApi) -> None:
    api.faults.append(Fault(lambda request: "watch" in request.params, status=429, headers={"Retry-After": "20"}))
    async with running(informer):
        await asyncio.sleep(18)
        assert api.open_watches == 0
        await asyncio.sleep(3)
        assert api.open_watches == 1


async def test_a_server_that_ends_every_watch_at_once_is_not_stormed(informer: Informer, api: FakeApi) -> None:
    async with running(informer):
        for _ in range(600):
            api.end_watches()
            await asyncio.sleep(0.1)
    assert api.count_of("GET") < 40


async def test_a_server_that_expires_every_watch_is_not_stormed(informer: Informer, api: FakeApi) -> None:
    api.faults.append(Fault(lambda request: "watch" in request.params, status=410, times=None))
    async with running(informer):
        await asyncio.sleep(600)
    assert api.count_of("GET") < 2 * (600 / 15 + 20)


async def test_a_connection_that_falls_silent_is_noticed(
    client: ApiClient, informer: Informer, connection: FakeConnection, api: FakeApi, seen: Seen
) -> None:
    async with running(informer):
        connection.cut()
        await client.create(JOBS_PATH, job("a"))
        await asyncio.sleep(75)
        assert api.open_watches == 0
        silence = informer.silence()
        assert silence is not None
        assert silence == pytest.approx(76, abs=1)
        connection.repair()
        await asyncio.sleep(30)
    assert seen == [("synced", ""), ("ADDED", "a")]


async def test_a_quiet_watch_without_bookmarks_keeps_its_pauses_short(
    client: ApiClient, informer: Informer, api: FakeApi, seen: Seen
) -> None:
    api.bookmark_period = math.inf
    async with running(informer):
        await asyncio.sleep(70 * 30 + 60)
        await client.create(JOBS_PATH, job("a"))
        await asyncio.sleep(1)
    assert seen[-1] == ("ADDED", "a")


async def test_a_server_restored_from_a_backup_is_listed_again(
    client: ApiClient, informer: Informer, api: FakeApi, seen: Seen
) -> None:
    await client.create(JOBS_PATH, job("a"))
    async with running(informer):
        await client.delete(job_path("a"))
        await client.create(JOBS_PATH, job("b"))
        await asyncio.sleep(1)
        _restore(api, to_version=500)
        await client.create(JOBS_PATH, job("c"))
        await asyncio.sleep(200)
        assert informer.get("default", "b") is None
        assert informer.get("default", "c") == "c"


async def test_the_view_equals_the_server_after_a_storm_of_trouble(
    client: ApiClient, informer: Informer, connection: FakeConnection, api: FakeApi
) -> None:
    async with running(informer):
        for number in range(300):
            await _change_something(client, number)
            match number % 29:
                case 3:
                    api.end_watches(broken=True)
                case 11:
                    api.objects.compact()
                case 17:
                    connection.cut()
                case 23:
                    connection.repair()
                case 27:
                    api.faults.append(Fault(client="informer", status=500, times=4))
            await asyncio.sleep(3)
        connection.repair()
        await asyncio.sleep(120)
        names = {found["metadata"]["name"] for page in [await client.get(JOBS.collection())] for found in page["items"]}
        assert {name for name in map(_name, range(20)) if informer.get("default", name)} == names
        assert len(informer) == len(names)


async def _change_something(client: ApiClient, number: int) -> None:
    name = _name(number * 7 % 20)
    try:
        await client.create(JOBS_PATH, job(name))
    except ApiError:
        await client.delete(job_path(name))


def _name(number: int) -> str:
    return f"job-{number}"


def _restore(api: FakeApi, *, to_version: int) -> None:
    """Begin again with nothing, at a version of long ago."""
    api.objects.restore(to_version=to_version)
    api.end_watches(broken=True)


@pytest.mark.parametrize("seconds", ["100000", "inf", "1e400", "nan"])
async def test_a_pause_without_bound_is_not_kept(
    client: ApiClient, informer: Informer, api: FakeApi, seen: Seen, seconds: str
) -> None:
    async with running(informer):
        await asyncio.sleep(1)
        refusing = Fault(client="informer", status=429, headers={"Retry-After": seconds}, times=None)
        api.faults.append(refusing)
        api.end_watches(broken=True)
        await asyncio.sleep(10)
        refusing.times = 0
        await client.create(JOBS_PATH, job("a"))
        await asyncio.sleep(65)
        assert ("ADDED", "a") in seen


async def test_an_outage_is_no_stall(informer: Informer, connection: FakeConnection) -> None:
    async with running(informer):
        connection.cut()
        longest = 0.0
        for _ in range(600):
            await asyncio.sleep(1)
            longest = max(longest, informer.stalled())
        assert longest < 120


async def test_a_pause_without_end_is_a_stall(client: ApiClient, api: FakeApi, clock: LoopClock) -> None:
    endless = Backoff(first=1e9, longest=1e9)
    informer = Informer(client, JOBS.collection(), clock=clock, on_change=lambda *_: None, backoff=endless)
    async with running(informer):
        await asyncio.sleep(1)
        api.faults.append(Fault(status=403, times=None))
        api.end_watches()
        await asyncio.sleep(1000)
        assert informer.stalled() > 300
