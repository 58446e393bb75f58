"""Tracebacks of failed tasks, as short, redacted text for the log. They are not part of a status."""

from __future__ import annotations

import contextlib
import traceback
from types import TracebackType
from typing import cast

from kalends.executors.results import clean, error_text

MOST_FRAMES = 20
"""The innermost frames of each exception: those of a deep recursion say the same again and again."""
MOST_ERRORS = 3
"""The exception, what caused it, and what caused that."""
LONGEST = 2 * 1024
"""Bytes of UTF-8 for each exception."""


def traceback_text(error: BaseException) -> str:
    """Return where an exception was raised, and where its causes were, the first cause first.

    It never raises: the exception, the loader of its module and its source file belong to the task.
    """
    parts: list[str] = []
    found: BaseException | None = error
    while found is not None and len(parts) < MOST_ERRORS:
        parts.append(_with_frames(found))
        found = _cause_of(found)
    return "\n".join(reversed(parts))


def _with_frames(error: BaseException) -> str:
    frames = ""
    with contextlib.suppress(BaseException):
        frames = "".join(reversed(_innermost_first(_attribute(error, "__traceback__"))))
    heading = "Traceback (most recent call last):\n" if frames else ""
    return f"{heading}{frames}{error_text(error)}"


def _innermost_first(found: object) -> list[str]:
    """Return the innermost frames that fit; each is cleaned by itself, so that a cut hides no half of a secret."""
    shown: list[str] = []
    left = LONGEST
    for frame in reversed(traceback.format_tb(cast("TracebackType | None", found), limit=-MOST_FRAMES)):
        text = clean(frame) + "\n"
        left -= len(text.encode())
        if left < 0:
            break
        shown.append(text)
    return shown


def _cause_of(error: BaseException) -> BaseException | None:
    cause = _attribute(error, "__cause__")
    if cause is None and not _attribute(error, "__suppress_context__"):
        cause = _attribute(error, "__context__")
    return cast("BaseException | None", cause)


def _attribute(error: BaseException, name: str) -> object:
    """Return an attribute as the interpreter keeps it: the exception's own class may have a property of that name."""
    return BaseException.__dict__[name].__get__(error)
