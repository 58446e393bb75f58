"""A bound on log lines that a fault outside can cause by the thousand."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict

PER_MINUTE = 10
MINUTE = 60.0
REMEMBERED = 100


class LogLimit(logging.Filter):
    """Lets through ten lines a minute of each kind; the first line of the next minute says how many were left out.

    A kind is a text before its arguments are filled in. asyncio logs a traceback for each connection that it cannot
    accept, or that breaks in an unusual way.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds: OrderedDict[str, tuple[float, int]] = OrderedDict()
        """Begin of the minute, and how many lines there were in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is written."""
        now = time.monotonic()
        kind = str(record.msg)[:200]
        begun, lines = self._kinds.get(kind, (now, 0))
        if now - begun >= MINUTE:
            if lines > PER_MINUTE:
                record.msg = f"{record.msg} (and {lines - PER_MINUTE} more of its kind before)"
            begun, lines = now, 0
        self._kinds[kind] = (begun, lines + 1)
        self._kinds.move_to_end(kind)
        while len(self._kinds) > REMEMBERED:
            self._kinds.popitem(last=False)
        return lines < PER_MINUTE
