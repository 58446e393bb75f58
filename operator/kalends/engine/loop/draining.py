"""Waiting at the end of the process, for so long at most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kalends.clock import Clock

FINISHING = 0.5
"""Grace for other writes in flight at shutdown, in seconds. The next leader repairs a write that was interrupted."""
RECORDING = 5.0
"""Seconds that writes may take at shutdown, before and after runs were given time to end."""


async def wait_while(clock: Clock, claim: Callable[[], bool], at_most: float) -> bool:
    """Wait while a claim holds, for ``at_most`` so many seconds; return whether it holds no more."""
    ends_at = clock.monotonic() + at_most
    while claim():
        if clock.monotonic() > ends_at:
            return False
        await asyncio.sleep(0.01)
    return True
