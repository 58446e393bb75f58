"""Waits for what another process brings about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds."""


def eventually(claim: Callable[[], T], *, within: float = PATIENCE, every: float = 0.1) -> T:
    """Return what ``claim`` returns once it returns something true; its last AssertionError is raised when late."""
    deadline = time.monotonic() + within
    while True:
        try:
            found = claim()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        else:
            if found:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within:g} s: {claim}")
        time.sleep(every)
