"""Claims about what the policies made of those that were due, where there can be no doubt about it."""

from __future__ import annotations

from collections.abc import Iterator

from simulation.instants import rfc3339
from simulation.oracle.books import Life
from simulation.oracle.writing import Json, Writing, keys, known_by_its_job

CATCH_UP = 100


def wrong_choices(it: Writing) -> Iterator[str]:
    """What the policies made of those that were due, where there can be no doubt about it."""
    version, due = it.version, it.due
    if version is None:
        return
    spec = version.spec
    policy, most = spec.get("concurrencyPolicy", "Forbid"), spec.get("maxInstances", 1)
    chosen = [run for run in it.newly("active").values() if not known_by_its_job(it, run)]
    active = it.after["counts"]["active"]
    if policy != "Allow" and chosen and active > most:
        yield f"{active} are active, and maxInstances is {most}; new are {[run['name'] for run in chosen]}"
    limit = spec.get("maxRuns")
    scheduled = [run for run in chosen if not run.get("request")]
    requested = sum(1 for run in it.newly("active").values() if run.get("request"))
    if limit is not None and scheduled and it.after["counts"]["started"] - requested > limit:
        yield f"{it.after['counts']['started']} runs have started, and maxRuns is {limit}"
    if due:
        yield from _choice(it, spec, due)
    if policy == "Forbid" and "startingDeadlineSeconds" in spec:
        yield from _waiting(it, spec, due)


def _choice(it: Writing, spec: Json, due: list[int]) -> Iterator[str]:
    deadline = spec.get("startingDeadlineSeconds")
    policy, most = spec.get("concurrencyPolicy", "Forbid"), spec.get("maxInstances", 1)
    if deadline is None and it.grown("missed") and not it.before.get("active") and not it.before.get("queued"):
        yield "a run was missed, but no deadline is set"
    # What lies before a Job that was made by an earlier decision, and not recorded, was passed over by that one.
    taken_up = any(known_by_its_job(it, run) for run in it.newly("active").values())
    if spec.get("coalesce") == "All" and policy != "Replace" and not taken_up:
        # The last may stay undecided, for want of a worker or as their start was refused; others gave way to them, too.
        allowed = max(0, len(due) + len(_put_off(it, due)) - spec.get("maxCatchUpRuns", CATCH_UP))
        if it.grown("coalesced") > allowed:
            yield f"{it.grown('coalesced')} were coalesced, but coalesce is All"
    if policy != "Replace" and it.grown("coalesced") >= len(due) and not _put_off(it, due):
        yield f"all {len(due)} fire times were coalesced, so with what?"
    counts = it.before.get("counts", {})
    jitter = spec.get("jitterSeconds", 0)
    on_time = it.clock - due[0] <= (1.0 if deadline is None else min(1.0, deadline - 1.0)) and not jitter
    room = policy in {"Allow", "Queue"} or counts.get("active", 0) + counts.get("queued", 0) < most
    unlimited = "maxRuns" not in spec and "maxQueued" not in spec
    taken = {*keys(it.after, "active"), *keys(it.after, "queued"), *keys(it.after, "history")}
    asked = it.grown("requested")
    if len(due) == 1 and on_time and room and unlimited and not asked and rfc3339(due[0]) not in taken:
        yield f"{due[0]} was due, on time and had room, but did not start: {it.after.get('lastMisfire')}"


def _waiting(it: Writing, spec: Json, due: list[int]) -> Iterator[str]:
    """Under ``Forbid`` with a deadline, a fire time that finds no room waits within that, the newest alone."""
    most = spec.get("maxInstances", 1)
    waiting = [key for key, run in keys(it.after, "queued").items() if not run.get("request")]
    asked = len(it.after.get("queued", ())) - len(waiting)
    room = max(0, most - it.after["counts"]["active"] - asked)
    if set(waiting) & set(it.newly("queued")) and len(waiting) > room + 1:
        yield f"{len(waiting)} fire times wait, and there is room for {room}: {waiting}"
    jitter, late = spec.get("jitterSeconds", 0), it.clock - due[0] if due else 0.0
    in_time = late < spec["startingDeadlineSeconds"] - 1.0 and not jitter and it.behind == 0.0
    if len(due) == 1 and in_time and "maxRuns" not in spec:
        key = rfc3339(due[0])
        skipped = [run for run in it.after.get("history", ()) if run["scheduledTime"] == key]
        if any(run["outcome"] == "Skipped" and not run.get("request") for run in skipped):
            yield f"{key} was skipped {late:.1f} s after it was due, although it may wait"


def _put_off(it: Writing, due: list[int]) -> list[int]:
    """Return the fire times that are due, too, and stay undecided."""
    return [] if it.version is None else it.version.fires.between(due[-1], int(it.clock))


def wrong_with_removal(writer: str, life: Life) -> Iterator[str]:
    """Yield what is wrong with the end of a resource, where an operator has deleted it."""
    if not writer.startswith("op-"):
        return
    status, spec = life.status, life.newest.spec
    if "ttlSecondsAfterFinished" not in spec:
        yield f"{writer} has deleted it, and nobody wanted that"
    if status.get("active") or status.get("queued"):
        yield f"{writer} has deleted it while it had runs"
