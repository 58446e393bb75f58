"""Where a job store under test keeps its jobs: a place for each test, which outlives a store object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import pytest

from kalends.jobstores.base import RecordingJobStore
from kalends.schedulers.base import BaseScheduler
from kalends.testing.contracts.jobs import BERLIN

_F = TypeVar("_F", bound=Callable[..., object])


class Place(ABC):
    """A place for the jobs of a test: a file, a table, a prefix of keys. The fixture ``place`` returns it."""

    @abstractmethod
    def new_store(self, **options: Any) -> RecordingJobStore:
        """Return a store that has not been started. All stores of a place keep their jobs in the same place."""

    def remove(self) -> None:  # noqa: B027 - some places need nothing
        """Remove the data of the test."""


class Scheduler:
    """The scheduler, as a store uses it."""

    timezone = BERLIN


def start(store: RecordingJobStore) -> None:
    """Start a store as a scheduler does."""
    store.start(cast("BaseScheduler", Scheduler()), "default")


def lasting(claim: _F) -> _F:
    """Mark a claim about stores whose jobs survive the process: the function gets an attribute ``lasting``.

    The tests of a store in memory leave these claims out, such as by ``pytest_collection_modifyitems``.
    """
    setattr(claim, "lasting", True)  # noqa: B010 - functions have no such attribute for type checkers
    return claim


@pytest.fixture
def store(place: Place) -> Iterator[RecordingJobStore]:
    """Return a started store of the place of the test."""
    found = place.new_store()
    start(found)
    yield found
    found.shutdown()
