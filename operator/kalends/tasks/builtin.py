"""Two harmless tasks for examples and tests. They reach neither the network nor a shell."""

from __future__ import annotations

import time
from typing import Any

from kalends.tasks.context import current_run
from kalends.tasks.registry import task


@task(name="kalends.echo")
def echo(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the arguments."""
    return {"args": list(args), "kwargs": kwargs}


@task(name="kalends.sleep")
def sleep(seconds: float) -> float:
    """Sleep for so many seconds, and return how many it has slept: fewer if its end was wanted before."""
    begun = time.monotonic()
    return round(time.monotonic() - begun, 3) if current_run().wait(seconds) else seconds
