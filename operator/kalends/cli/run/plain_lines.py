"""What ``kalends run`` shows, and how it does in a pipe: plain lines."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Protocol

import click

from kalends.engine.loop.scheduler import Scheduler
from kalends.engine.ports import (
    Contested,
    Decided,
    Delayed,
    Ended,
    JobAnomaly,
    Notice,
    ReadinessChanged,
    Removed,
    Retried,
    StartPutOff,
)
from kalends.model import format_instant


class Screen(Protocol):
    """Shows what the engine does."""

    def notice(self, notice: Notice) -> None:
        """Take note."""
        ...

    async def run(self, scheduler: Scheduler) -> None:
        """Show until cancelled, or until the output is closed."""
        ...

    def close(self, scheduler: Scheduler) -> None:
        """Say the last word."""
        ...


class PlainLines:
    """One line for each thing that happens."""

    def __init__(self) -> None:
        self._alone = asyncio.Event()

    def notice(self, notice: Notice) -> None:
        """Print it, if there is anybody left to read it."""
        if isinstance(notice, StartPutOff):
            return  # a notice for each try; the notice after several in a row is printed
        try:
            click.echo(_line(notice))
        except BrokenPipeError:
            # What is still in the buffer would fail once more when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._alone.set()

    async def run(self, scheduler: Scheduler) -> None:
        """Wait until the output is closed: lines are printed as things happen."""
        del scheduler
        await self._alone.wait()

    def close(self, scheduler: Scheduler) -> None:
        """Say nothing more."""


def _line(notice: Notice) -> str:  # noqa: PLR0911 - a table
    match notice:
        case Decided():
            said = f": {notice.message}" if notice.message else ""
            many = f" ({notice.count})" if notice.count > 1 else ""
            return f"{notice.ref.key} {notice.verdict}{many} {format_instant(notice.fire_time)}{said}"
        case Ended(report=report):
            detail = report.result if report.result is not None else report.message
            return f"{report.ref.key} {report.outcome} {format_instant(report.fire_time)}" + (
                f": {detail}" if detail else ""
            )
        case Retried(report=report):
            at = format_instant(notice.at)
            return f"{report.ref.key} Retried {format_instant(report.fire_time)}: attempt {notice.attempt} at {at}"
        case JobAnomaly():
            return f"{notice.ref.key} {notice.reason}: {notice.message}"
        case Contested() | Removed():
            return f"{notice.ref.key} {type(notice).__name__}: {notice.message}"
        case Delayed() | StartPutOff():
            return f"{notice.ref.key} Delayed: {notice.message}"
        case ReadinessChanged():
            return f"{notice.ref.key} {notice.reason}" + (f": {notice.message}" if notice.message else "")
