"""Compares what a shared store says with what the journal says: each fire time decided once, each run started once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from kalends.engine.core.state import State
from kalends.jobstores.base import KeptJob
from sharing.journal import Line


@dataclass(frozen=True, slots=True)
class Grid:
    """The fire times of a job, in microseconds."""

    first: int
    period: int

    def until(self, last: int) -> list[int]:
        """Return the fire times up to an instant."""
        return list(range(self.first, last + 1, self.period))


def faults(kept: KeptJob, grid: Grid, lines: Sequence[Line], killed: Collection[int]) -> list[str]:
    """Return what is wrong with a job whose every fire time is to get a run, after all schedulers have ended.

    Args:
        kept: The job as the store has it.
        grid: Its fire times.
        lines: The journal.
        killed: The processes that were killed.
    """
    record = kept.record
    if record is None or record.cursor is None:
        return ["nothing was decided"]
    due = grid.until(record.cursor)
    own = [line for line in lines if line.job == kept.id]
    return [*_faults_of_starts(own, due), *_faults_of_counts(record, due), *_faults_of_ends(record, own, due, killed)]


def _faults_of_starts(own: Sequence[Line], due: Sequence[int]) -> Iterator[str]:
    starts = Counter(line.fire_time for line in own if line.word == "start")
    twice = [fire_time for fire_time, count in starts.items() if count > 1]
    if twice:
        yield f"started twice: {twice}"
    undecided = starts.keys() - set(due)
    if undecided:
        yield f"started without a decision: {sorted(undecided)}"


def _faults_of_counts(record: State, due: Sequence[int]) -> Iterator[str]:
    counts = record.counts
    if counts.due != len(due):
        yield f"{len(due)} fire times have come, and {counts.due} were decided"
    if counts.started + counts.queued != counts.due:
        yield f"not every fire time got a run: {counts}"
    if record.active or counts.started != counts.succeeded + counts.lost:
        yield f"runs without an end: {counts}, {record.active}"


def _faults_of_ends(record: State, own: Sequence[Line], due: Sequence[int], killed: Collection[int]) -> Iterator[str]:
    starts = {line.fire_time for line in own if line.word == "start"}
    unstarted = len(set(due) - starts) - record.counts.queued
    unfinished = 0
    for pid in {line.pid for line in own}:
        words = Counter(line.word for line in own if line.pid == pid)
        left = words["start"] - words["end"]
        if left and pid not in killed:
            yield f"process {pid} was not killed, and {left} of its runs have no end"
        unfinished += left
    # A process can be killed between the claim of a run and its start, and between its end and the record of that.
    lost, ended = record.counts.lost, sum(line.pid in killed and line.word == "end" for line in own)
    if not unstarted + unfinished <= lost <= unstarted + unfinished + ended:
        yield f"{unstarted} runs did not start and {unfinished} did not end, but {lost} are lost"
    if lost > 2 * len(killed):
        yield f"{lost} runs are lost by {len(killed)} kills"
