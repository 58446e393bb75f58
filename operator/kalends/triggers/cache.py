"""Triggers that were built before: what their searches have found outlives edits that do not concern them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from kalends.errors import InvalidSchedule
from kalends.triggers.protocol import Trigger
from kalends.triggers.rules.remembered import RememberedTrigger

MOST_KEPT = 10_000
"""Beyond that many, those that were not asked for the longest are built anew when they are."""


class TriggerCache:
    """Keeps the triggers that have to search, and refusals, by all that they are made from."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Trigger | InvalidSchedule] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, build: Callable[[], Trigger]) -> Trigger:
        """Return the trigger of a key, built now if it is not kept.

        Raises:
            InvalidSchedule: It cannot be built.
        """
        found = self._kept.get(key)
        if found is None:
            try:
                found = build()
            except InvalidSchedule as refused:
                found = refused
            if not isinstance(found, (RememberedTrigger, InvalidSchedule)):
                return found  # it costs less to build than to keep
            self._kept[key] = found
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        if isinstance(found, InvalidSchedule):
            raise found.with_traceback(None)
        return found
