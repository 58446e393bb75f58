"""Listeners of a scheduler, and the thread in which they hear of what the engine has decided."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from kalends.events import SchedulerEvent
from kalends.threads import Mailbox, new_mailbox

log = logging.getLogger("kalends.scheduler")
Listener = Callable[[Any], Any]
Run = Callable[[Callable[[], None]], None]


class Dispatcher:
    """Calls listeners: at once in the calling thread, or in order in a thread that the engine does not wait for."""

    def __init__(self) -> None:
        self._listeners: tuple[tuple[Listener, int], ...] = ()
        """Replaced and never changed: events need no lock, which a signal handler might find locked."""
        self._lock = threading.RLock()
        self._queue: Mailbox[SchedulerEvent | None] = new_mailbox()
        self._thread: threading.Thread | None = None

    def add(self, listener: Listener, mask: int) -> None:
        """Call a function with each event whose code is in ``mask``."""
        with self._lock:
            self._listeners = (*self._listeners, (listener, mask))

    def remove(self, listener: Listener) -> None:
        """Call a function no more."""
        with self._lock:
            self._listeners = tuple(known for known in self._listeners if known[0] != listener)

    def now(self, event: SchedulerEvent) -> None:
        """Call the listeners of an event in this thread."""
        for listener, mask in self._listeners:
            if event.code & mask:
                try:
                    listener(event)
                except BaseException:  # a listener must not stop the scheduler
                    log.exception("Error notifying listener")

    def later(self, event: SchedulerEvent) -> None:
        """Call the listeners of an event in the thread for them, after those of earlier events."""
        if any(event.code & mask for _, mask in self._listeners):
            self._queue.put(event)

    def start(self, run: Run) -> None:
        """Start the thread. It gives each call to ``run``, which makes it, or has it made in a loop."""
        self._queue = new_mailbox()
        self._thread = threading.Thread(target=self._work, args=(self._queue, run), name="Kalends events", daemon=True)
        self._thread.start()

    def _work(self, events: Mailbox[SchedulerEvent | None], run: Run) -> None:
        while (event := events.get()) is not None:
            self._run(event, run)

    def _run(self, event: SchedulerEvent, run: Run) -> None:
        try:
            run(lambda: self.now(event))
        except Exception:
            log.exception("Error notifying listeners")

    def stop(self) -> None:
        """Call the listeners of what was decided until now, and end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            if thread is not threading.current_thread():
                thread.join()
