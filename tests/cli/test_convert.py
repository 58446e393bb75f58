"""``kalends convert apscheduler``: shows what it would write, writes it by choice, and reads pickles by choice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore as ForeignStore
from apscheduler.schedulers.background import BackgroundScheduler as ForeignScheduler
from click.testing import Result
from sqlalchemy import create_engine, text

from kalends.jobstores.redis import RedisJobStore
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
from kalends.library.foreign.sources import store_at
from kalends.schedulers.background import BackgroundScheduler

Command = Callable[..., Result]


@pytest.fixture
def source(tmp_path: Path) -> Iterator[str]:
    """Return the URL of a table of APScheduler with two jobs, of which Kalends can convert the first."""
    url = f"sqlite:///{tmp_path / 'theirs.sqlite'}"
    scheduler = ForeignScheduler(jobstores={"default": ForeignStore(url)}, timezone="UTC")
    scheduler.start(paused=True)
    scheduler.add_job("builtins:dict", "cron", hour=3, id="a")
    scheduler.add_job("builtins:print", "interval", hours=3, id="b", args=[Path("/")])
    yield url
    scheduler.shutdown()


def jobs_at(url: str) -> list[str]:
    with BackgroundScheduler(jobstores={"default": SQLAlchemyJobStore(url)}, timezone="UTC") as scheduler:
        scheduler.pause()
        return [job.id for job in scheduler.get_jobs()]


def test_pickles_are_read_only_with_the_flag(kalends: Command, source: str) -> None:
    result = kalends("convert", "apscheduler", source)
    assert result.exit_code == 2
    assert "--read-pickles" in result.output


def test_without_a_target_nothing_is_written(kalends: Command, source: str) -> None:
    result = kalends("convert", "apscheduler", source, "--read-pickles")
    assert result.exit_code == 1
    assert "a: would be written: builtins:dict cron[hour='3'], next run at 20" in result.output
    assert "b: refused: UnpicklingError: the pickle names pathlib:PosixPath, which is not admitted" in result.output


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the name of a module of the program, which is not imported yet."""
    (tmp_path / "program_of_jobs.py").write_text("def work(): pass\n")
    monkeypatch.chdir(tmp_path)
    yield "program_of_jobs"
    sys.modules.pop("program_of_jobs", None)


def test_only_jobs_that_are_written_are_imported(kalends: Command, source: str, module: str, tmp_path: Path) -> None:
    scheduler = ForeignScheduler(jobstores={"default": ForeignStore(source)}, timezone="UTC")
    scheduler.start(paused=True)
    sys.path.insert(0, str(tmp_path))
    scheduler.add_job(f"{module}:work", "cron", hour=3, id="it")
    scheduler.shutdown()
    del sys.modules[module]
    result = kalends("convert", "apscheduler", source, "--read-pickles")
    assert f"it: would be written: {module}:work cron[hour='3']" in result.output
    assert module not in sys.modules
    written = kalends("convert", "apscheduler", source, "--read-pickles", "--to", f"sqlite:///{tmp_path / 'o.sqlite'}")
    assert "it: written" in written.output
    assert module in sys.modules


def test_a_job_that_cannot_be_written_as_json_leaves_the_others(kalends: Command, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'theirs.sqlite'}"
    scheduler = ForeignScheduler(jobstores={"default": ForeignStore(url, pickle_protocol=2)}, timezone="UTC")
    scheduler.start(paused=True)
    scheduler.add_job("builtins:print", "cron", hour=3, id="a", args=["@@"])
    scheduler.add_job("builtins:print", "cron", hour=3, id="b")
    scheduler.shutdown()
    engine = create_engine(url)
    with engine.begin() as connection:
        given = connection.execute(text("SELECT job_state FROM apscheduler_jobs WHERE id = 'a'")).scalar_one()
        changed = given.replace(b"X\x02\x00\x00\x00@@", b"cuuid\nUUID\n)\x81")  # a UUID without its number
        connection.execute(text("UPDATE apscheduler_jobs SET job_state = :state WHERE id = 'a'"), {"state": changed})
    engine.dispose()
    result = kalends("convert", "apscheduler", url, "--read-pickles")
    assert result.exit_code == 1
    assert "a: refused: 'UUID' object has no attribute 'int'" in result.output
    assert "b: would be written" in result.output


def test_jobs_are_written_once(kalends: Command, source: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'ours.sqlite'}"
    first = kalends("convert", "apscheduler", source, "--read-pickles", "--to", target)
    assert "a: written" in first.output
    assert jobs_at(target) == ["a"]
    again = kalends("convert", "apscheduler", source, "--read-pickles", "--to", target)
    assert again.exit_code == 1
    assert "a: refused: the store has another job of this ID" in again.output


def test_a_table_that_is_missing_is_an_error(kalends: Command, source: str) -> None:
    result = kalends("convert", "apscheduler", source, "--read-pickles", "--name", "elsewhere")
    assert result.exit_code == 1
    assert "elsewhere" in result.output


def test_a_file_that_was_exported_is_a_source(kalends: Command, tmp_path: Path) -> None:
    scheduler = ForeignScheduler(timezone="UTC")
    scheduler.start(paused=True)
    scheduler.add_job("builtins:dict", "interval", hours=3, id="a")
    scheduler.export_jobs(str(tmp_path / "jobs.json"))
    scheduler.shutdown()
    result = kalends("convert", "apscheduler", tmp_path / "jobs.json", "--read-pickles")
    assert result.exit_code == 0, result.output
    assert "a: would be written: builtins:dict interval[3:00:00]" in result.output


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("redis://127.0.0.1", {"db": 0}),
        ("redis://127.0.0.1:7/2", {"host": "127.0.0.1", "port": 7, "db": 2}),
        ("redis://127.0.0.1?db=3&socket_timeout=5", {"db": 3, "socket_timeout": 5.0}),
        ("rediss://me:a%40b@redis.example/4", {"host": "redis.example", "db": 4, "username": "me", "password": "a@b"}),
    ],
)
def test_a_url_of_redis_is_read_with_its_query(url: str, options: dict[str, object]) -> None:
    store = store_at(url)
    assert isinstance(store, RedisJobStore)
    found = store.redis.connection_pool.connection_kwargs
    assert {key: found[key] for key in options} == options
    is_encrypted = "SSL" in store.redis.connection_pool.connection_class.__name__
    assert is_encrypted == url.startswith("rediss")
