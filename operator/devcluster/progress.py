"""Reports the progress of slow steps to the user."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]
"""Receives one line of progress for the user."""


def to_stderr(line: str) -> None:
    """Write and flush the line, so that it appears before the slow step."""
    print(line, file=sys.stderr, flush=True)


def discard(line: str) -> None:
    """Discard the line."""


@contextmanager
def timed(say: Say, step: str) -> Iterator[None]:
    """Report the start of a step and, if it succeeds, its duration."""
    say(f"{step} ...")
    begun = time.monotonic()
    yield
    say(f"{step}: {time.monotonic() - begun:.0f} s")
