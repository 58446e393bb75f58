"""A kopf operator that does nothing with every ScheduledJob, and says when it has been shown all of them.

What the operator's start is measured against: kopf with the same settings, its own login, and nothing of Kalends.

Usage: bare_kopf.py HOW_MANY, with KUBECONFIG in the environment.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import kopf


class NoDiffs(kopf.DiffBaseStorage):
    """Keeps nothing."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> Any:
        """Return nothing."""
        del body, extra_fields
        return {}

    def fetch(self, *, body: kopf.Body) -> Any:
        """Return nothing."""
        del body

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: Any) -> None:
        """Store nothing."""


class NoProgress(kopf.ProgressStorage):
    """Keeps nothing."""

    def fetch(self, *, key: Any, body: kopf.Body) -> Any:
        """Return nothing."""
        del key, body

    def store(self, **_: Any) -> None:
        """Store nothing."""

    def purge(self, **_: Any) -> None:
        """Purge nothing."""

    def touch(self, **_: Any) -> None:
        """Touch nothing."""

    def clear(self, *, essence: Any) -> Any:
        """Return what was given."""
        return essence


def main(how_many: int) -> None:
    """Run until ended; print one line once ``how_many`` objects were shown."""
    logging.basicConfig(level=logging.WARNING)
    settings = kopf.OperatorSettings()
    settings.queueing.idle_timeout = 0.05
    settings.queueing.worker_limit = None
    settings.watching.chunk_size = 500
    settings.persistence.diffbase_storage = NoDiffs()
    settings.persistence.progress_storage = NoProgress()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    registry = kopf.OperatorRegistry()
    left = how_many

    @kopf.on.login(registry=registry)
    async def log_in(**every: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_kubeconfig(**every)

    @kopf.on.event("kalends.dev", "v1alpha1", "scheduledjobs", registry=registry)
    async def shown(**_: Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            print("all were shown", flush=True)

    kopf.run(registry=registry, settings=settings, clusterwide=True, standalone=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
