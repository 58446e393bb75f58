"""A store in memory: definitions and records live as long as the process."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace as replaced

from kalends.clock import Clock
from kalends.engine.core.definition import Change, Definition, Deleted, Stored
from kalends.engine.core.state import Ref, State
from kalends.errors import AlreadyExists, Conflict, Gone
from kalends.stores.changes import Watches


class MemoryJobStore:
    """Keeps resources by key. It is a catalogue, and it keeps records; it keeps any definition, also ready triggers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._resources: dict[str, Stored] = {}
        self._version = 0
        self._watches = Watches()

    async def load(self) -> Sequence[Stored]:
        """Return every resource as it now is."""
        return tuple(self._resources.values())

    async def put(self, namespace: str, name: str, definition: Definition, *, replace: bool = True) -> Stored:
        """Add a resource, or change what is wanted of the one of this name."""
        now = int(self._clock.now())
        known = self._resources.get(f"{namespace}/{name}")
        if known is None:
            ref = Ref(namespace, name, str(uuid.uuid4()))
            # A request is made by the caller, now: it comes from no backup.
            new = Stored(
                ref=ref,
                version=self._next_version(),
                generation=1,
                created=now,
                definition=definition,
                edited=now,
                restored=definition.restored,
                requested_later=True,
            )
        elif not replace:
            raise AlreadyExists(f"{known.ref.key} is there already")
        elif known.definition == definition:
            return known
        else:
            is_edit = known.definition is None or not definition.has_spec_of(known.definition)
            new = replaced(
                known,
                version=self._next_version(),
                generation=known.generation + is_edit,
                definition=definition,
                restored=definition.restored,
                edited=now if is_edit else known.edited,
            )
        self._resources[new.ref.key] = new
        self._watches.tell(new)
        return new

    async def remove(self, ref: Ref) -> None:
        """Delete a resource, whatever its version is."""
        del self._resources[self._find(ref).ref.key]
        self._watches.tell(Deleted(ref))

    def watch(self) -> AsyncIterator[Change]:
        """Return the changes from now on."""
        return self._watches.new()

    async def write(
        self, ref: Ref, version: str, before: State | None, after: State, *, keeps_unread: bool = False
    ) -> str:
        """Record a state."""
        del before, keeps_unread
        known = self._find_version(ref, version)
        new = replaced(known, version=self._next_version(), record=after, operator=after.operator)
        self._resources[ref.key] = new
        return new.version

    async def read(self, ref: Ref) -> Stored:
        """Return the resource as it now is."""
        return self._find(ref)

    async def delete(self, ref: Ref, version: str) -> None:
        """Delete the resource itself."""
        self._find_version(ref, version)
        await self.remove(ref)

    def _find(self, ref: Ref) -> Stored:
        known = self._resources.get(ref.key)
        if known is None or known.ref.uid != ref.uid:
            raise Gone(f"{ref.key} is not there")
        return known

    def _find_version(self, ref: Ref, version: str) -> Stored:
        known = self._find(ref)
        if known.version != version:
            raise Conflict(f"{ref.key} is at {known.version}, not at {version}")
        return known

    def _next_version(self) -> str:
        self._version += 1
        return str(self._version)
