"""What ``kalends run`` shows on a terminal: a table of schedules and one of the latest runs."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kalends.cli.run.captured_output import CapturedOutput
from kalends.engine.core.history import last_run
from kalends.engine.core.state import State
from kalends.engine.loop.scheduler import Scheduler
from kalends.engine.ports import Ended, Notice, RunReport
from kalends.model import Outcome

LATEST_RUNS = 12
COLOURS = {
    Outcome.SUCCEEDED: "green",
    Outcome.FAILED: "red",
    Outcome.TIMED_OUT: "red",
    Outcome.LOST: "magenta",
    Outcome.CANCELLED: "yellow",
}


class LiveTable:
    """A table of schedules and a table of the latest runs, refreshed every quarter of a second."""

    def __init__(self) -> None:
        self._console = Console()  # until it runs
        self._runs: deque[RunReport] = deque(maxlen=LATEST_RUNS)

    def notice(self, notice: Notice) -> None:
        """Keep it for the next refresh of the table."""
        if isinstance(notice, Ended):
            self._runs.appendleft(notice.report)

    async def run(self, scheduler: Scheduler) -> None:
        """Draw until cancelled. What runs print scrolls by above the tables."""
        with CapturedOutput(lambda line: self._console.print(Text.from_ansi(line))) as terminal:
            self._console = Console(file=terminal)
            with Live(
                self._picture(scheduler),
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            ) as live:
                while True:
                    await asyncio.sleep(0.25)
                    live.update(self._picture(scheduler), refresh=True)

    def close(self, scheduler: Scheduler) -> None:
        """Leave the last picture on the screen."""
        Console().print(self._picture(scheduler))

    def _picture(self, scheduler: Scheduler) -> RenderableType:
        jobs = Table("Name", "Schedule", "Active", "Last run", "Outcome", "Missed", "Next run", expand=True)
        problems: list[Text] = []
        for key, state, problem in scheduler.overview.resources():
            name = key.removeprefix("default/")
            jobs.add_row(Text(name), *_cells(state, problem))
            if problem is not None:
                problems.append(Text.assemble((name, "bold"), ": ", problem))
        parts: list[RenderableType] = [jobs, *problems]
        if self._runs:
            runs = Table("Run", "Outcome", "Took", "Result", title="Latest runs", expand=True)
            for report in self._runs:
                said = report.message if report.result is None else report.result
                took = f"{report.completed - report.started} s"
                runs.add_row(Text(report.name), _coloured(report.outcome), took, Text(said))
            parts.append(runs)
        return Group(*parts)


def _cells(state: State | None, problem: str | None) -> tuple[RenderableType, ...]:
    """Return what stands beside a name. Users' words are never read as markup."""
    if problem is not None:
        return "", "", "", Text("Invalid", "red"), "", ""
    if state is None:
        return ("",) * 6
    ready = state.conditions.get("Ready")
    nothing_next = "" if ready is None else ready.reason  # Suspended, Exhausted
    last = last_run(state)
    return (
        Text(state.summary),
        str(state.counts.active),
        "" if last is None else _clock(last.completed if last.started is None else last.started),
        "" if last is None else _coloured(last.outcome),
        str(state.counts.missed),
        nothing_next if state.next_run is None else _clock(state.next_run),
    )


def _coloured(outcome: Outcome) -> Text:
    return Text(outcome, COLOURS.get(outcome, ""))


def _clock(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant, UTC).astimezone():%Y-%m-%d %H:%M:%S}"
