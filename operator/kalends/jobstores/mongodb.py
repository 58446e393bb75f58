"""A job store in a collection of MongoDB."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from typing_extensions import override

from kalends.clock import Clock
from kalends.engine.core.state import Instant
from kalends.errors import UnknownLayout
from kalends.jobstores.base import ConflictingIdError
from kalends.jobstores.common.layouts import LAYOUT, migrate
from kalends.jobstores.common.lease_rows import LeaseRow
from kalends.jobstores.common.notices import Wait, listen
from kalends.jobstores.row_values import Row, RowChange, known_version, row_of, time_in
from kalends.jobstores.rows import RowJobStore
from kalends.references import object_of

try:
    from bson.binary import Binary
    from bson.int64 import Int64
    from pymongo import ASCENDING, MongoClient, UpdateOne
    from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError
    from pymongo.write_concern import WriteConcern
except ImportError as error:
    raise ImportError("MongoDBJobStore needs the package pymongo: pip install 'kalends[mongodb]'") from error

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler

_DUPLICATE_KEY = 11000
CHANGES = "#changes"
"""The document beside the leases whose version counts the changes of jobs."""
_CHANGED = [{"$match": {"documentKey._id": CHANGES}}]
_IDS_AT_ONCE = 1000
_FOREIGN = {"uid": {"$exists": False}, "definition": {"$exists": False}}
"""The documents of another program. A document of Kalends may be damaged."""


class MongoDBJobStore(RowJobStore):
    """Keeps jobs in a collection. Several processes may use it: each write names the version that it replaces.

    It uses only operations on single documents, which MongoDB carries out atomically: a replica set is not needed.
    Many jobs are therefore added one by one; if one conflicts, those before it are removed again.

    Args:
        database: The database.
        collection: The collection. A second collection, ``<collection>_layout``, has the version of the
            layout, a third, ``<collection>_leases``, the leases.
        client: A client in place of a connection of the store, or a reference to it.
        pickle_protocol: The protocol of pickles.
        serializer: ``"json"`` or ``"pickle"``, see ``RowJobStore``.
        clock: Says when a job was created and edited.
        connect_args: Arguments of ``pymongo.MongoClient``; ``w``, the write concern, is ``"majority"`` by default.

    Raises:
        ValueError: A name is empty.
    """

    def __init__(
        self,
        database: str = "kalends",
        collection: str = "jobs",
        client: Any = None,
        pickle_protocol: int = pickle.HIGHEST_PROTOCOL,
        *,
        serializer: str = "json",
        clock: Clock | None = None,
        **connect_args: Any,
    ) -> None:
        super().__init__(serializer, pickle_protocol, clock)
        if not database:
            raise ValueError('The "database" parameter must not be empty')
        if not collection:
            raise ValueError('The "collection" parameter must not be empty')
        self._owns_client = client is None
        self._connect_args = {"w": "majority"} | connect_args
        self.client: Any = MongoClient(**self._connect_args) if client is None else object_of(client)
        self._is_closed = False
        self._names = database, collection

    @property
    def collection(self) -> Any:
        """The collection of the jobs."""
        database, collection = self._names
        return self.client[database][collection]

    @property
    def _layout(self) -> Any:
        database, collection = self._names
        return self.client[database][f"{collection}_layout"]

    @property
    def _leases(self) -> Any:
        database, collection = self._names
        # A lease that a new primary does not know could have two holders, whatever the given client asks for.
        concern = WriteConcern(**{**self.client.write_concern.document, "w": "majority"})
        return self.client[database].get_collection(f"{collection}_leases", write_concern=concern)

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        super().start(scheduler, alias)
        if self._is_closed:  # a client that was closed cannot be used again
            self.client, self._is_closed = MongoClient(**self._connect_args), False
        place = f"the collection {'.'.join(self._names)!r}"
        if self.collection.find_one(_FOREIGN, {"_id": 1}) is not None:
            raise UnknownLayout(
                f"{place} must be empty or of Kalends, and another program has documents in it: use another collection"
            )
        self.collection.create_index([("next_run_time", ASCENDING)], sparse=True)
        with suppress(DuplicateKeyError):
            self._layout.insert_one({"_id": "layout", "version": LAYOUT})
        found = int(self._layout.find_one({"_id": "layout"})["version"])
        if migrate(found, self.collection, place=place) != found:
            self._layout.update_one({"_id": "layout"}, {"$set": {"version": LAYOUT}})

    @override
    def shutdown(self) -> None:
        if self._owns_client:
            self.client.close()
            self._is_closed = True

    # -- the operations on rows

    @override
    def insert_rows(self, rows: Sequence[Row]) -> None:
        self.announce()
        try:
            self.collection.insert_many([_document(row) for row in rows], ordered=True)
        except BulkWriteError as error:
            (failed,) = error.details["writeErrors"]
            number = failed["index"]
            for row in rows[:number]:
                self.remove_row(row.id, row.uid)
            if failed["code"] != _DUPLICATE_KEY:
                raise
            raise ConflictingIdError(rows[number].id) from error
        finally:
            self.announce()

    @override
    def fetch_row(self, job_id: str) -> Row | None:
        found = self.collection.find_one({"_id": job_id})
        return None if found is None else _row(found)

    @override
    def fetch_rows(self) -> Sequence[Row]:
        return [_row(found) for found in self.collection.find({})]

    @override
    def fetch_due_rows(self, until: Instant) -> Sequence[Row]:
        return [_row(found) for found in self.collection.find({"next_run_time": {"$lte": until}})]

    @override
    def earliest_run_time(self) -> Instant | None:
        has_one = {"next_run_time": {"$exists": True}}
        found = self.collection.find_one(has_one, {"next_run_time": 1}, sort=[("next_run_time", ASCENDING)])
        return None if found is None else time_in(found["next_run_time"])

    @override
    def change_rows(self, changes: Sequence[RowChange]) -> Sequence[bool]:
        if all(change.definition is None for change in changes):
            return self._change(changes)
        self.announce()
        try:
            return self._change(changes)
        finally:
            self.announce()

    def _change(self, changes: Sequence[RowChange]) -> Sequence[bool]:
        writer = uuid4().hex
        updates = [(_same(change), _update(change, writer)) for change in changes]
        if len(updates) == 1:
            return [self.collection.update_one(*updates[0]).matched_count == 1]
        result = self.collection.bulk_write([UpdateOne(*update) for update in updates], ordered=False)
        if result.matched_count == len(changes):
            return [True] * len(changes)
        # MongoDB counts the documents that it wrote, and does not name them: the writer's mark does. A document that
        # was written again since counts as not written, and is read again by the caller.
        written = {
            found["_id"]
            for start in range(0, len(changes), _IDS_AT_ONCE)
            for found in self.collection.find(
                {"_id": {"$in": [change.id for change in changes[start : start + _IDS_AT_ONCE]]}, "writer": writer},
                {"_id": 1},
            )
        }
        return [change.id in written for change in changes]

    @override
    def remove_row(self, job_id: str, uid: str | None = None, version: int | None = None) -> bool:
        wanted: dict[str, Any] = {"_id": job_id}
        if uid is not None:
            wanted["uid"] = uid
        if version is not None:
            wanted["version"] = version
        removed = bool(self.collection.delete_one(wanted).deleted_count)
        if uid is None:  # what the acting scheduler removes it knows
            self.announce()
        return removed

    @override
    def clear_rows(self) -> None:
        self.collection.delete_many({})
        self.announce()

    # -- changes of others

    @override
    def kept_versions(self) -> Mapping[str, tuple[str, int]]:
        found = self.collection.find({}, {"uid": 1, "version": 1})
        return {one["_id"]: known_version(one.get("uid"), one.get("version"), one["_id"]) for one in found}

    @override
    def change_number(self) -> int | None:
        found = self._leases.find_one({"_id": CHANGES})
        return 0 if found is None else int(found["version"])

    @override
    def listen(self, changed: Callable[[], None]) -> Callable[[], None] | None:
        try:
            self._leases.watch(_CHANGED, max_await_time_ms=1).close()
        except PyMongoError:  # only replica sets and sharded clusters have change streams
            return None
        return listen(self._listening, changed)

    @contextmanager
    def _listening(self) -> Iterator[Wait]:
        with self._leases.watch(_CHANGED, max_await_time_ms=1000) as stream:
            yield lambda _: stream.try_next() is not None

    @override
    def announce(self) -> None:
        # Documents and this number are not written in one step. A change is counted before and after it, so that it is
        # noticed also if its writer ends in between, unless that is read in between, too.
        self._leases.update_one({"_id": CHANGES}, {"$inc": {"version": Int64(1)}}, upsert=True)

    # -- leases

    @override
    def fetch_lease(self, name: str) -> LeaseRow | None:
        found = self._leases.find_one({"_id": name})
        return None if found is None else LeaseRow(int(found["version"]), bytes(found["document"]))

    @override
    def put_lease(self, name: str, version: int | None, document: bytes) -> bool:
        if version is None:
            try:
                self._leases.insert_one({"_id": name, "version": Int64(1), "document": Binary(document)})
            except DuplicateKeyError:
                return False
            return True
        new = {"version": Int64(version + 1), "document": Binary(document)}
        return bool(self._leases.update_one({"_id": name, "version": version}, {"$set": new}).matched_count)

    @override
    def drop_lease(self, name: str, version: int) -> bool:
        return bool(self._leases.delete_one({"_id": name, "version": version}).deleted_count)

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} (client={self.client})>"


def _document(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {
        "_id": row.id,
        "uid": row.uid,
        "version": Int64(row.version),
        "definition": Binary(row.definition),
    }
    if row.next_run_time is not None:
        found["next_run_time"] = Int64(row.next_run_time)
    if row.record is not None:
        found["record"] = Binary(row.record)
    return found


def _row(found: Mapping[str, Any]) -> Row:
    return row_of(
        found["_id"],
        uid=found.get("uid"),
        version=found.get("version"),
        next_run_time=found.get("next_run_time"),
        definition=found.get("definition"),
        record=found.get("record"),
    )


def _same(change: RowChange) -> dict[str, Any]:
    return {"_id": change.id, "uid": change.uid, "version": change.version}


def _update(change: RowChange, writer: str) -> dict[str, Any]:
    new: dict[str, Any] = {"version": Int64(change.version + 1), "writer": writer}
    if change.definition is not None:
        new["definition"] = Binary(change.definition)
    if change.record is not None:
        new["record"] = Binary(change.record)
    if change.next_run_time is None:
        return {"$set": new, "$unset": {"next_run_time": ""}}  # the index leaves out what is not there
    return {"$set": new | {"next_run_time": Int64(change.next_run_time)}}
