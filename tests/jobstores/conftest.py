"""A place and a started store of each kind, for tests that hold for all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobstores.places import LASTING, PLACES, Place
from kalends.testing.contracts.places import store
from servers.harness import Servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    found = Servers()
    yield found
    found.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run claims in every place, and those about stores that survive the process in the others than memory.

    A module that has a fixture ``place`` is about a store of its own.
    """
    marks = metafunc.definition.iter_markers("parametrize")
    given = any("place" in mark.args[0] for mark in marks) or hasattr(metafunc.module, "place")
    if "place" in metafunc.fixturenames and not given:
        names = LASTING if getattr(metafunc.function, "lasting", False) else list(PLACES)
        metafunc.parametrize("place", names, indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[Place]:
    found = PLACES[request.param](servers, tmp_path)
    yield found
    found.remove()


__all__ = ["place", "store"]
