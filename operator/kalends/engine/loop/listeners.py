"""Notifies listeners of recorded decisions: none of them can stop the loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from kalends.engine.core.state import Ref
from kalends.engine.ports import Listener, Notice

log = logging.getLogger(__name__)

Tell = Callable[[Ref, Sequence[Notice]], None]
"""Notifies of decisions about one resource."""


class Listeners:
    """All listeners of a scheduler."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners

    def tell(self, ref: Ref, notices: Sequence[Notice]) -> None:
        """Notify the listeners of recorded decisions."""
        for notice in notices:
            for listener in self._listeners:
                try:
                    listener.notice(notice)
                except Exception:  # a failing listener must not stop the loop
                    log.exception("%s: a listener failed", ref.key)
