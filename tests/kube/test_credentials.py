import asyncio
import os
import ssl
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kalends.errors import InvalidSettings
from kalends.handlers.kopf_feed import Connection
from kalends.kube.login.connection import login_finder, own_namespace
from kalends.kube.login.credentials import Credentials, load_credentials
from kube.served import kubeconfig

EXEC_PLUGIN = """#!/bin/sh
echo run >> {counter}
echo '{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {status}}}'
"""


class HandClock:
    """A clock that the test sets; the wall clock is the machine's own, as exec plugins' expiry is."""

    second = 1

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> float:
        return self.passed

    def monotonic(self) -> float:
        return self.passed


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    proxies = [f"{kind}_PROXY" for kind in ("HTTP", "HTTPS", "ALL", "NO")]
    cluster = ["KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"]
    for name in [*cluster, *proxies, *map(str.lower, proxies)]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificate: Path) -> Path:
    """The folder of a service account, in a process that looks like a pod's."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("first-token\n")
    (folder / "namespace").write_text("kalends")
    (folder / "ca.crt").write_bytes(certificate.read_bytes())
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    return folder


def test_in_a_pod_it_is_the_service_account(pod: Path, hand: HandClock) -> None:
    credentials = Credentials(login_finder(None, None, pod), hand)
    assert credentials.server == "https://[fd00::1]:443"
    assert credentials.default_namespace == "kalends"
    assert credentials.headers["Authorization"].split() == ["bearer", "first-token"]
    assert credentials.tls is not None
    assert credentials.tls.verify_mode is ssl.CERT_REQUIRED


async def test_a_rotated_token_is_used_after_a_minute(pod: Path, hand: HandClock) -> None:
    credentials = Credentials(login_finder(None, None, pod), hand)
    (pod / "token").write_text("second-token")
    await credentials.refresh()
    assert "first-token" in credentials.headers["Authorization"]
    hand.passed = 61
    await credentials.refresh()
    assert "second-token" in credentials.headers["Authorization"]


async def test_a_refused_token_is_read_again_at_once(pod: Path, hand: HandClock) -> None:
    credentials = Credentials(login_finder(None, None, pod), hand)
    (pod / "token").write_text("second-token")
    hand.passed = 6
    assert await credentials.renew(credentials.login)
    assert "second-token" in credentials.headers["Authorization"]


async def test_many_refusals_at_once_read_once(tmp_path: Path, hand: HandClock) -> None:
    counter = _exec_plugin(tmp_path, '{"token": "t"}')
    credentials = _credentials(tmp_path, hand, "https://127.0.0.1:6443", _exec_user(tmp_path))
    hand.passed = 6
    refused = credentials.login
    assert all(await asyncio.gather(*[credentials.renew(refused) for _ in range(20)]))
    assert counter.read_text().count("run") == 2


async def test_credentials_that_are_new_and_refused_are_not_read_again_at_once(pod: Path, hand: HandClock) -> None:
    credentials = Credentials(login_finder(None, None, pod), hand)
    hand.passed = 4
    assert not await credentials.renew(credentials.login)


async def test_a_token_file_that_vanishes_leaves_the_last_token_in_use(
    pod: Path, hand: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    credentials = Credentials(login_finder(None, None, pod), hand)
    (pod / "token").unlink()
    hand.passed = 10
    assert not await credentials.renew(credentials.login)
    assert "first-token" in credentials.headers["Authorization"]
    assert "no others were found" in caplog.text


async def test_certificates_that_change_on_disk_are_loaded_again(pod: Path, hand: HandClock) -> None:
    credentials = Credentials(login_finder(None, None, pod), hand)
    before = credentials.tls
    hand.passed = 61
    await credentials.refresh()
    assert credentials.tls is before
    os.utime(pod / "ca.crt", (1, 1))
    hand.passed = 122
    await credentials.refresh()
    assert credentials.tls is not before


def test_a_kubeconfig_gives_server_namespace_and_token(tmp_path: Path, hand: HandClock) -> None:
    credentials = _credentials(tmp_path, hand, "http://127.0.0.1:8001/", {"token": "secret"})
    assert credentials.server == "http://127.0.0.1:8001"
    assert credentials.default_namespace == "team"
    assert credentials.headers == {"Authorization": "Bearer secret"}
    assert credentials.tls is None


def test_a_named_kubeconfig_goes_before_the_pod(pod: Path, tmp_path: Path, hand: HandClock) -> None:
    credentials = _credentials(tmp_path, hand, "http://127.0.0.1:8001", {"token": "secret"})
    assert credentials.default_namespace == "team"


def test_the_pod_goes_before_the_kubeconfig_in_its_home(pod: Path, tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(kubeconfig("http://127.0.0.1:8001"))
    assert login_finder(None, None, pod)()().namespace == "kalends"
    assert login_finder(None, "here", pod)()().namespace == "team"


def test_the_environment_names_a_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(kubeconfig("http://127.0.0.1:8001"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert load_credentials().server == "http://127.0.0.1:8001"


def test_a_client_certificate_is_loaded(tmp_path: Path, hand: HandClock, certificate: Path) -> None:
    user: dict[str, object] = {"client-certificate": str(certificate), "client-key": str(certificate)}
    credentials = _credentials(tmp_path, hand, "https://127.0.0.1:6443", user)
    assert credentials.login.certificate_path == str(certificate)
    assert "Authorization" not in credentials.headers


def test_what_an_exec_plugin_prints_is_the_token(tmp_path: Path, hand: HandClock) -> None:
    _exec_plugin(tmp_path, '{"token": "from-the-plugin"}')
    credentials = _credentials(tmp_path, hand, "https://127.0.0.1:6443", _exec_user(tmp_path))
    assert credentials.headers["Authorization"] == "Bearer from-the-plugin"


async def test_an_exec_plugin_runs_again_when_its_token_is_about_to_expire(tmp_path: Path, hand: HandClock) -> None:
    counter = _exec_plugin(tmp_path, '{"token": "t", "expirationTimestamp": "2020-01-01T00:00:00Z"}')
    credentials = _credentials(tmp_path, hand, "https://127.0.0.1:6443", _exec_user(tmp_path))
    runs = counter.read_text().count("run")
    hand.passed = 59
    await credentials.refresh()
    assert counter.read_text().count("run") == runs
    hand.passed = 61
    await credentials.refresh()
    assert counter.read_text().count("run") == runs + 1


def test_an_exec_plugin_that_fails_is_an_error_that_says_where(tmp_path: Path, hand: HandClock) -> None:
    user: dict[str, object] = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/no/such/plugin"}}
    with pytest.raises(InvalidSettings, match=r"context 'here' .* must give a token"):
        _credentials(tmp_path, hand, "https://127.0.0.1:6443", user)


def test_nothing_to_be_found_says_what_to_do() -> None:
    with pytest.raises(InvalidSettings, match="no cluster is configured: give --kubeconfig, set KUBECONFIG"):
        load_credentials()


def test_a_kubeconfig_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"there is none at .*/missing"):
        load_credentials(tmp_path / "missing")


def test_a_context_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(kubeconfig("http://127.0.0.1:8001"))
    with pytest.raises(InvalidSettings, match="elsewhere"):
        load_credentials(tmp_path / "config", "elsewhere")


@pytest.mark.parametrize("content", ["", "[]", "{", "just text", "contexts: 3", "current-context: x"])
def test_a_kubeconfig_that_is_none_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "config").write_text(content)
    with pytest.raises(InvalidSettings, match="cannot be used"):
        load_credentials(tmp_path / "config")


def test_kopf_verifies_the_server_by_the_same_tls_context(pod: Path, hand: HandClock) -> None:
    credentials = Credentials(login_finder(None, None, pod), hand)
    info = Connection(**credentials.connection_info())
    assert info.server == "https://[fd00::1]:443"
    assert info.as_http_headers() == {"Authorization": "bearer first-token"}
    assert info.as_ssl_context() is credentials.tls
    assert info.as_ssl_context().verify_mode is ssl.CERT_REQUIRED


def test_kopf_is_given_no_authorization_where_there_is_none(tmp_path: Path, hand: HandClock) -> None:
    info = Connection(**_credentials(tmp_path, hand, "http://127.0.0.1:8001", {}).connection_info())
    assert info.as_http_headers() == {}


async def test_a_connection_with_a_new_authority_is_another_for_kopf(pod: Path, hand: HandClock) -> None:
    credentials = Credentials(login_finder(None, None, pod), hand)
    before = Connection(**credentials.connection_info())
    hand.passed = 61
    await credentials.refresh()
    assert Connection(**credentials.connection_info()) == before
    os.utime(pod / "ca.crt", (1, 1))
    hand.passed = 122
    await credentials.refresh()
    assert Connection(**credentials.connection_info()) != before


def noting_thread(original: Callable[..., object], threads: set[int]) -> Callable[..., object]:
    def noting(*arguments: object, **named: object) -> object:
        threads.add(threading.get_ident())
        return original(*arguments, **named)

    return noting


async def test_files_are_read_off_the_event_loop(pod: Path, hand: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = Credentials(login_finder(None, None, pod), hand)
    opened_in: set[int] = set()
    for owner, name in ((Path, "stat"), (Path, "read_text"), (ssl.SSLContext, "load_verify_locations")):
        monkeypatch.setattr(owner, name, noting_thread(getattr(owner, name), opened_in))
    os.utime(pod / "ca.crt", (1, 1))
    hand.passed = 61
    before = credentials.tls
    await credentials.refresh()
    os.utime(pod / "ca.crt", (2, 2))
    assert await credentials.renew(credentials.login)
    assert credentials.tls is not before
    assert opened_in
    assert threading.get_ident() not in opened_in


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"https_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ({"ALL_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "10.96.0.1"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "localhost, 10.96.0.0/12"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "10.97.0.1,.svc,"}, "http://proxy:3128"),
    ],
)
def test_the_environment_names_a_proxy_and_what_is_reached_without_it(
    pod: Path, hand: HandClock, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], proxy: str | None
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    credentials = Credentials(login_finder(None, None, pod), hand)
    assert credentials.login.proxy_url == proxy
    assert Connection(**credentials.connection_info()).proxy_url == proxy


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_this_machine_is_reached_without_a_proxy(
    tmp_path: Path, hand: HandClock, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    credentials = _credentials(tmp_path, hand, f"https://{host}:6443", {"token": "secret"})
    assert credentials.login.proxy_url is None


@pytest.mark.parametrize("server", ["https://api.example.com:6443", "https://127.0.0.1:6443"])
def test_the_proxy_of_a_kubeconfig_is_always_used(
    tmp_path: Path, hand: HandClock, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://other:3128")
    monkeypatch.setenv("NO_PROXY", "*")
    path = tmp_path / "config"
    path.write_text(kubeconfig(server, {"token": "secret"}, **{"proxy-url": "http://proxy:3128"}))
    assert load_credentials(path, clock=hand).login.proxy_url == "http://proxy:3128"


def test_a_proxy_that_is_not_http_is_refused_without_its_password(
    pod: Path, hand: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://me:secret@proxy:1080")
    with pytest.raises(InvalidSettings, match=r"must be a URL with http:// or https://, got socks5://proxy$"):
        Credentials(login_finder(None, None, pod), hand)


def test_a_certificate_that_is_not_there_is_an_error_that_names_it(tmp_path: Path, hand: HandClock) -> None:
    path = tmp_path / "config"
    authority = {"certificate-authority": str(tmp_path / "none.crt")}
    path.write_text(kubeconfig("https://127.0.0.1:6443", {"token": "t"}, **authority))
    with pytest.raises(InvalidSettings, match=r"none\.crt"):
        load_credentials(path, clock=hand)


def _credentials(folder: Path, clock: HandClock, server: str, user: dict[str, object]) -> Credentials:
    path = folder / "config"
    path.write_text(kubeconfig(server, user))
    return load_credentials(path, clock=clock)


def _exec_plugin(folder: Path, status: str) -> Path:
    counter = folder / "runs"
    plugin = folder / "plugin"
    plugin.write_text(EXEC_PLUGIN.format(counter=counter, status=status))
    plugin.chmod(stat.S_IRWXU)
    return counter


def _exec_user(folder: Path) -> dict[str, object]:
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(folder / "plugin")}}


def test_the_namespace_of_the_pod_is_the_configured_one_or_that_of_its_service_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    assert own_namespace(tmp_path) is None
    (tmp_path / "namespace").write_text("kalends-system")
    assert own_namespace(tmp_path) == "kalends-system"
    monkeypatch.setenv("POD_NAMESPACE", "another")
    assert own_namespace(tmp_path) == "another"
