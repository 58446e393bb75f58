"""What a scenario of the suite has: a host, and the schedulers that it makes."""

from __future__ import annotations

import threading
from typing import Any

from kalends.events import EVENT_ALL
from kalends.schedulers.base import BaseScheduler
from schedulers.hosts import Host
from schedulers.recorder import PATIENCE, Recorder


class Program:
    """A program of some kind for one scenario."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._made: list[BaseScheduler] = []
        self.releases = threading.Event()
        """Set at the end, so that no job waits for ever."""

    def new(self, **options: Any) -> BaseScheduler:
        """Return a scheduler that is not started. Its jobs miss no fire time because the machine is busy."""
        scheduler = self.host.new(**{"job_defaults": {"misfire_grace_time": None}, **options})
        self._made.append(scheduler)
        return scheduler

    def started(self, *, paused: bool = False, **options: Any) -> BaseScheduler:
        """Return a scheduler that runs."""
        scheduler = self.new(**options)
        self.start(scheduler, paused=paused)
        return scheduler

    def start(self, scheduler: BaseScheduler, *, paused: bool = False) -> None:
        """Start a scheduler."""
        self.host.start(scheduler, paused=paused)

    def heard(self, scheduler: BaseScheduler, mask: int = EVENT_ALL) -> Recorder:
        """Return what listens to a scheduler."""
        events = Recorder()
        scheduler.add_listener(events, mask)
        return events

    def end(self) -> None:
        """Shut down what still runs."""
        self.releases.set()
        for scheduler in self._made:
            if scheduler.running:
                scheduler.shutdown()

    @staticmethod
    def wait(event: threading.Event) -> None:
        """Wait for an event, in the thread of the test."""
        assert event.wait(PATIENCE)
