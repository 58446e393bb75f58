"""What ``kalends run`` shows: a live table on a terminal, plain lines in a pipe."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from datetime import UTC, datetime
from typing import Protocol

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kalends.engine.ports import Decided, Ended, Notice, RunReport, Turned
from kalends.engine.scheduler import Scheduler
from kalends.engine.state import State
from kalends.model import Outcome, format_instant

LATEST_RUNS = 12
COLOURS = {
    Outcome.SUCCEEDED: "green",
    Outcome.FAILED: "red",
    Outcome.TIMED_OUT: "red",
    Outcome.LOST: "magenta",
    Outcome.CANCELLED: "yellow",
}


class Screen(Protocol):
    """Shows what the engine does."""

    def notice(self, notice: Notice) -> None:
        """Take note."""
        ...

    async def run(self, scheduler: Scheduler) -> None:
        """Show until cancelled, or until nobody looks any more."""
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
        try:
            click.echo(_line(notice))
        except BrokenPipeError:
            # What is still in the buffer would fail once more when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._alone.set()

    async def run(self, scheduler: Scheduler) -> None:
        """Wait until nobody reads any more: lines are printed as things happen."""
        del scheduler
        await self._alone.wait()

    def close(self, scheduler: Scheduler) -> None:
        """Say nothing more."""


class LiveTable:
    """A table of schedules and one of the latest runs, drawn anew every quarter of a second."""

    def __init__(self) -> None:
        self._console = Console()
        self._runs: deque[RunReport] = deque(maxlen=LATEST_RUNS)

    def notice(self, notice: Notice) -> None:
        """Keep it for the next time the table is drawn."""
        if isinstance(notice, Ended):
            self._runs.appendleft(notice.report)

    async def run(self, scheduler: Scheduler) -> None:
        """Draw until cancelled."""
        with Live(self._picture(scheduler), console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                await asyncio.sleep(0.25)
                live.update(self._picture(scheduler), refresh=True)

    def close(self, scheduler: Scheduler) -> None:
        """Leave the last picture on the screen."""
        self._console.print(self._picture(scheduler))

    def _picture(self, scheduler: Scheduler) -> RenderableType:
        jobs = Table("Name", "Schedule", "Active", "Last run", "Outcome", "Misfires", "Next run", expand=True)
        for key, state, problem in scheduler.overview():
            jobs.add_row(key.removeprefix("default/"), *_cells(state, problem))
        runs = Table("Run", "Outcome", "Took", "Result", title="Latest runs", expand=True)
        for report in self._runs:
            colour = COLOURS.get(report.outcome, "white")
            told = report.result or report.message or ""
            runs.add_row(
                report.name, f"[{colour}]{report.outcome}[/]", f"{report.completed - report.started} s", Text(told)
            )
        return Group(jobs, runs)


def _cells(state: State | None, problem: str | None) -> tuple[str, ...]:
    if problem is not None or state is None:
        return ("", "", "", "[red]Invalid[/]", "", problem or "")
    last = state.history[0] if state.history else None
    outcome = "" if last is None else f"[{COLOURS.get(last.outcome, 'white')}]{last.outcome}[/]"
    return (
        state.summary,
        str(state.counts.active),
        "" if last is None else _clock(last.started),
        outcome,
        str(state.counts.missed + state.counts.skipped),
        "" if state.next_run is None else _clock(state.next_run),
    )


def _clock(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def _line(notice: Notice) -> str:
    match notice:
        case Decided():
            said = f": {notice.message}" if notice.message else ""
            many = f" ({notice.count})" if notice.count > 1 else ""
            return f"{notice.ref.key} {notice.decision}{many} {format_instant(notice.fire_time)}{said}"
        case Ended(report=report):
            told = report.result if report.result is not None else report.message
            return f"{report.ref.key} {report.outcome} {format_instant(report.fire_time)}" + (
                f": {told}" if told else ""
            )
        case Turned():
            return f"{notice.ref.key} {notice.reason}" + (f": {notice.message}" if notice.message else "")
