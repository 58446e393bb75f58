"""The few claims that need real connections, all of them on the loopback."""

import asyncio
import ssl
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from kopf._cogs.clients.auth import APIContext

from kalends.clock import SystemClock
from kalends.errors import ApiError
from kalends.handlers.kopf_feed import Connection
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import JOBS
from kalends.kube.client.reachability import Reachability
from kalends.kube.client.socket_transport import SocketTransport
from kalends.kube.login.credentials import load_credentials
from kube.fake_api import FakeApi
from kube.fake_faults import Fault
from kube.objects import JOBS_PATH, job, job_path
from kube.served import kubeconfig, serving


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


def connect(folder: Path, server: str, user: dict[str, object] | None = None, **cluster: object) -> ApiClient:
    (folder / "config").write_text(kubeconfig(server, user, **cluster))
    return ApiClient(SocketTransport(load_credentials(folder / "config")), SystemClock())


async def test_objects_lists_and_watches_travel_over_a_connection(api: FakeApi, tmp_path: Path) -> None:
    async with serving(api) as served, connect(tmp_path, served.url, {"token": "t"}) as client:
        created = await client.create(JOBS_PATH, job("a", owner="me"))
        watch = client.watch(
            JOBS.collection(), created["metadata"]["resourceVersion"], {"labelSelector": "owner in (me)"}
        )
        async with aclosing(watch) as events:
            await client.merge_patch(job_path("a"), {"spec": {"suspend": False, "note": "ä" * 100_000}})
            kind, changed = await anext(events)
            assert kind == "MODIFIED"
            assert changed["spec"]["note"] == "ä" * 100_000
        pages = [page async for page in client.list_pages(JOBS.collection())]
        assert await client.delete(job_path("a"), uid=created["metadata"]["uid"])
    assert [len(page["items"]) for page in pages] == [1]
    assert served.seen[0]["User-Agent"].startswith("kalends/")
    assert served.seen[0]["Authorization"] == "Bearer t"


async def test_refusals_come_through_with_a_bounded_retry_after(api: FakeApi, tmp_path: Path) -> None:
    api.faults.append(Fault(status=429, headers={"retry-after": "100000"}))
    async with serving(api) as served, connect(tmp_path, served.url) as client:
        with pytest.raises(ApiError) as refused:
            await client.create(JOBS_PATH, job("a"))
    assert (refused.value.status, refused.value.retry_after) == (429, 60)


async def test_a_broken_connection_is_an_api_error_of_status_0(api: FakeApi, tmp_path: Path) -> None:
    api.faults.append(Fault(lost="answer"))
    async with serving(api) as served, connect(tmp_path, served.url) as client:
        with pytest.raises(ApiError) as lost:
            await client.create(JOBS_PATH, job("a"))
    assert (lost.value.status, lost.value.reason) == (0, "Unreachable")


async def test_a_broken_watch_is_an_api_error_of_status_0(api: FakeApi, tmp_path: Path) -> None:
    async with (
        serving(api) as served,
        connect(tmp_path, served.url) as client,
        aclosing(client.watch(JOBS.collection(), "1000")) as events,
    ):
        following = asyncio.ensure_future(anext(events))
        while not api.open_watches:
            await asyncio.sleep(0)
        api.end_watches(broken=True)
        with pytest.raises(ApiError) as lost:
            await following
    assert lost.value.status == 0


async def test_a_server_that_is_not_there_is_an_api_error_of_status_0(tmp_path: Path) -> None:
    async with connect(tmp_path, "http://127.0.0.1:1") as client:
        with pytest.raises(ApiError) as lost:
            await client.create(JOBS_PATH, job("a"))
    assert (lost.value.status, lost.value.reason) == (0, "Unreachable")


async def test_a_refused_token_is_renewed_and_the_request_sent_again(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kalends.kube.login.credentials.RENEWAL_PAUSE", 0.0)
    async with serving(api) as served, connect(tmp_path, served.url, {"token": "old"}) as client:
        served.tokens = {"new"}
        (tmp_path / "config").write_text(kubeconfig(served.url, {"token": "new"}))
        await client.create(JOBS_PATH, job("a"))
    assert [headers["Authorization"] for headers in served.seen] == ["Bearer old", "Bearer new"]


async def test_a_server_is_trusted_by_its_authority_only(
    api: FakeApi, tmp_path: Path, certificate: Path, other_certificate: Path
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    async with serving(api, tls) as served:
        trusted = {"certificate-authority": str(certificate)}
        async with connect(tmp_path, served.url, {"token": "t"}, **trusted) as client:
            await client.create(JOBS_PATH, job("a"))
        untrusted = {"certificate-authority": str(other_certificate)}
        async with connect(tmp_path, served.url, {"token": "t"}, **untrusted) as client:
            with pytest.raises(ApiError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.create(JOBS_PATH, job("b"))


async def test_the_name_of_the_certificate_may_differ_from_the_host_for_kopf_too(
    api: FakeApi, tmp_path: Path, named_certificate: Path
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(named_certificate)
    authority = {"certificate-authority": str(named_certificate)}
    async with serving(api, tls) as served:
        async with connect(tmp_path, served.url, {"token": "t"}, **authority) as client:
            with pytest.raises(ApiError, match="IP address mismatch"):
                await client.create(JOBS_PATH, job("a"))
        path = tmp_path / "named"
        path.write_text(kubeconfig(served.url, {"token": "t"}, **authority, **{"tls-server-name": "api.example.com"}))
        credentials = load_credentials(path)
        async with ApiClient(SocketTransport(credentials), SystemClock()) as client:
            await client.create(JOBS_PATH, job("a"))
        context = APIContext(Connection(**credentials.connection_info()))
        try:
            async with context.session.get(served.url + JOBS_PATH) as answer:
                assert [found["metadata"]["name"] for found in (await answer.json())["items"]] == ["a"]
        finally:
            await context.close()


async def test_a_server_that_cannot_be_reached_is_logged_at_once_and_once_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with connect(tmp_path, "http://127.0.0.1:1") as client:
        for _ in range(20):
            with pytest.raises(ApiError, match=r"cannot connect to http://127\.0\.0\.1:1: connection refused"):
                await client.create(JOBS_PATH, job("a"))
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "cannot reach the API server http://127.0.0.1:1: connection refused; trying again")
    ]


async def test_a_server_that_is_reached_again_is_logged_once(api: FakeApi, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    reachability = Reachability()
    reachability.answered()
    reachability.failed("https://10.96.0.1:443", "connection refused")
    reachability.answered()
    reachability.answered()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_certificate_that_is_not_trusted_is_named_as_the_cause(
    api: FakeApi, tmp_path: Path, certificate: Path, other_certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    untrusted = {"certificate-authority": str(other_certificate)}
    async with serving(api, tls) as served, connect(tmp_path, served.url, {"token": "t"}, **untrusted) as client:
        with pytest.raises(ApiError):
            await client.create(JOBS_PATH, job("b"))
    assert "certificate verify failed" in caplog.text
    assert "SSLContext" not in caplog.text


async def test_a_proxy_that_is_not_there_is_named(tmp_path: Path) -> None:
    proxy: dict[str, Any] = {"proxy-url": "http://127.0.0.1:1"}
    async with connect(tmp_path, "http://192.0.2.1:6443", **proxy) as client:
        with pytest.raises(ApiError, match=r"connection refused \(proxy 127\.0\.0\.1:1\)"):
            await client.create(JOBS_PATH, job("a"))
