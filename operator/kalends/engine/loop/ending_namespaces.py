"""Namespaces that are being deleted: nothing can be created in them, and a finalizer may keep them so for days."""

from __future__ import annotations

import logging

from kalends.clock import Clock
from kalends.errors import NamespaceTerminating

log = logging.getLogger(__name__)

TRY_AGAIN = 300.0
"""Seconds between two creations that are tried in such a namespace."""


class EndingNamespaces:
    """Remembers namespaces that are being deleted, so that a single resource in each is tried from time to time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def insist_on(self, namespace: str) -> None:
        """Allow a start in a namespace that is not known to be deleted, or is due to be tried again.

        Raises:
            NamespaceTerminating: It is being deleted.
        """
        until = self._until.get(namespace)
        if until is None:
            return
        if self._clock.monotonic() < until:
            raise NamespaceTerminating(f"the namespace {namespace} is being deleted")
        self._until[namespace] = self._clock.monotonic() + TRY_AGAIN  # only this start is tried

    def leave_alone(self, namespace: str) -> float:
        """Take note that a namespace is being deleted; return until when, by the monotonic clock, it is left alone."""
        if namespace not in self._until:
            log.info("namespace %s is being deleted: no Job is created in it until it is seen to be there", namespace)
            self._until[namespace] = self._clock.monotonic() + TRY_AGAIN
        return self._until[namespace]

    def revive(self, namespace: str) -> None:
        """Forget a namespace in which something was created."""
        self._until.pop(namespace, None)
