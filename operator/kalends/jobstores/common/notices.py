"""A thread that waits for notices of a server, with a connection of its own that is made again when it breaks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from kalends.threads import NativeThread

log = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds until a broken connection is made again, and for which a wait for notices lasts."""
Wait = Callable[[float], bool]
"""Waits for notices, for up to so many seconds; returns whether there were any."""


def listen(connect: Callable[[], AbstractContextManager[Wait]], changed: Callable[[], None]) -> Callable[[], None]:
    """Call a function after each notice, and after each new connection: notices may have been lost before.

    Args:
        connect: Connects, and is left when the connection is needed no more.
        changed: Is called in the thread.

    Returns:
        A function that ends the thread.
    """
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            try:
                with connect() as wait:
                    changed()
                    while not ended.is_set():
                        if wait(PAUSE):
                            changed()
            except Exception as error:  # noqa: BLE001 - a client library may raise anything, and the loop of the engine may be closed
                log.debug("Listening for changes of a job store ended: %s: %s", type(error).__name__, error)
                ended.wait(PAUSE)

    thread = NativeThread(work, "Kalends notices", daemon=True)
    thread.start()

    def end() -> None:
        ended.set()
        thread.join()

    return end
