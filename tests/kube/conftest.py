from random import Random

import pytest

from kalends.kube.client import ApiClient
from kube.fake_api import FakeApi
from kube.fake_clock import LoopClock


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
