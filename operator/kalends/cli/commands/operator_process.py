"""``kalends operator``: the process that runs in the cluster."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex

from kalends.cli.logs import JsonLines, LogLimit, TextLines
from kalends.handlers.assembly import assembled
from kalends.kube.login.connection import own_namespace
from kalends.kube.login.credentials import load_credentials
from kalends.settings import Settings
from kalends.triggers import database
from kalends.unknown_variables import unknown_variables

logger = logging.getLogger(__name__)


def set_up_logging(log_format: str, level: str) -> None:
    """Send log lines to standard error, as text or as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    if log_format == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(TextLines())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("asyncio").addFilter(LogLimit())


def settings_of(config: Path | None, namespaces: tuple[str, ...], *, leader_elect: bool | None) -> Settings:
    """Return the settings of file, environment and options, with nothing about the election left open.

    Raises:
        InvalidSettings: They cannot be carried out.
    """
    election = None if leader_elect is None else {"enabled": leader_elect}
    settings = Settings.load(config, namespaces=namespaces or None, leader_election=election)
    # Settled of what was validated, and validated again.
    return settings.model_copy(update={"leader_election": settings.leader_election.settled(own_namespace())})


def run_operator(  # noqa: PLR0913 - one for each option
    *,
    kubeconfig: Path | None,
    context: str | None,
    namespaces: tuple[str, ...],
    log_format: str,
    log_level: str,
    leader_elect: bool | None,
    config: Path | None,
) -> int:
    """Run the operator until SIGTERM or SIGINT.

    Raises:
        InvalidSettings: The settings or the kubeconfig cannot be used, or the port of the probes is taken.
    """
    set_up_logging(log_format, log_level)
    for problem in unknown_variables(os.environ):
        logger.warning("%s", problem)
    settings = settings_of(config, namespaces, leader_elect=leader_elect)
    credentials = load_credentials(kubeconfig, context)
    # Objects by the ten thousand, and few of them ever garbage: the collector looks less often.
    gc.set_threshold(100_000, 50, 1000)
    identity = f"{os.environ.get('POD_NAME') or socket.gethostname()}-{token_hex(4)}"
    watched = ", ".join(settings.namespaces) or "all namespaces"
    logger.info("Kalends %s, called %s, watches %s", version("kalends"), identity, watched)
    logger.info("time zones are those of %s", database())

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def take_signals() -> None:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)

        take_signals()
        await assembled(settings, credentials, identity, take_signals).run(stop)

    asyncio.run(main())
    return 0
