"""Waits for conditions that another process fulfils."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds."""


class NotInTime(AssertionError):
    """A condition was not fulfilled in time: a fault, or a machine that was too busy."""


def eventually(claim: Callable[[], T], *, within: float = PATIENCE, every: float = 0.1) -> T:
    """Return what ``claim`` returns once it is true. An AssertionError in it means: not yet.

    Raises:
        NotInTime: It did not become true within so many seconds. The last AssertionError is the cause.
    """
    deadline = time.monotonic() + within
    while True:
        late = time.monotonic() > deadline
        try:
            found = claim()
        except AssertionError as error:
            if late:
                raise NotInTime(f"not within {within:g} s: {error}") from error
        else:
            if found:
                return found
            if late:
                raise NotInTime(f"not within {within:g} s: {claim}")
        time.sleep(every)
