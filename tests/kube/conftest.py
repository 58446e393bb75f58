import subprocess
from pathlib import Path
from random import Random

import pytest

from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import JOBS
from kalends.kube.informers.informer import Informer
from kube.electing import Replica
from kube.fake_api import FakeApi, FakeConnection
from kube.fake_clock import LoopClock
from kube.following import Seen


@pytest.fixture
def clock() -> LoopClock:
    return LoopClock()


@pytest.fixture
def api(clock: LoopClock) -> FakeApi:
    return FakeApi(now=clock.now)


@pytest.fixture
def attempts() -> list[tuple[str, str, int, float]]:
    return []


@pytest.fixture
def client(api: FakeApi, clock: LoopClock, attempts: list[tuple[str, str, int, float]]) -> ApiClient:
    def count(verb: str, resource: str, code: int, seconds: float) -> None:
        attempts.append((verb, resource, code, seconds))

    chance = Random(1).random  # noqa: S311 - repeatable, not secret
    return ApiClient(api.connect(), clock, on_request=count, chance=chance)


@pytest.fixture
def replicas(api: FakeApi) -> list[Replica]:
    return [Replica(api.connect("first")), Replica(api.connect("second"))]


@pytest.fixture
def connection(api: FakeApi) -> FakeConnection:
    return api.connect("informer")


@pytest.fixture
def seen() -> Seen:
    return []


@pytest.fixture
def informer(connection: FakeConnection, clock: LoopClock, seen: Seen) -> Informer:
    return Informer(
        ApiClient(connection, clock),
        JOBS.collection(),
        clock=clock,
        keep=lambda job: job["metadata"]["name"],
        on_change=lambda change, name: seen.append((change, name)),
        on_synced=lambda: seen.append(("synced", "")),
    )


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that is its own authority, with its key, in one file."""
    return _certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def other_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _certificate(tmp_path_factory.mktemp("other-certificate"))


@pytest.fixture(scope="session")
def named_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _certificate(tmp_path_factory.mktemp("named-certificate"), "DNS:api.example.com")


def _certificate(folder: Path, name: str = "IP:127.0.0.1") -> Path:
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    about = ["-subj", "/CN=kalends-test", "-addext", f"subjectAltName={name}", "-days", "2"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command = ["openssl", "req", "-x509", *curve, *about, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return both
