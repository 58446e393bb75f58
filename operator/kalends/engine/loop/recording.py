"""Writes what was decided about a resource into its record, and reads the record again after a conflict."""

from __future__ import annotations

import logging

from kalends.clock import Clock
from kalends.engine.core.compiler import Compiler
from kalends.engine.core.definition import Problem
from kalends.engine.core.facts import Decision
from kalends.engine.core.state import State
from kalends.engine.loop.entry import Entry, Next
from kalends.engine.loop.listeners import Tell
from kalends.engine.loop.queues.backoff import Backoff
from kalends.engine.ports import JobStore, Removed
from kalends.errors import Conflict, Gone, Refused, Unavailable
from kalends.model.reasons import Reason

log = logging.getLogger(__name__)

REFUSED_WRITE_PAUSE = 300.0
"""Seconds between two tries to write a record that is refused for what the resource holds besides: until a user
corrects that, which is noticed at once, each try costs the API server a full validation and changes nothing."""


class Recorder:
    """Keeps the entry of a resource and its record in the store in step."""

    def __init__(self, clock: Clock, store: JobStore, compiler: Compiler, backoff: Backoff, tell: Tell) -> None:
        self._clock = clock
        self._store = store
        self._compiler = compiler
        self._backoff = backoff
        self._tell = tell

    async def record(self, entry: Entry, decision: Decision) -> None:
        """Write the record of a decision under the version that it was made from, and notify the listeners.

        Raises:
            Conflict: There was another write since.
            Gone: The resource was deleted.
            Refused: The API server does not accept the record.
            Unavailable: The store cannot be reached; the write may or may not have happened.
        """
        before = entry.record
        written = decision.state == before and (decision.foreign or not entry.snapshot.incomplete)
        if written or decision.unrecorded:
            return
        # What stands there and cannot be read is left alone: only what the decision adds is written.
        unread = before is None and entry.snapshot.record_problem is not None
        before = State(armed=decision.state.armed) if unread else before
        entry.unanswered = True
        # Before it is sent: without an answer, the write may still arrive. A later decision, made with another clock or
        # in another term, must not start a claim that the record then says has ended.
        entry.runs.reports.update(decision.unstarted)
        sent = self._clock.monotonic()
        version = await self._store.write(entry.ref, entry.version, before, decision.state, keeps_unread=unread)
        entry.write_seconds = self._clock.monotonic() - sent
        entry.recorded(version, decision.state)
        self._tell(entry.ref, decision.notices)

    async def remove(self, entry: Entry) -> None:
        """Delete a resource whose schedule has ended; the errors are those of ``record``."""
        await self._store.delete(entry.ref, entry.version)
        if entry.removed:
            return
        entry.removed = True
        message = "its schedule has ended, and `ttlSecondsAfterFinished` is over"
        self._tell(entry.ref, [Removed(entry.ref, message)])

    async def read_again(self, entry: Entry) -> Next:
        """Read the record after a conflict: another write came in between, or our own write got no answer."""
        awaited = entry.awaited
        try:
            stored = await self._store.read(entry.ref)
        except (Gone, Unavailable, Conflict) as error:
            return self._backoff.later(entry, str(error))
        if entry.forgotten:
            return Next.WAIT
        entry.adopt(self._compiler.compile(stored), self._clock.monotonic())
        if entry.awaited == awaited:
            entry.awaited = 0  # the store answers with the newest version, so it has arrived
        return Next.DECIDE_AGAIN

    def refused(self, entry: Entry, error: Refused) -> Next:
        """The record itself is not accepted: writing it again would change nothing, so its conditions say so once."""
        if entry.fault is not None:
            return self._backoff.later(entry, str(error), at_least=REFUSED_WRITE_PAUSE)
        log.error("%s: the record is refused: %s", entry.ref.key, error)
        entry.record_refused = True
        entry.fault = Problem(Reason.INTERNAL_ERROR, f"its record is refused: {error}"[:1024])
        return Next.DECIDE_AGAIN
