"""Is the recorded end true: each outcome right, each history entry true, nothing stuck, nothing undecided?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .accounts import Account
from .dossier import Execution
from .fire_times import instant_of
from .patience import Patience
from .verdict import Finding, shown

NO_RUN = {"Missed", "Skipped"}


def outcomes_of_tasks(account: Account, patience: Patience) -> Iterator[Finding]:
    """A run that succeeded by the ledger is recorded as such, unless its operator was killed before the record."""
    life, counts = account.life, account.life.counts
    if not account.runs_tasks or life.final is None or counts["active"]:
        return
    last = [runs[-1] for runs in (*account.ran.values(), *_last_requested(account))]
    seen = Counter(one.outcome or "cut" for one in last)
    unrecorded = Counter(one.outcome for one in last if account.maybe_unrecorded(one, patience.record))
    stopped = counts["cancelled"]
    if any("activeDeadlineSeconds" in spec for spec in life.specs):
        stopped += counts["failed"]
    evidence = [f"counts: {dict(counts)}", f"ledger: {dict(seen)}, of these {dict(unrecorded)} just before a kill"]
    if counts["succeeded"] > seen["ok"]:
        claim = f"{counts['succeeded']} successful runs are recorded, {seen['ok']} are in the ledger"
        yield Finding("outcome", life.where, claim, evidence)
    if seen["ok"] - counts["succeeded"] > unrecorded["ok"] + stopped:
        claim = f"{seen['ok']} runs succeeded, but {counts['succeeded']} are recorded as succeeded"
        yield Finding("outcome", life.where, claim, evidence)
    if seen["fail"] - counts["failed"] > unrecorded["fail"] + stopped:
        claim = f"{seen['fail']} runs failed, but {counts['failed']} are recorded as failed"
        yield Finding("outcome", life.where, claim, evidence)
    if seen["cut"] > counts["lost"] + stopped:
        claim = f"{seen['cut']} runs were cut off, but {counts['lost']} are recorded as lost"
        yield Finding("outcome", life.where, claim, evidence)


def _last_requested(account: Account) -> list[list[Execution]]:
    by_request: dict[int, list[Execution]] = {}
    for runs in account.requested_runs.values():
        by_request.setdefault(runs[0].fire, []).extend(runs)
    return [sorted(runs, key=lambda one: one.attempt) for runs in by_request.values()]


def outcomes_of_jobs(account: Account, patience: Patience) -> Iterator[Finding]:
    """The outcome of each Job is recorded; only a deleted Job is lost."""
    del patience
    life, counts = account.life, account.life.counts
    if not account.runs_jobs or life.final is None or counts["active"] or not account.jobs_watched:
        return
    last = [
        max(jobs, key=lambda job: job.attempt) for jobs in (*account.made.values(), *account.requests_made.values())
    ]
    seen = Counter(job.outcome for job in last)
    gone = sum(1 for job in last if job.deleted)
    evidence = [f"counts: {dict(counts)}", f"Jobs: {dict(seen)}, {gone} of them deleted"]
    # One that was deleted may have ended unseen: by us, or by the operator.
    if not seen["ok"] - gone <= counts["succeeded"] <= seen["ok"] + gone:
        claim = f"{seen['ok']} Jobs succeeded, but {counts['succeeded']} are recorded as succeeded"
        yield Finding("outcome", life.where, claim, evidence)
    if counts["lost"] > gone:
        yield Finding("outcome", life.where, f"{counts['lost']} runs are lost, but {gone} Jobs were deleted", evidence)


def history_is_true(account: Account, patience: Patience) -> Iterator[Finding]:
    """Each entry of the history is of one run, and the ledger does not say otherwise."""
    del patience
    life, ran, made = account.life, account.ran, account.made
    entries = life.status.get("history") or ()
    doubled = [name for name, count in Counter(e["name"] for e in entries if not e.get("count")).items() if count > 1]
    if doubled:
        yield Finding("doubled", life.where, "runs stand in the history twice", doubled)
    for entry in entries:
        if entry.get("request") or entry.get("count"):
            continue
        fire, outcome = instant_of(entry["scheduledTime"]), entry["outcome"]
        runs, jobs = ran.get(fire, []), made.get(fire, [])
        wrong = (
            (outcome == "Succeeded" and not any(one.outcome == "ok" for one in runs) and not jobs)
            or (outcome == "Failed" and any(one.outcome == "ok" for one in runs))
            or (outcome in NO_RUN and (runs or jobs))
        )
        if wrong:
            evidence = [f"{one.run} attempt {one.attempt}: {one.outcome or 'cut off'}" for one in runs]
            evidence += [f"Job {job.name}: {job.outcome or 'no end'}" for job in jobs]
            yield Finding("outcome", life.where, f"{entry['name']} is recorded as {outcome}", evidence or ["no run"])


def nothing_is_stuck(account: Account, patience: Patience) -> Iterator[Finding]:
    """At a quiet end nothing is active or queued, and lists have as many entries as counts tell."""
    life, status, counts = account.life, account.life.status, account.life.counts
    for name in ("active", "queued"):
        listed = status.get(name) or ()
        if len(listed) != min(counts[name], 50) and (name == "active" or listed):
            claim = f"counts.{name} is {counts[name]}, but {len(listed)} are listed"
            yield Finding("count", life.where, claim, [str(one) for one in listed])
        if patience.quiet and life.final is not None and counts[name]:
            claim = f"{counts[name]} runs are {name} although all is over"
            yield Finding("stuck", life.where, claim, [str(one) for one in listed])


def cursor_is_there(account: Account, patience: Patience) -> Iterator[Finding]:
    """Every fire time that has been due for a while has been decided."""
    life = account.life
    ready = [one for one in life.status.get("conditions") or () if one["type"] == "Ready"]
    if any(one["status"] == "False" or one["reason"] == "Exhausted" for one in ready):
        return
    overdue = [t for t in life.undecided if t < account.at - patience.reach]
    if overdue:
        evidence = [f"the cursor is {life.status.get('decidedUntilTime')}, now is {shown(account.at)}"]
        evidence += [f"{shown(t)} is undecided" for t in overdue]
        yield Finding("lost", life.where, f"{len(overdue)} fire times are undecided", evidence)


CHECKS = (outcomes_of_tasks, outcomes_of_jobs, history_is_true, nothing_is_stuck, cursor_is_there)
