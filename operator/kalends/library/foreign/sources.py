"""Where APScheduler 3 keeps jobs, and where Kalends is to keep them: by URL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from kalends.extras import needs
from kalends.jobstores.base import RecordingJobStore

TABLE, KEY, COLLECTION = "apscheduler_jobs", "apscheduler.jobs", "apscheduler.jobs"
"""APScheduler's defaults; the last is a database and a collection."""
_REDIS = ("redis", "rediss")
_MONGODB = ("mongodb", "mongodb+srv")


def rows_of(address: str, name: str | None) -> Iterator[tuple[str, object]]:
    """Yield the IDs and the pickles of the jobs at a URL: ``redis://``, ``mongodb://``, or a URL of SQLAlchemy.

    What another program has written in place of a pickle is yielded as it is.

    Raises:
        ImportError: The client library is not installed; the message names the extra.
        Exception: What the client library raises, such as for a table that is missing.
    """
    scheme = urlsplit(address).scheme
    if scheme in _REDIS:
        yield from _redis_rows(address, name or KEY)
    elif scheme in _MONGODB:
        yield from _mongodb_rows(address, name or COLLECTION)
    else:
        yield from _sql_rows(address, name or TABLE)


def _sql_rows(address: str, name: str) -> Iterator[tuple[str, object]]:
    with needs("kalends convert", "sqlalchemy"):
        from sqlalchemy import column, create_engine, select, table
    engine = create_engine(address)
    # Without types: that of binary columns would make bytes of any number that SQLite has in its place.
    jobs = table(name, column("id"), column("job_state"))
    try:
        with engine.connect() as connection:
            for row in connection.execute(select(jobs.c.id, jobs.c.job_state).order_by(jobs.c.id)):
                yield str(row.id), bytes(row.job_state) if isinstance(row.job_state, memoryview) else row.job_state
    finally:
        engine.dispose()


def _redis_rows(address: str, key: str) -> Iterator[tuple[str, object]]:
    with needs("kalends convert", "redis"):
        from redis import Redis
    with Redis.from_url(address) as client:
        found: Any = client.hgetall(key)
        for job_id, data in sorted(found.items()):
            yield job_id.decode(errors="backslashreplace"), data


def _mongodb_rows(address: str, name: str) -> Iterator[tuple[str, object]]:
    with needs("kalends convert", "mongodb", "pymongo"):
        from pymongo import MongoClient
    database, _, collection = name.partition(".")
    client: MongoClient[dict[str, Any]] = MongoClient(address)
    with client:
        for document in client[database][collection].find(sort=[("_id", 1)]):
            yield str(document["_id"]), document.get("job_state")


def store_at(address: str) -> RecordingJobStore:
    """Return the job store of Kalends at a URL, with its default names.

    Raises:
        ImportError: The client library is not installed; the message names the extra.
    """
    parts = urlsplit(address)
    if parts.scheme in _REDIS:
        with needs("kalends convert", "redis"):
            from redis import connection

            from kalends.jobstores.redis import RedisJobStore

        # As the client library reads it: a query may name the database, too, and other options.
        parse_url: Any = connection.parse_url
        options: dict[str, Any] = parse_url(address)
        options.pop("connection_class", None)
        return RedisJobStore(options.pop("db", 0), ssl=parts.scheme == "rediss", **options)
    if parts.scheme in _MONGODB:
        from kalends.jobstores.mongodb import MongoDBJobStore

        return MongoDBJobStore(host=address)
    from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore

    return SQLAlchemyJobStore(address)
