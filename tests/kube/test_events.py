import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import EVENTS
from kalends.kube.events.poster import EventLimits, EventPoster, EventType, Regarding
from kube.fake_api import FakeApi
from kube.fake_clock import LoopClock
from kube.fake_faults import Fault

pytestmark = pytest.mark.looptime

NIGHTLY = Regarding("kalends.dev/v1alpha1", "ScheduledJob", "default", "nightly", "uid-of-nightly")


@pytest.fixture
async def poster(client: ApiClient, clock: LoopClock) -> EventPoster:
    return _poster(client, clock)


async def test_an_event_names_its_object_its_reason_and_its_reporter(client: ApiClient, poster: EventPoster) -> None:
    async with running(poster):
        poster.post(NIGHTLY, kind=EventType.WARNING, reason="RunFailed", note="exit code 1", action="RunJob")
        await asyncio.sleep(1)
    (event,) = await _events(client)
    assert event["regarding"] == {
        "apiVersion": "kalends.dev/v1alpha1",
        "kind": "ScheduledJob",
        "namespace": "default",
        "name": "nightly",
        "uid": "uid-of-nightly",
    }
    assert (event["reason"], event["action"], event["note"]) == ("RunFailed", "RunJob", "exit code 1")
    assert (event["type"], event["reportingController"]) == ("Warning", "kalends.dev/operator")
    assert event["reportingInstance"] == "kalends-0_abc"
    assert event["metadata"]["name"].startswith("nightly.")
    assert "series" not in event


async def test_repeats_become_one_series(client: ApiClient, poster: EventPoster, api: FakeApi) -> None:
    async with running(poster):
        for _ in range(600):
            _fail(poster)
            await asyncio.sleep(1)
        await asyncio.sleep(60)
    (event,) = await _events(client)
    assert event["series"]["count"] == 600
    assert event["series"]["lastObservedTime"] == "2027-01-15T08:09:59.000000Z"
    assert api.count_of("PATCH") <= 11


async def test_different_reasons_and_objects_are_different_events(client: ApiClient, poster: EventPoster) -> None:
    async with running(poster):
        _fail(poster)
        _fail(poster, reason="RunMissed")
        _fail(poster, replace(NIGHTLY, uid="of-another"))
        await asyncio.sleep(1)
    assert len(await _events(client)) == 3


async def test_a_series_that_was_quiet_for_long_is_over(client: ApiClient, poster: EventPoster) -> None:
    async with running(poster):
        _fail(poster)
        await asyncio.sleep(3600)
        _fail(poster)
        await asyncio.sleep(100)
    assert ["series" in event for event in await _events(client)] == [False, False]


async def test_an_event_that_the_server_forgot_begins_again(client: ApiClient, poster: EventPoster) -> None:
    async with running(poster):
        _fail(poster)
        await asyncio.sleep(1)
        (event,) = await _events(client)
        await client.delete(EVENTS.named("default", event["metadata"]["name"]))
        _fail(poster)
        await asyncio.sleep(100)
        _fail(poster)
        await asyncio.sleep(100)
    (event,) = await _events(client)
    assert event["series"]["count"] == 2
    assert poster.counts["failed"] == 0


async def test_one_object_cannot_speak_without_end(client: ApiClient, poster: EventPoster) -> None:
    async with running(poster):
        for number in range(100):
            _fail(poster, reason=f"Reason{number}")
        await asyncio.sleep(60)
    assert len(await _events(client)) == 10
    assert poster.counts["suppressed"] == 90


async def test_all_together_do_not_speak_faster_than_allowed(client: ApiClient, poster: EventPoster) -> None:
    async with running(poster):
        for number in range(500):
            _fail(poster, replace(NIGHTLY, uid=f"uid-{number}"))
        await asyncio.sleep(10)
        assert len(await _events(client)) == pytest.approx(50 + 10 * 20, abs=2)
        await asyncio.sleep(20)
        assert len(await _events(client)) == 500


async def test_a_full_queue_drops_the_oldest(client: ApiClient, clock: LoopClock) -> None:
    poster = _poster(client, clock, EventLimits(queue=3))
    for number in range(5):
        _fail(poster, replace(NIGHTLY, name=f"job-{number}", uid=f"uid-{number}"))
    async with running(poster):
        await asyncio.sleep(1)
    assert [event["regarding"]["name"] for event in await _events(client)] == ["job-2", "job-3", "job-4"]
    assert poster.counts["dropped"] == 2


def of_tenant(number: int) -> Regarding:
    return replace(NIGHTLY, namespace="evil", name=f"job-{number}", uid=f"uid-{number}")


async def test_the_events_of_a_namespace_are_neither_dropped_nor_delayed_by_those_of_another(
    client: ApiClient, clock: LoopClock
) -> None:
    poster = _poster(client, clock, EventLimits(queue=100))
    async with running(poster):
        for number in range(500):
            _fail(poster, of_tenant(number))
        for number in range(3):
            _fail(poster, replace(NIGHTLY, uid=f"uid-of-nightly-{number}"))
        for number in range(500, 1000):
            _fail(poster, of_tenant(number))
        await asyncio.sleep(1)
        assert len(await _events(client, "default")) == 3
        assert poster.counts["dropped"] >= 800


async def test_repeats_are_reported_while_another_namespace_keeps_the_queue_full(
    client: ApiClient, poster: EventPoster
) -> None:
    async with running(poster):
        _fail(poster)
        await asyncio.sleep(1)
        for number in range(0, 3_600, 30):
            _fail(poster)
            for of_second in range(number, number + 30):
                _fail(poster, of_tenant(of_second))
            await asyncio.sleep(1)
        (event,) = await _events(client, "default")
        assert event["series"]["count"] >= 60


async def test_what_was_dropped_is_new_when_it_repeats(client: ApiClient, clock: LoopClock) -> None:
    poster = _poster(client, clock, EventLimits(queue=1))
    _fail(poster)
    _fail(poster, reason="RunMissed")
    async with running(poster):
        await asyncio.sleep(1)
        _fail(poster)
        await asyncio.sleep(1)
    assert sorted(event["reason"] for event in await _events(client)) == ["RunFailed", "RunMissed"]


async def test_repeats_that_came_before_the_event_was_posted_are_in_it(client: ApiClient, poster: EventPoster) -> None:
    for _ in range(3):
        _fail(poster)
    async with running(poster):
        await asyncio.sleep(1)
    (event,) = await _events(client)
    assert event["series"]["count"] == 3


async def test_a_refusal_is_counted_and_the_next_event_is_posted(
    client: ApiClient, poster: EventPoster, api: FakeApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.faults.append(Fault(status=403, reason="Forbidden"))
    async with running(poster):
        _fail(poster)
        await asyncio.sleep(1)
        _fail(poster)
        await asyncio.sleep(1)
    assert len(await _events(client)) == 1
    assert poster.counts["failed"] == 1
    assert "Forbidden" in caplog.text


@pytest.mark.parametrize("note", ["ä" * 2000, "x" * 1025, "not \udcff Unicode"])
async def test_any_note_is_accepted(client: ApiClient, poster: EventPoster, note: str) -> None:
    async with running(poster):
        _fail(poster, note=note)
        await asyncio.sleep(1)
    (event,) = await _events(client)
    assert event["note"][:3] == note[:3]
    assert poster.counts == {"posted": 1}


async def test_closing_posts_what_is_left(client: ApiClient, poster: EventPoster) -> None:
    async with running(poster):
        _fail(poster)
        await asyncio.sleep(1)
        _fail(poster)
        for number in range(200):
            _fail(poster, replace(NIGHTLY, uid=f"uid-{number}"))
    events = await _events(client)
    assert len(events) == 201
    assert sum("series" in event for event in events) == 1


async def test_closing_takes_no_longer_than_its_limit(poster: EventPoster, api: FakeApi) -> None:
    api.faults.append(Fault(delay=5, times=None))
    async with running(poster):
        _fail(poster)
        _fail(poster, reason="RunMissed")
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun == pytest.approx(2, abs=0.1)


async def test_closing_a_poster_that_never_ran_is_nothing(poster: EventPoster) -> None:
    await poster.close()


async def test_memory_stays_bounded(client: ApiClient, clock: LoopClock) -> None:
    poster = _poster(client, clock, EventLimits(queue=10, series=20))
    for number in range(1000):
        _fail(poster, replace(NIGHTLY, uid=f"uid-{number}"))
    assert poster.series_kept <= 20
    assert poster.buckets_kept <= 20


@asynccontextmanager
async def running(poster: EventPoster) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        group.create_task(poster.run())
        await asyncio.sleep(0)
        yield
        await poster.close()


def _poster(client: ApiClient, clock: LoopClock, limits: EventLimits | None = None) -> EventPoster:
    return EventPoster(client, clock, instance="kalends-0_abc", limits=limits)


def _fail(
    poster: EventPoster, regarding: Regarding = NIGHTLY, *, reason: str = "RunFailed", note: str = "exit code 1"
) -> None:
    poster.post(regarding, kind=EventType.WARNING, reason=reason, note=note)


async def _events(client: ApiClient, namespace: str | None = None) -> list[dict[str, Any]]:
    listed = await client.get(EVENTS.collection(namespace))
    return list(listed["items"])
