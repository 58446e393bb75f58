"""``manage.py kalends`` runs the jobs of the project, ``manage.py kalends --list`` prints them."""

from __future__ import annotations

import signal
from io import StringIO
from threading import Thread
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.module_loading import autodiscover_modules
from typing_extensions import override

from kalends.integrations import django
from kalends.schedulers.base import BaseScheduler

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types
    """Imports the module ``jobs`` of each application, and runs the scheduler until SIGINT or SIGTERM."""

    help = "Runs the jobs that the modules 'jobs' of the applications add, until SIGINT or SIGTERM."

    @override
    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--list", action="store_true", help="print the jobs, and run none of them")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        autodiscover_modules("jobs")
        if options["list"]:
            self._list()
            return
        before = [signal.signal(one, self._stop) for one in SIGNALS]
        try:
            django.scheduler.start()
        finally:
            for one, handler in zip(SIGNALS, before, strict=True):
                signal.signal(one, signal.SIG_DFL if handler is None else handler)

    def _list(self) -> None:
        BaseScheduler.start(django.scheduler, paused=True)  # a BlockingScheduler would wait for its end here
        try:
            found = StringIO()
            django.scheduler.print_jobs(out=found)
        finally:
            django.scheduler.shutdown()
        self.stdout.write(found.getvalue())

    def _stop(self, number: int, _frame: Any) -> None:
        """Let the active runs end. A second signal ends the process at once."""
        for one in SIGNALS:
            signal.signal(one, signal.SIG_DFL)
        # Outside of the signal handler: it may have interrupted what holds a lock.
        Thread(target=self._shut_down, args=(number,), name="kalends-shutdown").start()

    def _shut_down(self, number: int) -> None:
        self.stderr.write(f"{signal.Signals(number).name}: shutting down when the active runs have ended")
        django.scheduler.shutdown()
