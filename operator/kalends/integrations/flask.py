"""A scheduler that runs in the process of a Flask application."""

from __future__ import annotations

import atexit
from contextlib import suppress

try:
    import click
    from flask import Flask
    from flask.cli import AppGroup, ScriptInfo
    from flask.helpers import get_debug_flag
    from werkzeug.serving import is_running_from_reloader
except ImportError as error:
    raise ImportError("kalends.integrations.flask needs the package flask: pip install flask") from error

from kalends.executors.pool import ThreadPoolExecutor
from kalends.schedulers import SchedulerNotRunningError
from kalends.schedulers.base import BaseScheduler
from kalends.schedulers.blocking import BlockingScheduler


def init_app(app: Flask, scheduler: BaseScheduler) -> None:
    """Start the scheduler in each process that serves the application, and end it with the process.

    A process that serves is one of a server, of ``flask run``, or of the program itself; with the reloader of
    ``flask run`` it is the child. Other commands of ``flask``, such as ``flask shell``, start no scheduler.

    A scheduler without a default executor has its jobs called within the application context, so that they can use
    ``current_app`` and the extensions of the application. ``app.extensions["kalends"]`` is the scheduler;
    ``flask kalends jobs`` prints the jobs of its stores.

    Args:
        app: The application.
        scheduler: A ``BackgroundScheduler``, for this application alone. Options in ``app.config["KALENDS"]`` configure
            it; jobs that were added before stay.

    Raises:
        TypeError: It is a ``BlockingScheduler``, which never returns from ``start``.
        ValueError: It has job stores or executors, and ``app.config["KALENDS"]`` would replace them.
    """
    if isinstance(scheduler, BlockingScheduler):
        raise TypeError("scheduler must return from start(): use a BackgroundScheduler")
    if "KALENDS" in app.config:
        if scheduler.has_components:
            raise ValueError(
                'the job stores and executors of a scheduler with app.config["KALENDS"] must be in that configuration: '
                "create it as BackgroundScheduler()"
            )
        scheduler.configure(**app.config["KALENDS"])
    with suppress(ValueError):  # it has one
        scheduler.add_executor(ThreadPoolExecutor(context=app.app_context), "default")
    app.extensions["kalends"] = scheduler
    app.cli.add_command(_commands(scheduler))
    if _serves():
        scheduler.start()
        atexit.register(_shut_down, scheduler)


def _serves() -> bool:
    """Return whether this process answers requests, as far as can be known when the application is made."""
    command = click.get_current_context(silent=True)
    if command is None or command.find_object(ScriptInfo) is None:
        return True  # a server, or a program that calls app.run(): its command line may be of click, too
    if command.info_name != "run":
        return False
    reload = command.params.get("reload")
    return is_running_from_reloader() or not (get_debug_flag() if reload is None else reload)


def _commands(scheduler: BaseScheduler) -> AppGroup:
    group = AppGroup("kalends", help="The scheduler of the application.")

    @group.command("jobs")
    def jobs() -> None:
        """Print the jobs."""
        scheduler.start(paused=True)
        try:
            scheduler.print_jobs()
        finally:
            scheduler.shutdown()

    return group


def _shut_down(scheduler: BaseScheduler) -> None:
    with suppress(SchedulerNotRunningError):
        scheduler.shutdown(wait=False)
