"""How log records are written: as text or as JSON, one line for each message, and how many of a kind in a minute."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from datetime import UTC, datetime

import orjson

LINE = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"
PER_MINUTE = 10
MINUTE = 60.0
REMEMBERED = 100


class JsonLines(logging.Formatter):
    """One JSON object a line, with the fields of the record beside its message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        elif task_traceback := _task_traceback(record):
            line["exception"] = task_traceback
        return orjson.dumps(line).decode()


class TextLines(logging.Formatter):
    """One line a message: a line break would let users forge the next line. Lines of a traceback are indented."""

    converter = staticmethod(time.gmtime)

    def __init__(self, line: str = LINE) -> None:
        super().__init__(line, "%Y-%m-%dT%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Return the line, without the exception that may follow it, and the lines of a task's traceback."""
        record.message = _printable(record.message)
        traceback = "".join(f"\n    {_printable(line)}" for line in _task_traceback(record).splitlines())
        return super().formatMessage(record) + traceback


def _task_traceback(record: logging.LogRecord) -> str:
    return str(getattr(record, "task_traceback", ""))


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


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
