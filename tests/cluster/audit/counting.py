"""Do the counts add up: among themselves, with the fire times that there were, and with what really ran?"""

from __future__ import annotations

from collections.abc import Iterator

from .accounts import Account
from .patience import Patience
from .verdict import Finding, shown


def equations(account: Account, patience: Patience) -> Iterator[Finding]:
    """Both equations hold, and nothing is negative."""
    del patience
    counts = account.life.counts
    decided = sum(counts[name] for name in ("started", "missed", "coalesced", "skipped", "queued"))
    ended = sum(counts[name] for name in ("active", "succeeded", "failed", "cancelled", "lost"))
    evidence = [f"counts: {dict(counts)}"]
    if counts["due"] + counts["requested"] != decided:
        yield Finding("count", account.life.where, f"due + requested must be {decided}", evidence)
    if counts["started"] != ended:
        yield Finding("count", account.life.where, f"started must be {ended}", evidence)
    if any(value < 0 for value in counts.values()):
        yield Finding("count", account.life.where, "no count may be below 0", evidence)


def every_fire_time_once(account: Account, patience: Patience) -> Iterator[Finding]:
    """``counts.due`` is the number of fire times up to the cursor, no more and no less."""
    del patience
    life = account.life
    if life.final is None:
        return
    possible = life.due | life.doubtful | (life.overtaken & account.made.keys())
    counted, least, most = life.counts["due"], len(life.due), len(possible)
    if least <= counted <= most:
        return
    kind, words = ("lost", "too few") if counted < least else ("count", "too many")
    listed = f"{least} to {most}" if most > least else f"{least}"
    evidence = [f"the cursor is {life.status.get('decidedUntilTime')}", f"counts: {dict(life.counts)}"]
    if life.due:
        evidence.append(f"fire times from {shown(min(life.due))} to {shown(max(life.due))}")
    no_run = sorted(life.due - account.ran.keys() - account.made.keys())
    evidence += [f"{len(no_run)} of them left no trace of a run: {', '.join(str(t % 100_000) for t in no_run[:30])}"]
    yield Finding(kind, life.where, f"counts.due is {counted}, {words}: there were {listed} fire times", evidence)


def starts_are_real(account: Account, patience: Patience) -> Iterator[Finding]:
    """``counts.started`` is what the ledger and the Jobs show, but for runs that were cut off before they began."""
    del patience
    life, counts = account.life, account.life.counts
    if life.final is None:
        return
    seen = account.seen_starts
    evidence = [
        f"counts: {dict(counts)}",
        f"{len(account.ran)} fire times in the ledger, {len(account.made)} with Jobs",
    ]
    if seen > counts["started"]:
        recorded = {entry["scheduledTime"] for entry in life.status.get("history", ())}
        evidence += [f"recorded: {', '.join(sorted(recorded))}"]
        yield Finding(
            "count", life.where, f"{seen} runs were seen, but counts.started is {counts['started']}", evidence
        )
    unseen = counts["started"] - seen
    never_began = counts["lost"] + counts["cancelled"]
    if account.runs_jobs:
        never_began += max(0, counts["failed"] - sum(1 for job in account.jobs if job.outcome == "fail"))
    if unseen > never_began and (account.runs_tasks or account.jobs_watched):
        yield Finding(
            "lost",
            life.where,
            f"{unseen} runs that were counted as started left no trace, {never_began} might",
            evidence,
        )


def reasons_fit_the_policy(account: Account, patience: Patience) -> Iterator[Finding]:
    """A fire time gets no run only for a reason that its manifest allows."""
    life, counts = account.life, account.life.counts
    policies, catches_up = life.ever("concurrencyPolicy", "Forbid"), life.ever("coalesce") == {"All"}
    short = account.longest_fault < patience.catch_up_runs / 2 and not patience.clock_steps
    # What waited when the schedule was edited or suspended is skipped, whatever the policy.
    outdated = sum(act.queued for act in life.acts if act.what == "edit")
    unlimited = life.ever("maxRuns") == {None}
    claims = (
        ("missed", 0, life.ever("startingDeadlineSeconds") == {None}, "it has no startingDeadlineSeconds"),
        ("coalesced", 0, catches_up and short and "Replace" not in policies, "coalesce is All"),
        ("skipped", outdated, unlimited and policies <= {"Allow", "Replace"}, f"its policy is {policies}"),
        ("queued", 0, policies == {"Allow"} and account.runs_jobs, "Jobs need no worker"),
    )
    for name, allowed, forbidden, because in claims:
        if forbidden and counts[name] > allowed:
            claim = f"{counts[name]} fire times are {name}, {allowed} might, as {because}"
            yield Finding("wrong decision", life.where, claim, [str(dict(counts))])


def no_more_than_asked(account: Account, patience: Patience) -> Iterator[Finding]:
    """``maxRuns`` is kept, and each manual request is one run."""
    del patience
    life, counts = account.life, account.life.counts
    (most, *more) = life.ever("maxRuns")
    if most is not None and not more and counts["started"] > most:
        yield Finding("wrong decision", life.where, f"{counts['started']} runs started; maxRuns is {most}")
    tokens = [act.request for act in life.acts if act.what == "request"]
    if counts["requested"] > len(set(tokens)):
        yield Finding(
            "doubled",
            life.where,
            f"{counts['requested']} requested runs were counted, {len(set(tokens))} requests were made",
            tokens,
        )
    if tokens and life.final is not None and tokens[-1] not in (life.status.get("handledRequests") or ()):
        yield Finding("lost", life.where, f"the last manual request, {tokens[-1]}, was not handled", tokens)


CHECKS = (equations, every_fire_time_once, starts_are_real, reasons_fit_the_policy, no_more_than_asked)
