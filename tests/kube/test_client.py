import asyncio
import math
from contextlib import aclosing

import orjson
import pytest

from kalends.errors import ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.client.lanes import Lane, Lanes
from kalends.kube.client.paths import JOBS
from kalends.kube.wire.transport import Request, Response
from kube.fake_api import FakeApi, FakeConnection
from kube.fake_clock import LoopClock
from kube.fake_faults import Fault, requests_to
from kube.objects import JOBS_PATH, job, job_path, scheduled_job, scheduled_job_path

pytestmark = pytest.mark.looptime

SCHEDULED_JOBS_PATH = scheduled_job_path("x").removesuffix("/x")
Attempts = list[tuple[str, str, int, float]]


async def test_what_was_created_can_be_read(client: ApiClient) -> None:
    created = await client.create(JOBS_PATH, job("a"))
    assert await client.get(job_path("a")) == created
    assert created["metadata"]["uid"]


async def test_creating_twice_is_409_already_exists(client: ApiClient) -> None:
    await client.create(JOBS_PATH, job("a"))
    with pytest.raises(ApiError) as refused:
        await client.create(JOBS_PATH, job("a"))
    assert (refused.value.status, refused.value.reason) == (409, "AlreadyExists")
    assert "already exists" in refused.value.message


async def test_a_dry_run_creates_nothing(client: ApiClient) -> None:
    await client.create(JOBS_PATH, job("a"), dry_run=True)
    with pytest.raises(ApiError, match="NotFound"):
        await client.get(job_path("a"))


async def test_a_dry_run_is_strict_about_fields_and_a_creation_is_not(api: FakeApi) -> None:
    sent: list[str | None] = []

    class Recording(FakeConnection):
        async def send(self, request: Request) -> Response:
            sent.append(request.params.get("fieldValidation"))
            return await super().send(request)

    client = ApiClient(Recording(api, "client"), LoopClock())
    await client.create(JOBS_PATH, job("a"), dry_run=True)
    await client.create(JOBS_PATH, job("a"))
    assert sent == ["Strict", None]


async def test_a_patch_with_an_old_resource_version_is_a_conflict(client: ApiClient) -> None:
    read = await client.create(SCHEDULED_JOBS_PATH, scheduled_job("s"))
    path = scheduled_job_path("s", "status")
    version = {"resourceVersion": read["metadata"]["resourceVersion"]}
    await client.merge_patch(path, {"metadata": version, "status": {"seq": 1}})
    with pytest.raises(ApiError) as refused:
        await client.merge_patch(path, {"metadata": version, "status": {"seq": 2}})
    assert refused.value.reason == "Conflict"
    assert (await client.get(scheduled_job_path("s")))["status"] == {"seq": 1}


async def test_deleting_says_whether_there_was_something_to_delete(client: ApiClient) -> None:
    await client.create(JOBS_PATH, job("a"))
    assert await client.delete(job_path("a"))
    assert not await client.delete(job_path("a"))


async def test_deleting_another_object_of_the_same_name_is_a_conflict(client: ApiClient) -> None:
    await client.create(JOBS_PATH, job("a"))
    with pytest.raises(ApiError, match="409"):
        await client.delete(job_path("a"), uid="of-another-one")
    await client.get(job_path("a"))


async def test_a_list_comes_in_pages_of_one_moment(client: ApiClient, api: FakeApi) -> None:
    for number in range(5):
        await client.create(JOBS_PATH, job(f"a-{number}"))
    sizes, versions = [], set()
    async with aclosing(client.list_pages(JOBS.collection(), limit=2)) as pages:
        async for page in pages:
            sizes.append(len(page["items"]))
            versions.add(page["metadata"]["resourceVersion"])
            await client.create(JOBS_PATH, job(f"b-{len(sizes)}"))
    assert sizes == [2, 2, 1]
    assert len(versions) == 1


async def test_a_list_that_expires_between_two_pages_is_410(client: ApiClient, api: FakeApi) -> None:
    for number in range(3):
        await client.create(JOBS_PATH, job(f"a-{number}"))
    async with aclosing(client.list_pages(JOBS.collection(), limit=2)) as pages:
        await anext(pages)
        await client.create(JOBS_PATH, job("b"))
        api.objects.compact()
        with pytest.raises(ApiError) as refused:
            await anext(pages)
    assert refused.value.status == 410


async def test_429_is_retried_after_as_long_as_the_server_says(client: ApiClient, api: FakeApi) -> None:
    api.faults.append(Fault(status=429, headers={"Retry-After": "7"}))
    await client.create(JOBS_PATH, job("a"))
    assert asyncio.get_running_loop().time() == pytest.approx(7)


async def test_a_create_without_an_answer_is_left_to_the_caller(client: ApiClient, api: FakeApi) -> None:
    api.faults.append(Fault(lost="answer"))
    with pytest.raises(ApiError) as lost:
        await client.create(JOBS_PATH, job("a"))
    assert lost.value.status == 0
    assert api.count_of("POST") == 1
    await client.get(job_path("a"))


@pytest.mark.parametrize("status", [500, 504])
async def test_a_patch_that_failed_in_the_server_is_left_to_the_caller(
    client: ApiClient, api: FakeApi, status: int
) -> None:
    await client.create(JOBS_PATH, job("a"))
    api.faults.append(Fault(status=status))
    with pytest.raises(ApiError, match=str(status)):
        await client.merge_patch(job_path("a"), {"spec": {"suspend": False}})


async def test_503_with_retry_after_is_retried_for_any_verb(client: ApiClient, api: FakeApi) -> None:
    api.faults.append(Fault(status=503, times=2, headers={"Retry-After": "1"}))
    await client.create(JOBS_PATH, job("a"))
    assert api.count_of("POST") == 3


@pytest.mark.parametrize("fault", [Fault(status=500, times=3), Fault(lost="request", times=3)])
async def test_reading_is_retried_until_it_succeeds(client: ApiClient, api: FakeApi, fault: Fault) -> None:
    await client.create(JOBS_PATH, job("a"))
    api.faults.append(fault)
    assert (await client.get(job_path("a")))["metadata"]["name"] == "a"


async def test_retries_end_when_patience_does(client: ApiClient, api: FakeApi) -> None:
    api.faults.append(Fault(status=503, times=None))
    with pytest.raises(ApiError, match="503"):
        await client.request("GET", job_path("a"), patience=20)
    assert 10 < asyncio.get_running_loop().time() <= 20


async def test_pauses_between_retries_grow(client: ApiClient, api: FakeApi) -> None:
    api.faults.append(Fault(status=503, times=None))
    with pytest.raises(ApiError):
        await client.request("GET", job_path("a"), patience=100)
    assert api.count_of("GET") < 100 / 2 + 5


async def test_a_server_that_never_answers_is_a_timeout(client: ApiClient, api: FakeApi) -> None:
    api.faults.append(Fault(delay=math.inf, times=None))
    with pytest.raises(ApiError) as lost:
        await client.request("POST", JOBS_PATH, body=job("a"), timeout=3)
    assert (lost.value.status, lost.value.reason) == (0, "Timeout")
    assert asyncio.get_running_loop().time() == pytest.approx(3)


async def test_every_attempt_is_reported_without_names_of_objects(
    client: ApiClient, api: FakeApi, attempts: Attempts
) -> None:
    api.faults.append(Fault(status=429, delay=0.5, headers={"Retry-After": "1"}))
    await client.create(JOBS_PATH, job("a"))
    assert attempts == [("POST", "jobs", 429, pytest.approx(0.5)), ("POST", "jobs", 201, 0)]


async def test_an_attempt_without_an_answer_is_reported_with_code_0(
    client: ApiClient, api: FakeApi, attempts: Attempts
) -> None:
    api.faults.append(Fault(lost="request"))
    with pytest.raises(ApiError):
        await client.create(JOBS_PATH, job("a"))
    assert [code for _, _, code, _ in attempts] == [0]


async def test_a_namespace_does_not_wait_for_all_requests_of_another(api: FakeApi, clock: LoopClock) -> None:
    client = ApiClient(api.connect(), clock, lanes=Lanes(limit=1))
    namespaces = ["evil"] * 30 + ["prod"]
    async with asyncio.TaskGroup() as group:
        for number, namespace in enumerate(namespaces):
            body = {"metadata": {"name": f"a-{number}"}}
            group.create_task(client.create(JOBS.collection(namespace), body, lane=Lane.CREATE))
    created = [write.after["metadata"]["namespace"] for write in api.objects.history]
    assert sorted(created) == namespaces
    assert created.index("prod") <= 2


async def test_requests_in_lanes_wait_for_each_other(api: FakeApi, clock: LoopClock) -> None:
    client = ApiClient(api.connect(), clock, lanes=Lanes(limit=2))
    api.faults.append(Fault(requests_to("POST"), delay=1, times=None))
    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(client.create(JOBS_PATH, job(f"a-{number}"), lane=Lane.CREATE))
    assert asyncio.get_running_loop().time() == pytest.approx(3)


async def test_a_failed_request_gives_its_slot_back(api: FakeApi, clock: LoopClock) -> None:
    lanes = Lanes(limit=1)
    client = ApiClient(api.connect(), clock, lanes=lanes)
    with pytest.raises(ApiError):
        await client.get(job_path("a"), lane=Lane.STATUS)
    assert lanes.active == 0


async def test_a_watch_yields_changes_then_bookmarks_then_ends(client: ApiClient, api: FakeApi) -> None:
    first = await client.create(JOBS_PATH, job("a"))
    seen = []

    async def change_things() -> None:
        await asyncio.sleep(1)
        await client.merge_patch(job_path("a"), {"spec": {"suspend": False}})
        await client.delete(job_path("a"))

    changes = asyncio.create_task(change_things())
    version = first["metadata"]["resourceVersion"]
    async with aclosing(client.watch(JOBS.collection(), version, timeout=150)) as events:
        async for kind, _ in events:
            seen.append((kind, asyncio.get_running_loop().time()))
    await changes
    assert seen == [("MODIFIED", 1), ("DELETED", 1), ("BOOKMARK", 60), ("BOOKMARK", 120)]
    assert asyncio.get_running_loop().time() == pytest.approx(150)
    assert api.open_watches == 0


async def test_a_silent_watch_is_noticed(client: ApiClient, api: FakeApi) -> None:
    api.bookmark_period = math.inf
    async with aclosing(client.watch(JOBS.collection(), "1000", silence=70)) as events:
        with pytest.raises(ApiError) as lost:
            await anext(events)
    assert (lost.value.status, lost.value.reason) == (0, "Timeout")
    assert asyncio.get_running_loop().time() == pytest.approx(70)


async def test_a_watch_from_too_old_a_version_is_410(client: ApiClient, api: FakeApi) -> None:
    await client.create(JOBS_PATH, job("a"))
    api.objects.compact()
    with pytest.raises(ApiError) as refused:
        async with aclosing(client.watch(JOBS.collection(), "1000")) as events:
            await anext(events)
    assert refused.value.status == 410


async def test_410_in_a_watch_is_the_same_error(client: ApiClient, api: FakeApi) -> None:
    asyncio.get_running_loop().call_later(5, api.say_in_watches, 410, "Expired")
    with pytest.raises(ApiError) as refused:
        async with aclosing(client.watch(JOBS.collection(), "1000")) as events:
            await anext(events)
    assert (refused.value.status, refused.value.reason) == (410, "Expired")


async def test_a_labelled_watch_sees_an_object_leave_its_selection(client: ApiClient) -> None:
    first = await client.create(JOBS_PATH, job("a", owner="me"))
    params = {"labelSelector": "owner=me"}
    async with aclosing(client.watch(JOBS.collection(), first["metadata"]["resourceVersion"], params)) as events:
        await client.merge_patch(job_path("a"), {"metadata": {"labels": {"owner": "you"}}})
        kind, _ = await anext(events)
    assert kind == "DELETED"


async def test_an_answer_that_is_no_json_is_an_api_error(
    client: ApiClient, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.objects, "list", lambda *_: [orjson.Fragment(b"<html>")])
    with pytest.raises(ApiError, match="must be a JSON object"):
        await client.get(JOBS.collection())
