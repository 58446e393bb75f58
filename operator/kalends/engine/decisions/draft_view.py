"""The questions that the steps of planning ask about a decision in the making; nothing here changes it."""

from __future__ import annotations

from dataclasses import dataclass

from kalends.engine.core.facts import Facts
from kalends.engine.core.policies import Situation
from kalends.engine.core.run_names import run_name
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import ActiveRun, Instant, State
from kalends.engine.decisions.catchup import due_of
from kalends.model.values import MOST_ACTIVE_LISTED, ConcurrencyPolicy


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fire time, or a request, that is to be decided on now."""

    fire_time: Instant
    request: str = ""
    queued: bool = False
    """Whether it is recorded as waiting."""
    adopted: bool = False
    """Whether it has its Job already: the creation was not recorded."""


class DraftView:
    """What is known while deciding: the schedule, the facts, and the record as far as it is decided."""

    schedule: Schedule
    facts: Facts
    state: State
    """The record as it will be."""
    free: int
    """How many more runs the executor can start now."""
    held_up: bool
    """Whether a candidate had to wait: those after it must not overtake it."""

    # -- whether starts are possible now

    @property
    def starts_are_put_off(self) -> bool:
        """Whether a start was refused a moment ago, and it is not yet time to try again."""
        return self.facts.starts_at is not None

    @property
    def decides_nothing_new(self) -> bool:
        """Whether fire times are left undecided: a Job may exist whose creation got no answer.

        What was decided now could contradict it once it is seen.
        """
        refused_starts = self.facts.refused_starts
        return self.starts_are_put_off and refused_starts is not None and not refused_starts.certain

    def is_put_off(self, fire_time: Instant) -> bool:
        """Return whether no start is tried for a fire time now. Fire times after the refused ones are tried."""
        refused_starts = self.facts.refused_starts
        return self.decides_nothing_new or (
            self.starts_are_put_off and (refused_starts is None or fire_time <= refused_starts.up_to)
        )

    def refused_start(self, fire_time: Instant) -> str:
        """Return the server's words where the start of a fire time was refused and may be possible later, or ``""``."""
        refused_starts = self.facts.refused_starts
        if refused_starts is None or not (self.starts_are_put_off or fire_time <= refused_starts.up_to):
            return ""
        return refused_starts.message

    # -- free slots

    def has_room(self) -> bool:
        """Return whether one more run may be active."""
        policy, running = self.schedule.concurrency, self.state.counts.active
        return policy is ConcurrencyPolicy.ALLOW or running < self.schedule.max_instances

    def has_room_to_try_again(self) -> bool:
        """Return whether fewer runs than may are at work, of those that do not wait for their next attempt."""
        waiting = sum(1 for run in self.state.active if run.retry_at is not None)
        at_work = self.state.counts.active - waiting
        return self.schedule.concurrency is ConcurrencyPolicy.ALLOW or at_work < self.schedule.max_instances

    def late_starts(self, due: Instant) -> int:
        """Return how many runs in this process were decided before ``due``, and had not begun by then.

        Their claims were being written: what is late is the record, not the run.
        """
        return sum(
            1 for run in self.state.active if run.holder == self.facts.me and run.started < due <= self._began(run)
        )

    def _began(self, run: ActiveRun) -> float:
        """Return when a run in this process was handed to its executor; now, where it was not yet."""
        return self.facts.began.get(run.name, run.started if run.name in self.facts.here else self.facts.now)

    def has_worker(self) -> bool:
        """Return whether one more run could start at once, and be listed where only the list remembers it."""
        by_list_alone = not self.facts.durable or self.schedule.retry is not None
        if by_list_alone and len(self.state.active) >= MOST_ACTIVE_LISTED:
            return False
        return self.free > 0

    def waits_for_worker(self) -> bool:
        """Return whether the first of those that wait waits for nothing else."""
        return bool(self.state.queued) and self.has_room() and self.free <= 0

    def queue(self) -> list[Candidate]:
        """Return the recorded waiting runs, oldest first."""
        return [Candidate(one.fire_time, one.request, queued=True) for one in self.state.queued]

    def has_ended(self) -> bool:
        """Return whether the schedule has had all the runs that it may have."""
        return self.schedule.max_runs is not None and self.state.counts.started >= self.schedule.max_runs

    def situation(self, candidate: Candidate, *, ended: int = 0) -> Situation:
        """Return all that a policy may look at; as if so many active runs had ended."""
        schedule, counts = self.schedule, self.state.counts
        return Situation(
            due=self.due_at(candidate),
            now=self.facts.now,
            second=self.facts.second,
            grace_time=schedule.grace_time,
            concurrency=schedule.concurrency,
            max_instances=schedule.max_instances,
            waits_for_room=schedule.waits_for_room,
            running=counts.active - ended,
            queued=len(self.state.queued),
            max_queued=schedule.max_queued,
            waits_already=candidate.queued,
            requested=bool(candidate.request),
            must_wait=self.held_up
            or self.is_put_off(candidate.fire_time)
            or not (self.has_room() and self.has_worker()),
            refused_start=self.refused_start(candidate.fire_time),
            obstacle=self.facts.obstacle,
            started=counts.started,
            # A requested run is no fire time, and only fire times are limited.
            max_runs=None if candidate.request else schedule.max_runs,
        )

    def due_at(self, candidate: Candidate) -> Instant:
        """Return when it may start: a request at once, a fire time after its jitter."""
        return due_of(self.schedule, candidate.fire_time, candidate.request)

    def name(self, candidate: Candidate) -> str:
        """Return what its run is called."""
        return run_name(self.schedule.ref.name, candidate.fire_time, request=candidate.request)
