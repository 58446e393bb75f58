"""Files that are damaged, of another version or of another program: an error in words, for the row that it is about."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doubles import START, definition_of, every, resource
from kalends.engine.core.definition import Stored
from kalends.engine.core.state import State
from kalends.errors import InvalidSettings, Unavailable
from kalends.stores.sqlite import APPLICATION_ID, SqliteJobStore


class FixedClock:
    second = 1

    def now(self) -> float:
        return float(START)

    def monotonic(self) -> float:
        return 0.0


def opened(path: Path) -> SqliteJobStore:
    return SqliteJobStore(path, FixedClock())


async def put(store: SqliteJobStore, name: str) -> Stored:
    return await store.put("default", name, definition_of(resource(trigger=every(60))))


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """A store with two resources, closed."""
    path = tmp_path / "kalends.db"
    store = opened(path)
    for name in ("sound", "other"):
        await put(store, name)
    store.close()
    return path


def run_sql(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()


def damage(path: Path, column: str, value: str) -> None:
    run_sql(path, f"UPDATE scheduled_jobs SET {column} = {value} WHERE name = 'other'")  # noqa: S608 - our own words


def pragmas(path: Path) -> tuple[int, int]:
    db = sqlite3.connect(path)
    found = tuple(db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    db.close()
    return found[0], found[1]


def test_a_file_says_whose_it_is_and_which_version(file: Path) -> None:
    assert pragmas(file) == (APPLICATION_ID, 1)


async def test_a_file_that_was_not_marked_is_marked_when_it_is_opened(file: Path) -> None:
    run_sql(file, "PRAGMA application_id=0", "PRAGMA user_version=0")
    store = opened(file)
    assert (await put(store, "sound")).generation == 1
    store.close()
    assert pragmas(file) == (APPLICATION_ID, 1)


async def test_a_file_without_columns_for_the_request_and_the_mark_keeps_its_resources(file: Path) -> None:
    before = opened(file)
    kept = await before.load()
    before.close()
    run_sql(file, "ALTER TABLE scheduled_jobs DROP COLUMN request", "ALTER TABLE scheduled_jobs DROP COLUMN restored")
    store = opened(file)
    assert await store.load() == kept
    assert await put(store, "sound") == next(one for one in kept if one.ref.name == "sound")
    store.close()


async def test_a_spec_that_an_earlier_release_kept_in_other_words_is_not_edited_by_the_same_definition(
    file: Path,
) -> None:
    damage(
        file,
        "spec",
        """CAST('{"suspend":false,"trigger":{"interval":{"seconds":60}},"task":{"name":"kalends.echo"}}' AS BLOB)""",
    )
    store = opened(file)
    assert (await put(store, "other")).generation == 1
    store.close()


async def test_a_damaged_row_is_left_out_of_what_is_loaded_and_logged(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(file, "created", "'yesterday'")
    store = opened(file)
    assert [one.ref.name for one in await store.load()] == ["sound"]
    store.close()
    assert "default/other is damaged" in caplog.text


def test_a_file_of_a_newer_version_is_refused(file: Path) -> None:
    run_sql(file, "PRAGMA user_version=2")
    with pytest.raises(
        InvalidSettings, match=r"kalends\.db must be a job store of this Kalends .* newer Kalends .*version 2"
    ):
        opened(file)


@pytest.mark.parametrize(
    "statements", [["CREATE TABLE notes (text)"], ["CREATE TABLE notes (text)", "PRAGMA application_id=7"]]
)
def test_a_database_of_another_program_is_refused_and_left_as_it_was(tmp_path: Path, statements: list[str]) -> None:
    path = tmp_path / "notes.db"
    run_sql(path, *statements)
    before = path.read_bytes()
    with pytest.raises(InvalidSettings, match=r"notes\.db must be a job store of Kalends, but another program"):
        opened(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kalends.db"
    path.write_bytes(content)
    with pytest.raises(InvalidSettings, match=r"kalends\.db must be a job store"):
        opened(path)


async def test_a_column_more_is_no_reason_to_stop(file: Path) -> None:
    run_sql(file, "ALTER TABLE scheduled_jobs ADD COLUMN extra TEXT NOT NULL DEFAULT 'x'")
    store = opened(file)
    assert (await put(store, "new")).problem is None
    store.close()


@pytest.mark.parametrize("status", ["x'6e6f'", "x'5b315d'", "x'ff'", "x'22'", "x'7b22636f756e7473223a5b5d7d'"])
async def test_a_record_that_cannot_be_read_is_the_problem_of_its_resource(file: Path, status: str) -> None:
    damage(file, "status", status)
    store = opened(file)
    damaged, sound = await put(store, "other"), await put(store, "sound")
    store.close()
    assert (sound.problem, sound.record_problem) == (None, None)
    assert (damaged.record, damaged.problem) == (None, None)
    if damaged.record_problem is not None:
        assert damaged.record_problem.reason == "InvalidStatus"
    else:
        assert status.startswith("x'7b")  # an object without an armedTime tells nothing


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("created", "'yesterday'", "created must be an instant by RFC 3339, got 'yesterday'"),
        ("edited", "''", "edited must be an instant by RFC 3339, got ''"),
        ("version", "9223372036854775807", "version must be a count of changes, got 9223372036854775807"),
        ("generation", "-1", "generation must be a count of changes, got -1"),
        ("created", "cast(x'ff' as text)", "default/other cannot be read"),
    ],
)
async def test_a_damaged_row_is_named_and_harms_only_itself(file: Path, column: str, value: str, message: str) -> None:
    damage(file, column, value)
    store = opened(file)
    with pytest.raises(Unavailable) as refused:
        await put(store, "other")
    assert message in str(refused.value)
    assert "kalends.db: the row of default/other" in str(refused.value)
    assert (await put(store, "sound")).problem is None
    store.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE scheduled_jobs",
        "CREATE TRIGGER no BEFORE UPDATE ON scheduled_jobs BEGIN SELECT raise(ABORT, 'no'); END",
    ],
)
async def test_errors_while_it_is_open_name_file_and_row(
    file: Path, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: list[sqlite3.Connection] = []
    real = sqlite3.connect

    def connect(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connections.append(real(*arguments, **named))
        return connections[-1]

    monkeypatch.setattr(sqlite3, "connect", connect)
    store = opened(file)
    found = await put(store, "sound")
    connections[-1].execute(statement)
    asked: list[Callable[[], Any]] = [lambda: store.write(found.ref, found.version, None, State(armed=START))]
    if statement.startswith("DROP"):
        asked += [
            lambda: store.read(found.ref),
            lambda: store.delete(found.ref, found.version),
            lambda: store.remove(found.ref),
            lambda: put(store, "sound"),
        ]
        with pytest.raises(Unavailable, match=r"kalends\.db cannot be read"):
            await store.load()
    for ask in asked:
        with pytest.raises(Unavailable, match=r"kalends\.db: the row of default/sound cannot be (written|read)"):
            await ask()
    store.close()
