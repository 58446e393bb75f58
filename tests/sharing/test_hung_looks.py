"""A scheduler acts although a read of its job store hangs, as on a connection that was cut off."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from unittest.mock import AsyncMock

import pytest
from typing_extensions import override

from kalends.clock import MicrosecondClock
from kalends.jobstores.base import KeptJob
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
from kalends.leases import blocking
from kalends.library import elections
from sharing.test_removing_stores import shared_stores, until_set
from sharing.test_two_schedulers import PATIENCE


class Hanging(SQLAlchemyJobStore):
    """Reads of a store that hang until they are released."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.hangs, self.released = Event(), Event()
        self.looks = 0
        self.hanging_look = 0
        self.lists_hang = False

    def _hang(self) -> None:
        self.hangs.set()
        assert self.released.wait(2 * PATIENCE)

    @override
    def change_number(self) -> int | None:
        self.looks += 1
        if self.looks == self.hanging_look:
            self._hang()
        return super().change_number()

    @override
    def kept_jobs(self) -> Sequence[KeptJob]:
        if self.lists_hang:
            self._hang()
        return super().kept_jobs()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Hanging]:
    found = Hanging(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    yield found
    found.released.set()
    found.shutdown()


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not claim():
            await asyncio.sleep(0.01)


async def test_a_look_that_hangs_does_not_keep_the_next_term_from_acting(store: Hanging) -> None:
    store.hanging_look = 2
    shared, engine = shared_stores(store, MicrosecondClock())
    engine.let_starts_end = AsyncMock()
    shared.add("shared")
    await until(lambda: shared.acts_for("shared"))
    await until_set(store.hangs)
    await shared.pause()
    assert not shared.acts_for("shared")
    shared.resume()
    await until(lambda: shared.acts_for("shared"))
    assert not store.released.is_set()
    await shared.close()


async def test_a_look_that_hangs_is_abandoned_and_repeated(store: Hanging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "PATIENCE", 0.05)
    store.hanging_look = 2
    shared, _ = shared_stores(store, MicrosecondClock())
    shared.add("shared")
    await until_set(store.hangs)
    await until(lambda: store.looks > store.hanging_look)
    assert not store.released.is_set()
    await shared.close()


async def test_a_first_read_of_many_jobs_has_more_time_in_each_attempt(
    store: Hanging, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(blocking, "PATIENCE", 0.05)
    monkeypatch.setattr(elections, "PAUSE", 0.0)
    store.lists_hang = True
    shared, _ = shared_stores(store, MicrosecondClock())

    def limits() -> list[str]:
        failed = [record.exc_info for record in caplog.records if record.name == elections.__name__]
        return [match for info in failed for match in re.findall(r"no answer within ([\d.]+) seconds", str(info))]

    shared.add("shared")
    await until(lambda: len(limits()) >= 4)
    assert limits()[:4] == ["0.05", "0.1", "0.2", "0.4"]
    assert not shared.acts_for("shared")
    store.lists_hang = False
    await until(lambda: shared.acts_for("shared"))
    await shared.close()
