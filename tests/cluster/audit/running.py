"""Did the right things run: each once, for a fire time that there was, in time, alone where it had to be?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from .accounts import Account, is_requested, mark_in
from .dossier import Execution
from .patience import Patience
from .verdict import Finding, shown

ORPHAN = 1
"""The parent of a process whose own parent has ended. An operator under test is never process 1 itself."""


def nothing_from_nowhere(account: Account, patience: Patience) -> Iterator[Finding]:
    """Every run is for a fire time of the manifest that held: none comes from before an edit or after a deletion."""
    del patience
    life = account.life
    known = life.due | life.doubtful | set(life.undecided)
    for fire, runs in account.ran.items():
        if fire not in known:
            yield Finding(
                "from nowhere", life.where, f"ran for {shown(fire)}, which is no fire time", [*map(described, runs)]
            )
    for fire, jobs in account.made.items():
        if fire not in known | life.overtaken:
            names = [f"Job {job.name}, created at {shown(job.created)}" for job in jobs]
            yield Finding("from nowhere", life.where, f"made a Job for {shown(fire)}, which is no fire time", names)


def nothing_of_an_old_manifest(account: Account, patience: Patience) -> Iterator[Finding]:
    """What ran for a fire time after an edit ran as the edited manifest says.

    A claim is written under the version that it was decided from. So none of the old manifest can be written once the
    edit was answered, and all fire times that it names lie before that. A Job is created before that is written, so
    that it may be of the old manifest until the edit was seen.
    """
    life = account.life
    edits = [act for act in life.acts if act.what in {"apply", "edit"}]
    for old, new in pairwise(edits):
        if mark_in(old.spec) == mark_in(new.spec):
            continue
        stale = [one for one in account.executions if one.mark == mark_in(old.spec) and one.fire > new.done]
        if stale:
            claim = f"ran as it had been before the edit that was answered at {shown(new.done)}"
            yield Finding("old manifest", life.where, claim, [*map(described, stale)])
        jobs = [job for job in account.jobs if job.mark == mark_in(old.spec) and job.created > new.done + patience.seen]
        if jobs:
            claim = f"a Job was made as before the edit that was answered at {shown(new.done)}"
            yield Finding("old manifest", life.where, claim, [f"{job.name} at {shown(job.created)}" for job in jobs])


def nothing_twice(account: Account, patience: Patience) -> Iterator[Finding]:
    """Each attempt of each run was executed once, and has one Job."""
    del patience
    attempts: defaultdict[tuple[str, int, int], list[Execution]] = defaultdict(list)
    for one in account.executions:
        attempts[one.run if is_requested(one) else "", one.fire, one.attempt].append(one)
    for (_, fire, attempt), runs in attempts.items():
        if len(runs) > 1:
            claim = f"attempt {attempt} for {shown(fire)} ran {len(runs)} times"
            yield Finding("doubled", account.life.where, claim, [*map(described, runs)])
    jobs: defaultdict[tuple[int | None, str, int], list[str]] = defaultdict(list)
    for job in account.jobs:
        jobs[job.fire, job.request, job.attempt].append(f"Job {job.name}, UID {job.uid}, created {shown(job.created)}")
    for (fire_time, _, attempt), names in jobs.items():
        if len(names) > 1:
            claim = f"attempt {attempt} for {shown(fire_time or 0)} has {len(names)} Jobs"
            yield Finding("doubled", account.life.where, claim, names)


def attempts_are_asked_for(account: Account, patience: Patience) -> Iterator[Finding]:
    """A further attempt follows one that failed, one after the other, as often as ``retry`` allows."""
    del patience
    life = account.life
    policies = [spec.get("retry") for spec in life.specs]
    most = 1 + max((policy or {}).get("limit", 0) for policy in policies)
    on_lost = any((policy or {}).get("onLost") for policy in policies)
    stopped_early = any("activeDeadlineSeconds" in spec for spec in life.specs)
    for fire, runs in account.ran.items():
        evidence = [*map(described, runs)]
        if max(one.attempt for one in runs) > most:
            yield Finding("doubled", life.where, f"more than {most} attempts for {shown(fire)}", evidence)
        for before, after in pairwise(sorted(runs, key=lambda one: one.attempt)):
            if before.attempt == after.attempt:
                continue
            if before.outcome == "ok" and not (on_lost or stopped_early):
                yield Finding("doubled", life.where, f"tried again for {shown(fire)} after it went well", evidence)
            if before.end is None and not (on_lost or stopped_early):
                yield Finding("doubled", life.where, f"tried again for {shown(fire)} after it was lost", evidence)
            if after.start < account.stopped(before) and not stopped_early:
                yield Finding("overlap", life.where, f"attempts for {shown(fire)} overlap", evidence)


def alone_where_it_must_be(account: Account, patience: Patience) -> Iterator[Finding]:
    """No more runs are active at once than ``maxInstances``, unless the policy allows any number."""
    life = account.life
    if life.ever("concurrencyPolicy", "Forbid") & {"Allow"} or patience.clock_steps:
        return
    room = max(spec.get("maxInstances") or 1 for spec in life.specs)
    running: list[Execution] = []
    for one in sorted(account.executions, key=lambda one: one.start):
        running = [other for other in running if account.stopped(other) > one.start]
        running.append(one)
        if len(running) > room:
            claim = f"{len(running)} runs went on at once at {shown(one.start)}; maxInstances is {room}"
            yield Finding("overlap", life.where, claim, [*map(described, running)])
            return
    jobs = sorted((job for job in account.jobs if job.born_version), key=lambda one: one.born_version)
    for place, job in enumerate(jobs):
        others = [other for other in jobs[:place] if not other.gone_version or other.gone_version > job.born_version]
        others = [other for other in others if other.completed is None or other.completed > job.created]
        if len(others) >= room and all(other.completed or other.gone_version for other in others):
            claim = f"{len(others) + 1} Jobs went on at once at {shown(job.created)}; maxInstances is {room}"
            names = [f"Job {one.name}: created {one.created}, completed {one.completed}" for one in (*others, job)]
            yield Finding("overlap", life.where, claim, names)
            return


def in_time(account: Account, patience: Patience) -> Iterator[Finding]:
    """No run begins before its fire time, nor long after its deadline."""
    if patience.clock_steps:
        return
    life = account.life
    early = [one for one in account.executions if one.start < one.fire and not is_requested(one)]
    if early:
        yield Finding("early", life.where, "ran before its fire time", [*map(described, early)])
    deadlines = life.ever("startingDeadlineSeconds")
    if None in deadlines:
        return
    allowed = max(deadlines) + max(life.ever("jitterSeconds", 0)) + patience.late
    late = [
        one
        for one in account.executions
        if one.attempt == 1 and one.start - one.fire > allowed and not is_requested(one)
    ]
    if late:
        yield Finding(
            "late", life.where, f"began more than {allowed:.0f} s after its fire time", [*map(described, late)]
        )


def nothing_after_its_holder(account: Account, patience: Patience) -> Iterator[Finding]:
    """What ran in an operator that was killed does not continue: it is recorded as lost, and may be tried again."""
    for one in account.executions:
        if one.ancestors[0] == ORPHAN:
            claim = "began in a process whose operator had gone already"
            yield Finding("lingering", account.life.where, claim, [described(one)])
        for kill in account.kills:
            mine = not kill.pid or one.is_in(kill.pid)
            if mine and one.start < kill.at and one.end is not None and one.end > kill.at + patience.linger:
                claim = f"went on for {one.end - kill.at:.1f} s after its operator was killed at {shown(kill.at)}"
                yield Finding("lingering", account.life.where, claim, [described(one)])
                break


def described(one: Execution) -> str:
    """Return an execution in words."""
    end = "cut off" if one.end is None else f"{one.outcome} at {shown(one.end)}"
    return f"{one.run} attempt {one.attempt} '{one.mark}' began {shown(one.start)} in process {one.pid}, {end}"


def strangers(executions: Sequence[Execution]) -> Iterator[Finding]:
    """Executions that no manifest asked for."""
    for one in executions:
        yield Finding(
            "from nowhere", f"{one.namespace}/{one.name}", "ran, but no manifest asks for it", [described(one)]
        )


CHECKS = (
    nothing_from_nowhere,
    nothing_of_an_old_manifest,
    nothing_twice,
    attempts_are_asked_for,
    alone_where_it_must_be,
    in_time,
    nothing_after_its_holder,
)
