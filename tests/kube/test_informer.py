"""An informer shows what is there, once, and what becomes of it."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import JOBS
from kalends.kube.informers.informer import Change, Informer
from kube.fake_api import FakeApi, FakeConnection
from kube.fake_clock import LoopClock
from kube.fake_faults import Fault, requests_to
from kube.following import Seen, running
from kube.objects import JOBS_PATH, job, job_path

pytestmark = pytest.mark.looptime


async def test_what_is_there_comes_first_then_synced_then_changes(
    client: ApiClient, informer: Informer, seen: Seen
) -> None:
    await client.create(JOBS_PATH, job("a"))
    async with running(informer):
        await client.create(JOBS_PATH, job("b"))
        await client.merge_patch(job_path("b"), {"spec": {"suspend": False}})
        await client.delete(job_path("a"))
        await asyncio.sleep(1)
    assert seen == [("ADDED", "a"), ("synced", ""), ("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "a")]


async def test_only_what_keep_returns_is_remembered(client: ApiClient, informer: Informer) -> None:
    await client.create(JOBS_PATH, job("a"))
    async with running(informer):
        assert informer.get("default", "a") == "a"
        assert informer.get("default", "b") is None
        assert len(informer) == 1


async def test_a_collection_of_many_pages_is_complete(client: ApiClient, informer: Informer, api: FakeApi) -> None:
    for number in range(1234):
        await client.create(JOBS_PATH, job(f"a-{number}"))
    async with running(informer):
        assert len(informer) == 1234
    assert api.count_of("GET", "/jobs") == 3 + 1


async def test_a_broken_watch_continues_where_it_was(
    client: ApiClient, informer: Informer, api: FakeApi, seen: Seen
) -> None:
    async with running(informer):
        await client.create(JOBS_PATH, job("a"))
        api.end_watches(broken=True)
        await client.create(JOBS_PATH, job("b"))
        await asyncio.sleep(5)
    assert seen == [("synced", ""), ("ADDED", "a"), ("ADDED", "b")]


async def test_bookmarks_keep_the_version_young_enough_to_continue(
    client: ApiClient, informer: Informer, api: FakeApi, seen: Seen
) -> None:
    async with running(informer):
        for number in range(3):  # changes elsewhere, which this watch never sees
            await client.create("/api/v1/namespaces/default/configmaps", job(f"c-{number}"))
        await asyncio.sleep(100)
        api.objects.compact()
        await asyncio.sleep(600)
    assert seen == [("synced", "")]


async def test_a_deletion_missed_across_a_list_is_found(
    client: ApiClient, informer: Informer, connection: FakeConnection, api: FakeApi, seen: Seen
) -> None:
    await client.create(JOBS_PATH, job("a"))
    await client.create(JOBS_PATH, job("b"))
    async with running(informer):
        connection.cut()
        await client.delete(job_path("a"))
        api.objects.compact()
        await asyncio.sleep(200)
        connection.repair()
        await asyncio.sleep(60)
        assert informer.get("default", "a") is None
    assert seen[3:] == [("DELETED", "a"), ("synced", "")]


async def test_an_object_made_again_under_its_name_is_a_deletion_and_an_addition(
    client: ApiClient, informer: Informer, connection: FakeConnection, api: FakeApi, seen: Seen
) -> None:
    await client.create(JOBS_PATH, job("a"))
    async with running(informer):
        connection.cut()
        await client.delete(job_path("a"))
        await client.create(JOBS_PATH, job("a"))
        api.objects.compact()
        await asyncio.sleep(200)
        connection.repair()
        await asyncio.sleep(60)
    assert seen[2:] == [("DELETED", "a"), ("ADDED", "a"), ("synced", "")]


async def test_what_has_not_changed_is_not_shown_again_after_a_list(
    client: ApiClient, informer: Informer, api: FakeApi, seen: Seen
) -> None:
    await client.create(JOBS_PATH, job("a"))
    async with running(informer):
        api.say_in_watches(410, "Expired")
        await asyncio.sleep(5)
    assert seen == [("ADDED", "a"), ("synced", ""), ("synced", "")]


async def test_a_list_that_expires_between_pages_is_begun_again(
    client: ApiClient, informer: Informer, api: FakeApi
) -> None:
    for number in range(501):
        await client.create(JOBS_PATH, job(f"a-{number}"))
    api.faults.append(Fault(lambda request: "continue" in request.params, status=410))
    async with running(informer):
        assert len(informer) == 501
        assert informer.synced


async def test_a_listener_that_fails_misses_nothing_else(
    client: ApiClient, clock: LoopClock, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []

    def choosy(_change: Change, name: str) -> None:
        seen.append(name)
        if name == "a":
            raise ValueError("not this one")

    informer = _informer(client, clock, choosy)
    async with running(informer):
        await client.create(JOBS_PATH, job("a"))
        await client.create(JOBS_PATH, job("b"))
        await asyncio.sleep(1)
    assert seen == ["a", "b"]
    assert "not this one" in caplog.text


async def test_an_object_that_cannot_be_read_harms_only_itself(client: ApiClient, clock: LoopClock) -> None:
    seen: list[str] = []
    informer = _informer(client, clock, lambda _, name: seen.append(name), lambda job: job["metadata"]["labels"]["x"])
    await client.create(JOBS_PATH, {"metadata": {"name": "a"}})
    await client.create(JOBS_PATH, job("b", x="b"))
    async with running(informer):
        assert seen == ["b"]
        assert informer.synced


async def test_a_label_selector_narrows_what_is_followed(client: ApiClient, clock: LoopClock) -> None:
    seen: list[tuple[str, str]] = []
    informer = Informer(
        client,
        JOBS.collection(),
        clock=clock,
        label_selector="owner=me",
        keep=lambda job: job["metadata"]["name"],
        on_change=lambda change, name: seen.append((change, name)),
    )
    await client.create(JOBS_PATH, job("a", owner="me"))
    await client.create(JOBS_PATH, job("b", owner="you"))
    async with running(informer):
        await client.create(JOBS_PATH, job("c", owner="you"))
        await client.merge_patch(job_path("b"), {"metadata": {"labels": {"owner": "me"}}})
        await asyncio.sleep(1)
    assert seen == [("ADDED", "a"), ("ADDED", "b")]


async def test_a_view_whose_watch_is_silent_catches_up_when_asked(
    client: ApiClient, informer: Informer, seen: Seen, connection: FakeConnection, api: FakeApi
) -> None:
    for name in ("changed", "deleted", "kept", "made-again"):
        await client.create(JOBS_PATH, job(name))
    async with running(informer):
        seen.clear()
        api.faults.append(Fault(lambda request: "watch" in request.params, delay=math.inf, times=None))
        api.end_watches()
        await asyncio.sleep(5)
        await client.merge_patch(job_path("changed"), {"spec": {"suspend": False}})
        await client.delete(job_path("deleted"))
        await client.delete(job_path("made-again"))
        await client.create(JOBS_PATH, job("made-again"))
        await client.create(JOBS_PATH, job("new"))
        assert seen == []
        reads = api.count_of("GET", "/jobs/")
        await informer.catch_up()
        assert sorted(seen) == [
            ("ADDED", "made-again"),
            ("ADDED", "new"),
            ("DELETED", "deleted"),
            ("DELETED", "made-again"),
            ("MODIFIED", "changed"),
        ]
        assert api.count_of("GET", "/jobs/") == reads + 3
        seen.clear()
        await informer.catch_up()
        assert seen == []


async def test_what_goes_while_catching_up_is_left_out(
    client: ApiClient, informer: Informer, seen: Seen, api: FakeApi
) -> None:
    await client.create(JOBS_PATH, job("a"))
    api.faults.append(Fault(requests_to("GET", "/jobs/"), status=404, reason="NotFound"))
    await informer.catch_up()
    assert seen == []


async def test_an_object_created_and_deleted_between_watches_is_gone_once_an_answer_showed_it(
    client: ApiClient, informer: Informer, api: FakeApi, connection: FakeConnection, seen: Seen
) -> None:
    async with running(informer):
        connection.cut()
        informer.learn(await client.create(JOBS_PATH, job("a")))
        await client.delete(job_path("a"))
        api.objects.compact()
        api.end_watches(broken=True)
        connection.repair()
        await asyncio.sleep(40)
    assert seen == [("synced", ""), ("ADDED", "a"), ("DELETED", "a"), ("synced", "")]


async def test_an_object_created_during_a_list_is_not_taken_for_deleted(
    client: ApiClient, informer: Informer, api: FakeApi, seen: Seen
) -> None:
    api.faults.append(Fault(requests_to("GET", "/jobs"), client="informer", late_by=5))
    async with running(informer):
        informer.learn(await client.create(JOBS_PATH, job("a")))
        await asyncio.sleep(10)
    assert seen == [("ADDED", "a"), ("synced", "")]


def _informer(
    client: ApiClient,
    clock: LoopClock,
    on_change: Callable[[Change, Any], None],
    keep: Callable[[dict[str, Any]], Any] = lambda job: job["metadata"]["name"],
) -> Informer:
    return Informer(client, JOBS.collection(), clock=clock, on_change=on_change, keep=keep)
