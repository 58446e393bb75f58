"""Namespaces that are being deleted: nothing can be created in them, and a finalizer may keep them so for days."""

from __future__ import annotations

import logging
import math

from kalends.clock import Clock
from kalends.engine.core.refused_starts import ANY_FIRE_TIME, NEGLIGIBLE_PAUSE, RefusedStarts
from kalends.errors import NamespaceTerminating

log = logging.getLogger(__name__)

TRY_AGAIN = 3600.0
"""Seconds between two creations that are tried in such a namespace. A deletion cannot be taken back, so this is only
for an answer that was wrong."""


class EndingNamespaces:
    """Remembers namespaces that are being deleted, so that nothing is created in them or decided about their Jobs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def __contains__(self, namespace: str) -> bool:
        return namespace in self._until

    def require_open(self, namespace: str) -> None:
        """Allow a start in a namespace that is not known to be deleted, or is due to be tried again.

        Raises:
            NamespaceTerminating: It is being deleted.
        """
        if namespace not in self._until:
            return
        if self._is_left_alone(namespace):
            raise NamespaceTerminating(f"the namespace {namespace} is being deleted")
        self._until[namespace] = self._clock.monotonic() + TRY_AGAIN  # only this start is tried

    def add(self, namespace: str) -> None:
        """Take note that a namespace is being deleted."""
        if namespace not in self._until:
            log.info("namespace %s is being deleted: no Job and no Event is created in it", namespace)
            self._until[namespace] = self._clock.monotonic() + TRY_AGAIN

    def refused_starts(self, namespace: str) -> RefusedStarts | None:
        """Return what this means for the Jobs of a resource: none starts, and no fire time is decided for now."""
        if not self._is_left_alone(namespace):
            return None
        message = f"the namespace {namespace} is being deleted"
        return RefusedStarts(message, 1, certain=False, up_to=ANY_FIRE_TIME, not_before=self._until[namespace])

    def _is_left_alone(self, namespace: str) -> bool:
        # As long as decisions leave it alone: a pause that they neglect must be neglected here, too.
        return self._clock.monotonic() < self._until.get(namespace, -math.inf) - NEGLIGIBLE_PAUSE

    def discard(self, namespace: str) -> None:
        """Forget a namespace in which something was created: it was created anew."""
        self._until.pop(namespace, None)
