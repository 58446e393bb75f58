"""How log records are written: as text or as JSON, one line for each message, whatever users wrote into it."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

import orjson

LINE = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
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
