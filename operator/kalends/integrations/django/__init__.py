"""A scheduler for a Django project, in a separate process: ``manage.py kalends``.

With ``"kalends.integrations.django"`` in ``INSTALLED_APPS``, the module ``jobs`` of each application adds jobs::

    from kalends.integrations.django import scheduler

    @scheduler.scheduled_job("cron", hour=3, id="shop.clear_carts")
    def clear_carts(): ...

``settings.KALENDS`` is a dictionary with the options of a scheduler: ``jobstores``, ``executors``, ``job_defaults``,
``timezone`` and others. The default of ``timezone`` is ``settings.TIME_ZONE``. The default executor checks the database
connections of its thread before each job and releases old connections after it, as Django does for a request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

try:
    from django.conf import settings
    from django.db import close_old_connections, reset_queries
except ImportError as error:
    raise ImportError("kalends.integrations.django needs the package django: pip install django") from error

from kalends.executors.pool import ThreadPoolExecutor
from kalends.schedulers.blocking import BlockingScheduler


@contextmanager
def connections() -> Iterator[None]:
    """Check the database connections of this thread before a call, and release those that are too old after it."""
    reset_queries()
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


def _new_scheduler() -> BlockingScheduler:
    options: dict[str, Any] = {"timezone": settings.TIME_ZONE, **getattr(settings, "KALENDS", {})}
    found = BlockingScheduler(**options)
    with suppress(ValueError):  # the settings have one
        found.add_executor(ThreadPoolExecutor(context=connections), "default")
    return found


scheduler: BlockingScheduler
"""The scheduler of the project. ``manage.py kalends`` starts it; in other processes it only keeps what is added."""


def __getattr__(name: str) -> BlockingScheduler:
    """Make the scheduler when it is first used: this module can be imported before the settings are configured."""
    if name != "scheduler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = _new_scheduler()
    return found
