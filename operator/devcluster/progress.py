"""Reports the progress of slow steps to the user."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]
"""Takes one line for a human to read."""


def to_stderr(line: str) -> None:
    """Write the line at once, so that it is seen before the slow step, not after it."""
    print(line, file=sys.stderr, flush=True)


def discard(line: str) -> None:
    """Keep the line to ourselves."""


@contextmanager
def timed(say: Say, step: str) -> Iterator[None]:
    """Say that a step begins and, when it went well, how many seconds it took."""
    say(f"{step} ...")
    begun = time.monotonic()
    yield
    say(f"{step}: {time.monotonic() - begun:.0f} s")
