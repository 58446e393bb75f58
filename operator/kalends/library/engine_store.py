"""The job stores of a scheduler as one store of its engine: records that are written together go in one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from kalends.engine.core.definition import Stored
from kalends.engine.core.state import Instant, Ref, State
from kalends.errors import Conflict, Gone, Unavailable
from kalends.jobstores.base import JobLookupError, KeptJob, RecordingJobStore, RecordWrite
from kalends.leases.blocking import StoreCalls
from kalends.library.definitions import stored_of

MOST_AT_ONCE = 1000
"""Records in one call of a store."""
NOT_ACTING = "another scheduler may act for this job store by now"
_T = TypeVar("_T")


@dataclass(slots=True)
class _Waiting:
    """A record that is to be written, and the answer to the engine."""

    write: RecordWrite
    answer: asyncio.Future[int | Exception | None]
    decides: bool
    """Whether it records more than ends of runs."""


@dataclass(frozen=True, slots=True)
class _Calls:
    """The calls of a store. Those that hang are abandoned, and block neither the others nor the end of the process.

    A write that is abandoned and carried out later does no harm: it names the version that it replaces.
    """

    writes: StoreCalls = field(default_factory=lambda: StoreCalls(limit=None))
    others: StoreCalls = field(default_factory=lambda: StoreCalls(limit=None))


class EngineStore:
    """Implements the engine's ``JobStore``. A resource's namespace is the alias of its job store."""

    def __init__(
        self,
        stores: Mapping[str, RecordingJobStore],
        removed: Callable[[Ref], None],
        acts_for: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Return a store.

        Args:
            stores: The job stores by alias; the scheduler may add and remove some.
            removed: Receives each job that was removed because it has ended, or by another process.
            acts_for: Whether this scheduler may act for a store at the moment. It is asked right before each write of a
                decision. The ends of runs are written always.
        """
        self._stores = stores
        self._removed = removed
        self._acts_for = acts_for
        self._calls: dict[str, _Calls] = {}
        self._waiting: dict[str, list[_Waiting]] = {}
        self._writers: dict[str, asyncio.Task[None]] = {}

    async def write(
        self, ref: Ref, version: str, before: State | None, after: State, *, keeps_unread: bool = False
    ) -> str:
        """Record a state."""
        write = RecordWrite(ref.name, ref.uid, int(version), after, before, keeps_unread)
        decides = _decides(before, after)
        store = self._store(ref)
        if not store.blocks:
            (written,) = self._called(store.write_records, [write])
        else:
            waiting = _Waiting(write, asyncio.get_running_loop().create_future(), decides)
            self._waiting.setdefault(ref.namespace, []).append(waiting)
            if ref.namespace not in self._writers:
                self._writers[ref.namespace] = asyncio.create_task(self._write_all(ref.namespace, store))
            written = await waiting.answer
        if isinstance(written, Exception):
            raise written
        if written is None:
            raise Conflict(f"job {ref.name!r} was changed or removed since")
        return str(written)

    async def _write_all(self, alias: str, store: RecordingJobStore) -> None:
        """Write what waits until nothing waits any more: one call for all that came during the call before."""
        try:
            await asyncio.sleep(0)  # others that are decided in the same pass come along
            while batch := self._waiting.pop(alias, []):
                rest = batch[MOST_AT_ONCE:]
                if rest:
                    self._waiting[alias] = rest
                await self._write_batch(alias, store, batch[:MOST_AT_ONCE])
        finally:
            del self._writers[alias]

    async def _write_batch(self, alias: str, store: RecordingJobStore, batch: Sequence[_Waiting]) -> None:
        if not self._acts_for(alias):
            for one in batch:
                if one.decides and not one.answer.done():
                    one.answer.set_exception(Unavailable(NOT_ACTING))
            batch = [one for one in batch if not one.decides]
        writes = [one.write for one in batch]
        try:
            versions = await self._calls_of(alias).writes.call(self._called, store.write_records, writes)
        except Exception as error:  # noqa: BLE001 - each writer gets it
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        for one, version in zip(batch, versions, strict=True):
            if not one.answer.done():
                one.answer.set_result(version)

    async def read(self, ref: Ref) -> Stored:
        """Return the job as it now is."""
        store = self._store(ref)
        kept = await self._call(ref, store, _found, store, ref.name)
        if kept is None:
            self._removed(ref)
            raise Gone(f"job {ref.name!r} was removed")
        if kept.uid != ref.uid:
            raise Gone(f"job {ref.name!r} was removed, and another one added")
        return stored_of(ref.namespace, kept)

    async def delete(self, ref: Ref, version: str) -> None:
        """Remove a job that has ended."""
        store = self._store(ref)
        if not self._acts_for(ref.namespace):
            raise Unavailable(NOT_ACTING)
        if not await self._call(ref, store, store.remove_version, ref.name, ref.uid, int(version)):
            raise Conflict(f"job {ref.name!r} was changed or removed since")
        self._removed(ref)

    def _store(self, ref: Ref) -> RecordingJobStore:
        store = self._stores.get(ref.namespace)
        if store is None:
            raise Gone(f"the job store {ref.namespace!r} was removed")
        return store

    async def _call(self, ref: Ref, store: RecordingJobStore, function: Callable[..., _T], *args: object) -> _T:
        if not store.blocks:
            return self._called(function, *args)
        return await self._calls_of(ref.namespace).others.call(self._called, function, *args)

    def _calls_of(self, alias: str) -> _Calls:
        return self._calls.setdefault(alias, _Calls())

    async def close(self, seconds: float) -> None:
        """Wait for the active calls for up to so many seconds, and abandon them: nothing is recorded any more."""
        active = [calls for one in self._calls.values() for calls in (one.writes, one.others)]
        await asyncio.gather(*(calls.end(seconds) for calls in active))

    @staticmethod
    def _called(function: Callable[..., _T], *args: object) -> _T:
        try:
            return function(*args)
        except Unavailable:
            raise
        except Exception as error:
            raise Unavailable(f"the job store failed: {type(error).__name__}: {error}") from error


def _found(store: RecordingJobStore, job_id: str) -> KeptJob | None:
    try:
        return store.kept_job(job_id)
    except JobLookupError:
        return None


def _decides(before: State | None, after: State) -> bool:
    """Return whether a record has decisions that the record before it had not: fire times, or claims of runs."""
    if before is None or (before.cursor, before.armed) != (after.cursor, after.armed):
        return True
    return not (_runs(after) <= _runs(before) and _claims(after) <= _claims(before))


def _runs(record: State) -> set[tuple[Instant, str]]:
    """Return what the active runs are for: attempts share it, so that a run that waits for its next one is not new."""
    return {(run.fire_time, run.request) for run in record.active}


def _claims(record: State) -> set[tuple[str, str]]:
    return {(run.name, run.holder) for run in record.active if run.retry_at is None}
