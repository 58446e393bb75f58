"""A scheduler for programs that do something else: it works in threads of its process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from kalends.schedulers.base import BaseScheduler
from kalends.util import asbool


class BackgroundScheduler(BaseScheduler):
    """Starts and returns. The program must continue by itself.

    Args:
        daemon: Whether the scheduler's thread lets the process end (default True).
    """

    @override
    def _configure(self, config: Mapping[str, Any]) -> None:
        self._daemon = asbool(config.get("daemon", True))
        super()._configure(config)
