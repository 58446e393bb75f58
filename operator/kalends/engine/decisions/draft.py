"""A decision in the making: every way in which a fire time moves from one count to another, once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kalends.engine.core.facts import Facts
from kalends.engine.core.history import with_entry
from kalends.engine.core.policies import Refusal, Situation
from kalends.engine.core.run_names import run_name
from kalends.engine.core.schedule import JOBS_EXECUTOR, Schedule
from kalends.engine.core.state import ActiveRun, FinishedRun, Instant, Misfire, QueuedRun, State
from kalends.engine.decisions.catchup import due_of, start_by
from kalends.engine.ports import Decided, Notice, Run, RunReport, Verdict
from kalends.engine.runs.ended_runs import end
from kalends.model import ConcurrencyPolicy
from kalends.model.reasons import Reason
from kalends.model.v1alpha1.status import MOST_ACTIVE_LISTED, Outcome

MISSED = frozenset({Reason.DEADLINE_EXCEEDED, Reason.WAITED_TOO_LONG})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fire time, or a request, that is to be decided on now."""

    fire_time: Instant
    request: str = ""
    queued: bool = False
    """Whether it is on record as waiting."""
    adopted: bool = False
    """Whether it has its Job already: the creation was not recorded."""


class Draft:
    """The record as it will be, what is to be started before it is written, and what there will be to tell."""

    def __init__(self, schedule: Schedule, state: State, facts: Facts, *, free: int) -> None:
        self.schedule = schedule
        self.state = state
        self.facts = facts
        self.notices: list[Notice] = []
        self.free = free
        self.starts: list[Run] = []
        self.adopted_until: Instant = 0
        """The last fire time of another schedule, or of none now, whose Job was taken up: time has come that far."""
        self.adopts = True
        """Whether there may be Jobs of runs that are not on record."""
        self.rearmed = False
        """Whether fire times count from a later instant than on record, or from other rules."""
        self.held_up = False
        """Whether a candidate had to wait: those after it must not overtake it."""
        self.undecided: Instant | None = None
        """The fire time that stays undecided for a moment; so do those that give way to it, and those after it."""
        self.undecided_until = 0.0
        """Up to when that may last."""
        self.searched: Instant | None = None
        """Not None: the trigger was searched up to here only, and what comes next, or what is due, is not known yet."""

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
        trouble = self.facts.trouble
        return self.starts_are_put_off and trouble is not None and not trouble.certain

    def is_put_off(self, fire_time: Instant) -> bool:
        """Return whether no start is tried for a fire time now. Those after the ones that were refused are tried."""
        trouble = self.facts.trouble
        return self.decides_nothing_new or (self.starts_are_put_off and (trouble is None or fire_time <= trouble.up_to))

    def refused_start(self, fire_time: Instant) -> str:
        """Return the server's words where the start of a fire time was refused and may be possible later, or ``""``."""
        trouble = self.facts.trouble
        if trouble is None or not (self.starts_are_put_off or fire_time <= trouble.up_to):
            return ""
        return trouble.message

    # -- what there is room for

    def has_room(self) -> bool:
        """Return whether one more run may be under way."""
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
        by_list_alone = not self.facts.outlives_us or self.schedule.retry is not None
        if by_list_alone and len(self.state.active) >= MOST_ACTIVE_LISTED:
            return False
        return self.free > 0

    def waits_for_worker(self) -> bool:
        """Return whether the first of those that wait waits for nothing else."""
        return bool(self.state.queued) and self.has_room() and self.free <= 0

    def queue(self) -> list[Candidate]:
        """Return those that wait on record, oldest first."""
        return [Candidate(one.fire_time, one.request, queued=True) for one in self.state.queued]

    def has_ended(self) -> bool:
        """Return whether the schedule has had all the runs that it may have."""
        return self.schedule.max_runs is not None and self.state.counts.started >= self.schedule.max_runs

    def situation(self, candidate: Candidate, *, ended: int = 0) -> Situation:
        """Return all that a policy may look at; as if so many active runs had ended."""
        schedule, counts = self.schedule, self.state.counts
        return Situation(
            due=self.due(candidate),
            now=self.facts.now,
            grace_time=schedule.grace_time,
            concurrency=schedule.concurrency,
            max_instances=schedule.max_instances,
            running=counts.active - ended,
            queued=len(self.state.queued),
            max_queued=schedule.max_queued,
            waits_already=candidate.queued,
            by_hand=bool(candidate.request),
            must_wait=self.held_up
            or self.is_put_off(candidate.fire_time)
            or not (self.has_room() and self.has_worker()),
            refused_start=self.refused_start(candidate.fire_time),
            obstacle=self.facts.obstacle,
            started=counts.started,
            # What somebody asks for by hand is no fire time, which alone are limited.
            max_runs=None if candidate.request else schedule.max_runs,
        )

    def due(self, candidate: Candidate) -> Instant:
        """Return when it may start: a request at once, a fire time after its jitter."""
        return due_of(self.schedule, candidate.fire_time, candidate.request)

    def name(self, candidate: Candidate) -> str:
        """Return what its run is called."""
        return run_name(self.schedule.ref.name, candidate.fire_time, request=candidate.request)

    # -- what becomes of a fire time

    def start(self, candidate: Candidate) -> None:
        """Count it as started, and have it started."""
        self._move(candidate, "started", active=1)
        facts = self.facts
        # What has its Job already runs as a Job, whatever the resource has come to run since.
        a_job = facts.outlives_us or candidate.adopted
        executor, holder = (JOBS_EXECUTOR, "") if a_job else (self.schedule.executor, facts.me)
        name = self.name(candidate)
        began = next((job.created for job in facts.jobs or () if job.name == name), int(facts.now))
        run = ActiveRun(name, candidate.fire_time, began, executor, holder=holder, request=candidate.request)
        self.state = replace(self.state, active=(*self.state.active, run))
        if not candidate.request:
            self.state = self.state.with_run_of(candidate.fire_time)
        self.tell(Verdict.STARTED, candidate, delay=max(0.0, facts.now - self.due(candidate)))
        # What is there already is found to be there, however late that is.
        self.launch(run, None if candidate.adopted else start_by(self.schedule, run))

    def launch(self, run: ActiveRun, latest: Instant | None = None) -> None:
        """Have an attempt started that is active in the draft; one that its executor has refused has failed."""
        if not any(job.name == run.name for job in self.facts.jobs or ()):  # the slot of a Job that exists is taken
            self.free -= 1
        refusal = self.facts.refused.get(run.name)
        if refusal is None:
            self.starts.append(replace(run_of(self.schedule, run, self.state), start_by=latest))
            return
        ref = self.schedule.ref
        report = RunReport(
            ref, run.name, run.fire_time, Outcome.FAILED, run.started, run.started, refusal.reason, refusal.message
        )
        self.state, notice = end(self.state, run, report, self.schedule.retry)
        self.notices.append(notice)

    def refuse(self, candidate: Candidate, refusal: Refusal) -> None:
        """Count it as missed or skipped, and remember why."""
        missed = refusal.reason in MISSED
        outcome, verdict = (Outcome.MISSED, Verdict.MISSED) if missed else (Outcome.SKIPPED, Verdict.SKIPPED)
        self._move(candidate, outcome.value.lower())
        self.remember_misfire(outcome, candidate, refusal)
        self.tell(verdict, candidate, refusal)

    def give_way(self, candidate: Candidate, message: str) -> None:
        """Count it as coalesced: another fire time that is due runs instead."""
        self._move(candidate, "coalesced")
        self.tell(Verdict.COALESCED, candidate, Refusal(Reason.COALESCED, message))

    def wait(self, candidate: Candidate) -> None:
        """Put it at the end of those that wait."""
        self.held_up = True
        if candidate.queued:
            return
        self._move(candidate, "queued")
        queued = QueuedRun(self.name(candidate), candidate.fire_time, candidate.request)
        self.state = replace(self.state, queued=(*self.state.queued, queued))
        self.tell(Verdict.QUEUED, candidate)

    def _move(self, candidate: Candidate, field: str, active: int = 0) -> None:
        """Count a candidate under ``field``, out of those that wait or as newly decided."""
        counts = self.state.counts
        if candidate.queued:
            counts = replace(counts, queued=counts.queued - 1)
            which = (candidate.fire_time, candidate.request)
            left = tuple(one for one in self.state.queued if (one.fire_time, one.request) != which)
            self.state = replace(self.state, queued=left)
        elif candidate.request:
            counts = replace(counts, requested=counts.requested + 1)
        else:
            counts = replace(counts, due=counts.due + 1)
        counts = replace(counts, **{field: getattr(counts, field) + 1})
        self.state = replace(self.state, counts=replace(counts, active=counts.active + active))

    def remember_misfire(self, outcome: Outcome, candidate: Candidate, why: Refusal, count: int = 1) -> None:
        """Keep the last misfire, and the row of them in the history."""
        at = candidate.fire_time
        entry = FinishedRun(
            self.name(candidate),
            at,
            None,
            max(at, int(self.facts.now)),
            outcome,
            why.reason,
            why.message,
            attempts=0,
            request=candidate.request,
            count=count,
        )
        self.state = replace(
            self.state,
            last_misfire=Misfire(at, why.reason, why.message, count),
            history=with_entry(self.state.history, entry),
        )

    def tell(self, verdict: Verdict, candidate: Candidate, why: Refusal | None = None, delay: float = 0.0) -> None:
        """Take note of what there is to tell once it is on record."""
        reason, message = ("", "") if why is None else (why.reason, why.message)
        self.notices.append(Decided(self.schedule.ref, verdict, 1, candidate.fire_time, reason, message, delay))


def run_of(schedule: Schedule, run: ActiveRun, state: State) -> Run:
    """Return a run as executors are told of it."""
    return Run(
        ref=schedule.ref,
        name=run.name,
        fire_time=run.fire_time,
        target=schedule.target,
        executor=schedule.executor,
        attempt=run.attempt,
        last_successful=state.last_successful,
        request=run.request,
        time_limit=schedule.time_limit,
    )
