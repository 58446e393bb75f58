"""A write of a record that hangs, as on a connection that was cut off, does not block the shutdown of its scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

import pytest
from typing_extensions import override

from kalends.engine.loop import scheduler as engine
from kalends.jobstores.base import RecordWrite
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
from kalends.schedulers.background import BackgroundScheduler
from sharing.test_two_schedulers import PATIENCE

STARTED, RELEASED = Event(), Event()


class Hanging(SQLAlchemyJobStore):
    """A store whose writes of records hang from a moment on, until they are released."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.writes_hang, self.hangs, self.released = Event(), Event(), Event()

    @override
    def write_records(self, writes: Sequence[RecordWrite]) -> Sequence[int | None]:
        if self.writes_hang.is_set():
            self.hangs.set()
            self.released.wait()
        return super().write_records(writes)


def wait_for_release() -> None:
    """Is a job that lasts."""
    STARTED.set()
    RELEASED.wait()


@pytest.fixture
def store(tmp_path: Path) -> Hanging:
    STARTED.clear()
    RELEASED.clear()
    return Hanging(f"sqlite:///{tmp_path / 'jobs.sqlite'}")


def test_a_write_that_hangs_does_not_block_the_shutdown(
    store: Hanging, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "RECORDING", 0.2)
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.start()
    scheduler.add_job(wait_for_release, id="a")
    assert STARTED.wait(PATIENCE)
    store.writes_hang.set()
    RELEASED.set()
    assert store.hangs.wait(PATIENCE)
    ending = Thread(target=scheduler.shutdown, daemon=True)
    ending.start()
    try:
        ending.join(PATIENCE)
        assert not ending.is_alive()
    finally:
        store.released.set()
    assert "The ends of these runs are not recorded: default/a " in caplog.text
