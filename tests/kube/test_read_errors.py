"""What keeps a resource from being read is said once per change, in few words for /readyz."""

from __future__ import annotations

import asyncio

import pytest

from kalends.errors import ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import JOBS, PODS, SCHEDULED_JOBS, resource_name
from kalends.kube.client.read_errors import ReadErrors
from kalends.kube.informers.informer import Informer
from kube.fake_api import FakeApi
from kube.fake_faults import Fault, requests_to
from kube.following import running

pytestmark = pytest.mark.looptime

FORBIDDEN = ApiError(
    403,
    "Forbidden",
    'jobs.batch is forbidden: User "system:serviceaccount:kalends-system:kalends" cannot list resource "jobs" in API '
    'group "batch" at the cluster scope',
)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (FORBIDDEN, "403 Forbidden (cannot list at the cluster scope)"),
        (
            ApiError(
                403,
                "Forbidden",
                'pods is forbidden: User "u" cannot watch resource "pods" in API group "" in the namespace "blue"',
            ),
            '403 Forbidden (cannot watch in the namespace "blue")',
        ),
        (ApiError(404, "NotFound", "404 page not found"), "404 NotFound (404 page not found)"),
        (ApiError(503, "ServiceUnavailable", "etcd is away"), "503 ServiceUnavailable (etcd is away)"),
        (ApiError(0, "Unreachable", "cannot connect"), "Unreachable: cannot connect"),
    ],
)
async def test_the_cause_is_reported_in_few_words(error: ApiError, cause: str) -> None:
    errors = ReadErrors("jobs.batch")
    errors.failed(error)
    assert str(errors) == f"jobs.batch: {cause}"


async def test_a_missing_permission_is_a_warning_once_a_minute_and_at_each_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    errors = ReadErrors("jobs.batch")
    for _ in range(100):
        errors.failed(FORBIDDEN)
        await asyncio.sleep(1)
    errors.failed(ApiError(401, "Unauthorized", "Unauthorized"))
    errors.succeeded()
    errors.succeeded()
    logged = [(record.levelname, record.message.partition(" is forbidden")[0]) for record in caplog.records]
    assert logged == [
        ("WARNING", "jobs.batch cannot be read: 403 Forbidden: jobs.batch"),
        ("WARNING", "jobs.batch cannot be read: 403 Forbidden: jobs.batch"),
        ("WARNING", "jobs.batch cannot be read: 401 Unauthorized: Unauthorized"),
        ("INFO", "jobs.batch can be read again"),
    ]


@pytest.mark.parametrize("status", [0, 400, 409, 410, 429, 500, 503])
async def test_what_the_next_request_may_not_meet_is_no_warning(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    errors = ReadErrors("jobs.batch")
    errors.failed(ApiError(status, "Reason", "message"))
    errors.succeeded()
    assert [record.levelname for record in caplog.records] == ["INFO"]


@pytest.mark.parametrize(
    ("collection", "name"),
    [
        (JOBS.collection(), "jobs.batch"),
        (JOBS.collection("blue"), "jobs.batch"),
        (PODS.collection("blue"), "pods"),
        (SCHEDULED_JOBS.collection(), "scheduledjobs.kalends.dev"),
    ],
)
def test_a_resource_is_called_what_kubectl_calls_it(collection: str, name: str) -> None:
    assert resource_name(collection) == name


async def test_a_refused_informer_reports_it_until_it_is_accepted(
    client: ApiClient, informer: Informer, api: FakeApi, caplog: pytest.LogCaptureFixture
) -> None:
    refusing = Fault(requests_to("GET"), client="informer", status=403, reason="Forbidden", times=None)
    api.faults.append(refusing)
    async with running(informer):
        await asyncio.sleep(30)
        assert informer.read_errors.lasts
        assert str(informer.read_errors).startswith("jobs.batch: 403 Forbidden")
        refusing.times = 0
        await asyncio.sleep(60)
        assert informer.synced
        assert informer.read_errors.cause is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
