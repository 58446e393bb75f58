"""A decision in the making: each method moves fire times or runs from one count to another, exactly once."""

from __future__ import annotations

from collections.abc import Iterable

from kalends.engine.core.copying import replace
from kalends.engine.core.facts import Facts
from kalends.engine.core.history import with_entry
from kalends.engine.core.policies import Refusal
from kalends.engine.core.schedule import JOBS_EXECUTOR, Schedule
from kalends.engine.core.state import ActiveRun, FinishedRun, Instant, Misfire, QueuedRun, State
from kalends.engine.decisions.catchup import NONE_DUE, Due, start_by
from kalends.engine.decisions.draft_view import Candidate, DraftView
from kalends.engine.ports import Decided, JobView, Notice, Run, RunReport, Verdict
from kalends.engine.runs.ended_runs import end
from kalends.model.reasons import Reason
from kalends.model.values import MOST_REQUESTS_LISTED, Outcome

MISSED = frozenset({Reason.DEADLINE_EXCEEDED, Reason.WAITED_TOO_LONG})


class Draft(DraftView):
    """The record as it will be, the runs to start before it is written, and the notices to send after that.

    Only the methods of this class assign its attributes, so that each change of a count stands here.
    """

    def __init__(
        self, schedule: Schedule, state: State, facts: Facts, *, free: int, adopts: bool, rearmed: bool
    ) -> None:
        self.schedule = schedule
        self.state = state
        self.facts = facts
        self.free = free
        self.notices: list[Notice] = []
        self.starts: list[Run] = []
        self.adopts = adopts
        """Whether there may be Jobs of runs that are not recorded."""
        self.rearmed = rearmed
        """Whether fire times count from a later instant than recorded, or from other rules."""
        self.adopted_until: Instant = 0
        """The last fire time of another schedule, or of none now, whose Job was adopted: time has come that far."""
        self.since = state.decided_until
        """Fire times after this instant are decided now."""
        self.due: Due = NONE_DUE
        """The fire times to decide now."""
        self.candidates: list[Candidate] = []
        """The fire times and requests that may start now, in the order in which they are decided."""
        self.held_up = False
        self.undecided: Instant | None = None
        """The fire time that stays undecided for a moment; so do those that give way to it, and those after it."""
        self.undecided_until = 0.0
        """The end of that moment."""
        self.searched: Instant | None = None
        """Not None: the trigger was searched only up to here, so what is due, or what comes next, is not known yet."""

    # -- the record follows the resource and its runs

    def revise(self, state: State, notices: Iterable[Notice] = ()) -> None:
        """Replace the record by a record that differs in how recorded runs end or wait."""
        self.state = state
        self.notices.extend(notices)

    def rearm(self, armed: State) -> None:
        """Let fire times count from the instant of ``armed``, the record for the schedule as it is now."""
        self.rearmed = self.rearmed or armed.schedule_hash != self.state.schedule_hash
        self.state = armed

    # -- candidates

    def find(self, due: Due, since: Instant) -> None:
        """Set the fire times to decide, which come after ``since``."""
        self.due, self.since, self.searched = due, since, due.searched

    def stop_search_at(self, searched: Instant | None) -> None:
        """Note how far the trigger was searched without an answer; None: no answer is needed."""
        self.searched = searched

    def consider(self, candidates: Iterable[Candidate]) -> None:
        """Set the candidates."""
        self.candidates = list(candidates)

    def note_request(self, candidate: Candidate) -> None:
        """Note a request as handled. A token that is no longer remembered makes a new request."""
        handled = (candidate.request, *self.state.handled_requests)[:MOST_REQUESTS_LISTED]
        self.state = replace(self.state, handled_requests=handled, last_requested=candidate.fire_time)

    def hold_later_candidates(self) -> None:
        """Let all later candidates wait."""
        self.held_up = True

    def leave_undecided(self, fire_time: Instant, until: float) -> None:
        """Leave a fire time, and all after it, undecided until an instant."""
        self.undecided, self.undecided_until = fire_time, until

    def decide_until(self, fire_time: Instant) -> None:
        """Record that every fire time up to this one is decided. The record never goes back."""
        self.state = replace(self.state, cursor=max(fire_time, self.state.cursor or 0))

    # -- the decision on a fire time

    def start(self, candidate: Candidate) -> None:
        """Count it as started, and have it started."""
        self._move(candidate, "started", active=1)
        facts = self.facts
        # What has its Job already runs as a Job, whatever the resource has come to run since.
        a_job = facts.durable or candidate.adopted
        executor, holder = (JOBS_EXECUTOR, "") if a_job else (self.schedule.executor, facts.me)
        name = self.name(candidate)
        began = next((job.created for job in facts.jobs or () if job.name == name), int(facts.now))
        run = ActiveRun(name, candidate.fire_time, began, executor, holder=holder, request=candidate.request)
        last = self.state.last_scheduled if candidate.request else self.state.last_with(candidate.fire_time)
        self.state = replace(self.state, active=(*self.state.active, run), last_scheduled=last)
        self.tell(Verdict.STARTED, candidate, delay=max(0.0, facts.now - self.due_at(candidate)) / facts.second)
        # What is there already is found to be there, however late that is.
        self.launch(run, None if candidate.adopted else start_by(self.schedule, run))

    def start_again(self, run: ActiveRun) -> None:
        """Start the next attempt of a run."""
        executor, holder = (JOBS_EXECUTOR, "") if self.facts.durable else (self.schedule.executor, self.facts.me)
        again = replace(run, retry_at=None, started=int(self.facts.now), executor=executor, holder=holder)
        active = tuple(again if one.name == run.name else one for one in self.state.active)
        self.state = replace(self.state, active=active)
        self.launch(again)

    def adopt_passed_over(self, job: JobView) -> None:
        """Count a Job as the run of its fire time, which the schedule does not name now."""
        state, counts = self.state, self.state.counts
        counts = replace(counts, due=counts.due + 1, started=counts.started + 1, active=counts.active + 1)
        run = ActiveRun(job.name, job.fire_time, job.created, JOBS_EXECUTOR)
        # Fire times of the schedule before a Job that lies ahead of them are still to be decided.
        cursor = state.cursor if job.fire_time > state.decided_until else max(job.fire_time, state.cursor or 0)
        self.adopted_until = max(self.adopted_until, job.fire_time)
        last = state.last_with(job.fire_time)
        self.state = replace(state, active=(*state.active, run), counts=counts, cursor=cursor, last_scheduled=last)

    def ask_to_end(self, names: Iterable[str], message: str) -> None:
        """Mark active runs that another run replaces."""
        leaving = frozenset(names)
        self.state = replace(
            self.state,
            active=tuple(
                replace(run, cancelling=Reason.REPLACED, message=message) if run.name in leaving else run
                for run in self.state.active
            ),
        )

    def launch(self, run: ActiveRun, latest: Instant | None = None) -> None:
        """Have an attempt started that is active in the draft. An attempt that its executor has refused has failed."""
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

    def coalesce(self, candidate: Candidate, message: str) -> None:
        """Count it as coalesced: another fire time that is due runs instead."""
        self._move(candidate, "coalesced")
        self.tell(Verdict.COALESCED, candidate, Refusal(Reason.COALESCED, message))

    def count_missed(self, count: int, last: Instant, why: Refusal) -> None:
        """Count fire times in a row as missed, of which ``last`` is the latest, and remember why."""
        counts = self.state.counts
        self.state = replace(self.state, counts=replace(counts, due=counts.due + count, missed=counts.missed + count))
        self.remember_misfire(Outcome.MISSED, Candidate(last), why, count)
        self.notices.append(Decided(self.schedule.ref, Verdict.MISSED, count, last, why.reason, why.message))

    def count_coalesced(self, count: int, last: Instant, message: str) -> None:
        """Count fire times as coalesced, of which ``last`` is the latest."""
        counts = self.state.counts
        counts = replace(counts, due=counts.due + count, coalesced=counts.coalesced + count)
        self.state = replace(self.state, counts=counts)
        self.notices.append(Decided(self.schedule.ref, Verdict.COALESCED, count, last, Reason.COALESCED, message))

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
        counts, queued = self.state.counts, self.state.queued
        source = "requested" if candidate.request else "due"
        moved = {source: getattr(counts, source) + 1}
        if candidate.queued:
            which = (candidate.fire_time, candidate.request)
            queued = tuple(one for one in queued if (one.fire_time, one.request) != which)
            moved = {"queued": counts.queued - 1}
        moved[field] = getattr(counts, field) + 1
        counts = replace(counts, active=counts.active + active, **moved)
        self.state = replace(self.state, counts=counts, queued=queued)

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
        """Add a notice, which is sent once the decision is recorded."""
        reason, message = ("", "") if why is None else (why.reason, why.message)
        run, request = self.name(candidate), candidate.request
        self.notices.append(
            Decided(self.schedule.ref, verdict, 1, candidate.fire_time, reason, message, delay, run, request)
        )


def run_of(schedule: Schedule, run: ActiveRun, state: State) -> Run:
    """Return a run as executors receive it."""
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
