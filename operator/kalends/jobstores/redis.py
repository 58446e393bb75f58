"""A job store in Redis or Valkey."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from kalends.clock import Clock
from kalends.engine.core.state import Instant
from kalends.errors import UnknownLayout
from kalends.jobstores.base import ConflictingIdError
from kalends.jobstores.common.layouts import LAYOUT, migrate
from kalends.jobstores.common.lease_rows import LeaseRow
from kalends.jobstores.common.notices import Wait, listen
from kalends.jobstores.row_values import Row, RowChange, known_version, number, row_of
from kalends.jobstores.rows import RowJobStore
from kalends.references import object_of

try:
    from redis import Redis
except ImportError as error:
    raise ImportError("RedisJobStore needs the package redis: pip install 'kalends[redis]'") from error

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler

# KEYS of each script: jobs, run times, versions, records, and the number of changes, which is a channel, too.
_INSERT = """
for i = 1, #ARGV, 4 do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
    return ARGV[i]
  end
end
for i = 1, #ARGV, 4 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 2])
  redis.call('HDEL', KEYS[4], ARGV[i])
  if ARGV[i + 3] ~= '' then
    redis.call('ZADD', KEYS[2], ARGV[i + 3], ARGV[i])
  end
end
redis.call('PUBLISH', KEYS[5], redis.call('INCR', KEYS[5]))
return false
"""
_CHANGE = """
local done, changed = {}, false
for i = 1, #ARGV, 6 do
  local id, expected = ARGV[i], ARGV[i + 1]
  local version = redis.call('HGET', KEYS[3], id)
  if version and string.sub(version, 1, #expected) == expected then
    redis.call('HSET', KEYS[3], id, ARGV[i + 2])
    if ARGV[i + 3] == '' then
      redis.call('ZREM', KEYS[2], id)
    else
      redis.call('ZADD', KEYS[2], ARGV[i + 3], id)
    end
    if ARGV[i + 4] ~= '' then
      redis.call('HSET', KEYS[1], id, ARGV[i + 4])
      changed = true
    end
    if ARGV[i + 5] ~= '' then
      redis.call('HSET', KEYS[4], id, ARGV[i + 5])
    end
    done[#done + 1] = 1
  else
    done[#done + 1] = 0
  end
end
if changed then
  redis.call('PUBLISH', KEYS[5], redis.call('INCR', KEYS[5]))
end
return done
"""
_REMOVE = """
local version = redis.call('HGET', KEYS[3], ARGV[1])
if ARGV[2] ~= '' and (not version or string.sub(version, 1, #ARGV[2]) ~= ARGV[2]) then
  return 0
end
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 and not version then
  return 0
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
if ARGV[2] == '' then
  redis.call('PUBLISH', KEYS[5], redis.call('INCR', KEYS[5]))
end
return 1
"""
# Scripts that remove begin with a removal: a server above its maxmemory continues a script that has written.
_CLEAR = """
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('PUBLISH', KEYS[5], redis.call('INCR', KEYS[5]))
"""

# KEYS: leases. A field is the version, a space and the document; the expected version is empty if there is none.
_PUT_LEASE = """
local found = redis.call('HGET', KEYS[1], ARGV[1])
local version = found and string.match(found, '^%d+') or ''
if version ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""
_DROP_LEASE = """
local found = redis.call('HGET', KEYS[1], ARGV[1])
if not found or string.match(found, '^%d+') ~= ARGV[2] then
  return 0
end
return redis.call('HDEL', KEYS[1], ARGV[1])
"""


class RedisJobStore(RowJobStore):
    """Keeps jobs in three hashes and a sorted set. Several processes may use them: scripts compare and set versions.

    Redis keeps what it has as its persistence says: without an append-only file, the writes since its last snapshot are
    lost when it crashes, and their runs are repeated.

    Args:
        db: The number of the database.
        jobs_key: The key of the hash of jobs. ``<jobs_key>.versions``, ``.records``, ``.leases``, ``.changes``
            and ``.layout`` belong to it.
        run_times_key: The key of the sorted set of next run times.
        pickle_protocol: The protocol of pickles.
        client: A client in place of a connection of the store, or a reference to it. It must not decode responses.
            For a cluster, both keys must have the same hash tag: ``{kalends}.jobs``.
        serializer: ``"json"`` or ``"pickle"``, see ``RowJobStore``.
        clock: Says when a job was created and edited.
        connect_args: Arguments of ``redis.Redis``.

    Raises:
        ValueError: A key is empty.
    """

    def __init__(  # noqa: PLR0913 - APScheduler's signature
        self,
        db: int | str = 0,
        jobs_key: str = "kalends.jobs",
        run_times_key: str = "kalends.run_times",
        pickle_protocol: int = pickle.HIGHEST_PROTOCOL,
        *,
        client: Any = None,
        serializer: str = "json",
        clock: Clock | None = None,
        **connect_args: Any,
    ) -> None:
        super().__init__(serializer, pickle_protocol, clock)
        if not jobs_key:
            raise ValueError('The "jobs_key" parameter must not be empty')
        if not run_times_key:
            raise ValueError('The "run_times_key" parameter must not be empty')
        self.jobs_key = jobs_key
        self.run_times_key = run_times_key
        self._owns_client = client is None
        self.redis: Any = object_of(client) if client is not None else Redis(db=int(db), **connect_args)
        self._keys = [jobs_key, run_times_key, f"{jobs_key}.versions", f"{jobs_key}.records"]
        self._changes_key = f"{jobs_key}.changes"
        self._script_keys = [*self._keys, self._changes_key]
        self._layout_key = f"{jobs_key}.layout"
        self._insert_script = self.redis.register_script(_INSERT)
        self._change_script = self.redis.register_script(_CHANGE)
        self._remove_script = self.redis.register_script(_REMOVE)
        self._clear_script = self.redis.register_script(_CLEAR)
        self._leases_key = f"{jobs_key}.leases"
        self._put_lease_script = self.redis.register_script(_PUT_LEASE)
        self._drop_lease_script = self.redis.register_script(_DROP_LEASE)

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        super().start(scheduler, alias)
        found = self.redis.get(self._layout_key)
        if found is None:
            if self.redis.exists(self.jobs_key, self.run_times_key) and not self.redis.exists(self._layout_key):
                raise UnknownLayout(
                    f"the keys {self.jobs_key!r} and {self.run_times_key!r} must be unused or of Kalends, and another "
                    "program made them: use other keys"
                )
            self.redis.set(self._layout_key, LAYOUT, nx=True)
            return
        version = int(found)
        if migrate(version, self.redis, place=f"the key {self.jobs_key!r}") != version:
            self.redis.set(self._layout_key, LAYOUT)

    @override
    def shutdown(self) -> None:
        if self._owns_client:
            self.redis.connection_pool.disconnect()

    # -- the operations on rows

    @override
    def insert_rows(self, rows: Sequence[Row]) -> None:
        arguments: list[bytes | str] = []
        for row in rows:
            arguments += [row.id, row.definition, _version(row.uid, row.version, row.next_run_time)]
            arguments.append(_score(row.next_run_time))
        taken = self._insert_script(self._script_keys, arguments)
        if taken is not None:
            raise ConflictingIdError(bytes(taken).decode())

    @override
    def fetch_row(self, job_id: str) -> Row | None:
        return next(iter(self._fetch_some([job_id])), None)

    def _fetch_some(self, ids: Sequence[str | bytes]) -> list[Row]:
        if not ids:
            return []
        jobs, _, versions, records = self._keys
        with self.redis.pipeline(transaction=True) as pipeline:
            for key in (jobs, versions, records):
                pipeline.hmget(key, ids)
            found = pipeline.execute()
        return _rows(ids, *found)

    @override
    def fetch_rows(self) -> Sequence[Row]:
        jobs, _, versions, records = self._keys
        with self.redis.pipeline(transaction=True) as pipeline:
            for key in (jobs, versions, records):
                pipeline.hgetall(key)
            by_id, version_of, record_of = pipeline.execute()
        ids = list(by_id)
        return _rows(ids, by_id.values(), (version_of.get(one) for one in ids), (record_of.get(one) for one in ids))

    @override
    def fetch_due_rows(self, until: Instant) -> Sequence[Row]:
        # A score is a float: beyond the year 2255 it is not exact to the microsecond, the version has the exact time.
        rows = self._fetch_some(self.redis.zrangebyscore(self.run_times_key, "-inf", until))
        return [row for row in rows if row.next_run_time is not None and row.next_run_time <= until]

    @override
    def earliest_run_time(self) -> Instant | None:
        first = self.redis.zrange(self.run_times_key, 0, 0, withscores=True)
        if not first:
            return None
        score = first[0][1]
        rows = self._fetch_some(self.redis.zrangebyscore(self.run_times_key, "-inf", score))
        if any(row.problem for row in rows):
            raise ValueError("the next run time of a job is damaged")
        return min((row.next_run_time for row in rows if row.next_run_time is not None), default=None)

    @override
    def change_rows(self, changes: Sequence[RowChange]) -> Sequence[bool]:
        arguments: list[bytes | str] = []
        for change in changes:
            arguments += [
                change.id,
                _expected(change.uid, change.version),
                _version(change.uid, change.version + 1, change.next_run_time),
                _score(change.next_run_time),
                change.definition or b"",
                change.record or b"",
            ]
        return [bool(done) for done in self._change_script(self._script_keys, arguments)]

    @override
    def remove_row(self, job_id: str, uid: str | None = None, version: int | None = None) -> bool:
        expected = "" if uid is None or version is None else _expected(uid, version)
        return bool(self._remove_script(self._script_keys, [job_id, expected]))

    @override
    def clear_rows(self) -> None:
        self._clear_script(self._script_keys)

    # -- changes of others

    @override
    def kept_versions(self) -> Mapping[str, tuple[str, int]]:
        found = self.redis.hgetall(self._keys[2])
        parts = ((bytes(job_id).decode(), _parts_of(version)) for job_id, version in found.items())
        return {job_id: known_version(uid, number(known), job_id) for job_id, (uid, known, _) in parts}

    @override
    def change_number(self) -> int | None:
        return int(self.redis.get(self._changes_key) or 0)

    @override
    def listen(self, changed: Callable[[], None]) -> Callable[[], None] | None:
        return listen(self._listening, changed)

    @contextmanager
    def _listening(self) -> Iterator[Wait]:
        with self.redis.pubsub(ignore_subscribe_messages=True) as subscription:
            subscription.subscribe(self._changes_key)
            yield lambda seconds: subscription.get_message(timeout=seconds) is not None

    @override
    def announce(self) -> None:
        self.redis.publish(self._changes_key, "")

    # -- leases

    @override
    def fetch_lease(self, name: str) -> LeaseRow | None:
        found = self.redis.hget(self._leases_key, name)
        if found is None:
            return None
        version, _, document = bytes(found).partition(b" ")
        return LeaseRow(int(version), document)

    @override
    def put_lease(self, name: str, version: int | None, document: bytes) -> bool:
        expected, written = ("", 1) if version is None else (str(version), version + 1)
        return bool(self._put_lease_script([self._leases_key], [name, expected, b"%d %b" % (written, document)]))

    @override
    def drop_lease(self, name: str, version: int) -> bool:
        return bool(self._drop_lease_script([self._leases_key], [name, version]))


def _expected(uid: str, version: int) -> str:
    return f"{uid}:{version}:"


def _version(uid: str, version: int, next_run_time: Instant | None) -> str:
    return f"{_expected(uid, version)}{_score(next_run_time)}"


def _score(next_run_time: Instant | None) -> str:
    return "" if next_run_time is None else str(next_run_time)


def _rows(
    ids: Iterable[str | bytes],
    definitions: Iterable[bytes | None],
    versions: Iterable[bytes | None],
    records: Iterable[bytes | None],
) -> list[Row]:
    rows: list[Row] = []
    for job_id, definition, version, record in zip(ids, definitions, versions, records, strict=True):
        if definition is None:
            continue
        uid, known, time = _parts_of(version)
        rows.append(
            row_of(
                job_id if isinstance(job_id, str) else job_id.decode(),
                uid=uid,
                version=number(known),
                next_run_time=number(time) if time else None,
                definition=definition,
                record=record,
            )
        )
    return rows


def _parts_of(version: bytes | None) -> list[str]:
    """Return the UID, the version and the next run time that a version has, as far as it is whole."""
    parts = (version or b"").decode(errors="replace").split(":")
    return [*parts, "", "", ""][:3]
