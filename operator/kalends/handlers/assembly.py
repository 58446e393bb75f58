"""An operator as a process in a cluster has it: kopf, sockets, separate pools, probes over HTTP."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial

import kopf

from kalends.clock import SystemClock
from kalends.executors.from_settings import pools
from kalends.handlers.environment import CatchUp, Environment, Show
from kalends.handlers.kopf_feed import Connection, KopfFeed
from kalends.handlers.operator import Operator
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import SCHEDULED_JOBS
from kalends.kube.client.socket_transport import SocketTransport
from kalends.kube.login.credentials import Credentials
from kalends.settings import Settings
from kalends.tasks import Registry


def assembled(
    settings: Settings, credentials: Credentials, identity: str, take_signals: Callable[[], None]
) -> Operator:
    """Return an operator, ready to run.

    Args:
        settings: Its settings.
        credentials: The login to the API server.
        identity: Its name, which no other process has or had.
        take_signals: Makes signals stop it; called whenever other code has replaced the signal handlers.
    """
    clock = SystemClock()
    registry = Registry.load(settings.task_modules)

    def login() -> kopf.ConnectionInfo:
        return Connection(**credentials.connection_info())

    def feed(client: ApiClient, show: Show, catch_up: CatchUp) -> KopfFeed:
        on_unreadable = partial(client.count_unreadable, SCHEDULED_JOBS.collection())
        return KopfFeed(login, show, catch_up, take_signals, settings.namespaces, on_unreadable)

    environment = Environment(
        clock=clock,
        transport=SocketTransport(credentials),
        feed=feed,
        registry=registry,
        pools=pools(settings.executors, registry, clock),
        when_listed=_spare_the_collector,
    )
    return Operator(settings, environment, identity)


def _spare_the_collector() -> None:
    """Keep what is loaded out of garbage collection, which is 78 % of the time of loading otherwise: it stays."""
    gc.collect()
    gc.freeze()
