"""From due fire times to decisions: each gets exactly one, and the record moves past it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kalends.engine.catchup import Due, due_instant, due_now
from kalends.engine.facts import Facts
from kalends.engine.policies import Refusal, Situation, first_refusal
from kalends.engine.ports import Decided, Notice, Run, RunReport
from kalends.engine.schedule import JOBS_EXECUTOR, Schedule
from kalends.engine.settling import end
from kalends.engine.state import LISTED_ACTIVE, ActiveRun, Instant, Misfire, State
from kalends.model.reasons import Reason
from kalends.model.status import Outcome


@dataclass(slots=True)
class _Draft:
    """A decision in the making."""

    state: State
    starts: list[Run]
    notices: list[Notice]
    waiting_for: Instant | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """What became of the fire times that were due."""

    state: State
    starts: tuple[Run, ...]
    notices: tuple[Notice, ...]
    waiting_for: Instant | None
    """The fire time that waits for a worker of its pool; it is still undecided."""


def run_name(name: str, fire_time: Instant) -> str:
    """Return what a run, and its Job, is called: at most 52 characters, a hyphen, and ten digits."""
    return f"{name}-{fire_time}"


def plan(schedule: Schedule, state: State, facts: Facts) -> Planned:
    """Decide every fire time that is due, in the order missed, coalesced, skipped, started.

    A fire time that has its Job already is started: its creation was not recorded. One that finds no free worker in its
    pool stays undecided, and so do those after it; its deadline goes on counting.
    """
    after = state.decided_until
    trigger = schedule.trigger
    unrecorded = (job.fire_time for job in facts.jobs or () if job.fire_time > after)
    existing = frozenset(t for t in unrecorded if trigger.next_after(t - 1) == t)
    due = due_now(schedule, after, facts.now, existing)
    draft = _Draft(state, [], [])
    if due.count:
        _decide(schedule, due, facts, draft)
    return Planned(draft.state, tuple(draft.starts), tuple(draft.notices), draft.waiting_for)


def _decide(schedule: Schedule, due: Due, facts: Facts, draft: _Draft) -> None:
    _count_missed(schedule, due, facts, draft)
    free = facts.free_slots
    decided_until = due.last
    for fire_time in sorted({*due.chosen, *due.adopted}):
        adopted = fire_time in due.adopted
        refusal = None if adopted else first_refusal(_situation(schedule, fire_time, facts, draft.state))
        if refusal is not None:
            _skip(schedule, fire_time, refusal, draft)
        elif not (facts.outlives_us or adopted) and (free <= 0 or len(draft.state.active) >= LISTED_ACTIVE):
            draft.waiting_for = fire_time
            decided_until = schedule.trigger.tally(draft.state.decided_until, fire_time - 1).last
            break
        else:
            free -= 1
            _start(schedule, fire_time, facts, draft, adopted=adopted)
    _count_coalesced(schedule, due, draft)
    if decided_until is not None:
        cursor = max(decided_until, draft.state.cursor or 0)
        draft.state = replace(draft.state, cursor=cursor)


def _situation(schedule: Schedule, fire_time: Instant, facts: Facts, state: State) -> Situation:
    return Situation(
        fire_time=fire_time,
        due=due_instant(schedule, fire_time),
        now=facts.now,
        grace_time=schedule.grace_time,
        concurrency=schedule.concurrency,
        max_instances=schedule.max_instances,
        running=state.counts.active,
    )


def _count_missed(schedule: Schedule, due: Due, facts: Facts, draft: _Draft) -> None:
    if not due.missed.count or due.missed.last is None:
        return
    lateness = facts.now - due_instant(schedule, due.missed.last)
    message = f"{lateness:.1f} s late; `startingDeadlineSeconds` allows {schedule.grace_time} s"
    counts = draft.state.counts
    counts = replace(counts, due=counts.due + due.missed.count, missed=counts.missed + due.missed.count)
    misfire = Misfire(due.missed.last, Reason.DEADLINE_EXCEEDED, message)
    draft.state = replace(draft.state, counts=counts, last_misfire=misfire)
    draft.notices.append(
        Decided(schedule.ref, "Missed", due.missed.count, due.missed.last, Reason.DEADLINE_EXCEEDED, message)
    )


def _count_coalesced(schedule: Schedule, due: Due, draft: _Draft) -> None:
    last = due.last_coalesced
    if not due.coalesced or last is None or (draft.waiting_for is not None and last > draft.waiting_for):
        return
    counts = draft.state.counts
    counts = replace(counts, due=counts.due + due.coalesced, coalesced=counts.coalesced + due.coalesced)
    draft.state = replace(draft.state, counts=counts)
    message = f"another fire time that was due at the same time runs instead (`coalesce` is '{schedule.coalesce}')"
    draft.notices.append(Decided(schedule.ref, "Coalesced", due.coalesced, last, Reason.COALESCED, message))


def _skip(schedule: Schedule, fire_time: Instant, refusal: Refusal, draft: _Draft) -> None:
    counts = draft.state.counts
    counts = replace(counts, due=counts.due + 1, skipped=counts.skipped + 1)
    misfire = Misfire(fire_time, refusal.reason, refusal.message)
    draft.state = replace(draft.state, counts=counts, last_misfire=misfire)
    draft.notices.append(Decided(schedule.ref, "Skipped", 1, fire_time, refusal.reason, refusal.message))


def _start(schedule: Schedule, fire_time: Instant, facts: Facts, draft: _Draft, *, adopted: bool) -> None:
    run = run_of(schedule, fire_time, draft.state)
    counts = draft.state.counts
    counts = replace(counts, due=counts.due + 1, started=counts.started + 1, active=counts.active + 1)
    began = int(facts.now)
    # What has its Job already runs as a Job, whatever the resource has come to run since.
    executor, holder = (JOBS_EXECUTOR, "") if facts.outlives_us or adopted else (schedule.executor, facts.me)
    claimed = ActiveRun(run.name, fire_time, began, executor, run.attempt, holder)
    draft.state = replace(draft.state, active=(*draft.state.active, claimed), counts=counts)
    delay = facts.now - due_instant(schedule, fire_time)
    draft.notices.append(Decided(schedule.ref, "Started", 1, fire_time, delay=max(0.0, delay)))
    refusal = facts.refused.get(fire_time)
    if refusal is None:
        draft.starts.append(run)
        return
    report = RunReport(run.ref, run.name, fire_time, Outcome.FAILED, began, began, refusal.reason, refusal.message)
    draft.state, notice = end(draft.state, claimed, report)
    draft.notices.append(notice)


def adopt_passed_over(schedule: Schedule, state: State, facts: Facts, undecided_since: Instant) -> State:
    """Return the record with the Jobs that were created, not recorded, and then passed over by an edit or a suspension.

    Their fire times lie before the instant from which the schedule counts now, so that nobody would decide on them any
    more; but they run.
    """
    known = {run.name for run in state.active}
    for job in sorted(facts.jobs or (), key=lambda one: one.fire_time):
        passed_over = schedule.suspended or job.fire_time <= state.decided_until
        if job.fire_time <= undecided_since or not passed_over or job.name in known:
            continue
        counts = state.counts
        counts = replace(counts, due=counts.due + 1, started=counts.started + 1, active=counts.active + 1)
        run = ActiveRun(job.name, job.fire_time, job.created, JOBS_EXECUTOR)
        cursor = max(job.fire_time, state.cursor or 0)
        state = replace(state, active=(*state.active, run), counts=counts, cursor=cursor)
    return state


def run_of(schedule: Schedule, fire_time: Instant, state: State) -> Run:
    """Return the run of a fire time: what executors are told."""
    return Run(
        ref=schedule.ref,
        name=run_name(schedule.ref.name, fire_time),
        fire_time=fire_time,
        target=schedule.target,
        executor=schedule.executor,
        last_successful=state.last_successful,
    )
