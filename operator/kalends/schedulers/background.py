"""A scheduler that runs in background threads of a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from kalends.schedulers.base import BaseScheduler
from kalends.util import asbool


class BackgroundScheduler(BaseScheduler):
    """A scheduler whose ``start`` returns at once. The main program must keep running.

    Args:
        daemon: Whether the scheduler's thread lets the process end (default True).
    """

    @override
    def _configure(self, config: Mapping[str, Any]) -> None:
        self._daemon = asbool(config.get("daemon", True))
        super()._configure(config)
