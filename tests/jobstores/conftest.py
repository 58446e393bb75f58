"""A place and a started store of each kind, for tests that hold for all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobstores.places import PLACES, Place, start
from kalends.jobstores.base import RecordingJobStore
from servers.harness import Servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    found = Servers()
    yield found
    found.close()


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[Place]:
    found = PLACES[request.param](servers, tmp_path)
    yield found
    found.remove()


@pytest.fixture
def store(place: Place) -> Iterator[RecordingJobStore]:
    found = place.new_store()
    start(found)
    yield found
    found.shutdown()
