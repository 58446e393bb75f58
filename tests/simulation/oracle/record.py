"""Claims about the sums and marks in one write of a status: they add up, and never go back."""

from __future__ import annotations

from collections.abc import Iterator

from simulation.instants import instant_of, rfc3339
from simulation.oracle.writing import NEVER_STARTED, Json, Writing, adopted

COUNTS = ("due", "requested", "started", "missed", "coalesced", "skipped", "queued", "active")
ENDS = ("succeeded", "failed", "cancelled", "lost")
MOST_HISTORY = 20
WHEN = ("schedule", "trigger", "timeZone", "startTime", "endTime", "exclude", "daylightSaving", "suspend")


def wrong_sums(it: Writing) -> Iterator[str]:
    """Yield what is wrong with the sums and marks."""
    yield from _sums(it)
    yield from _never_back(it)
    yield from _armed(it)
    yield from _last_run(it)
    yield from _due(it)


def _sums(it: Writing) -> Iterator[str]:
    counts = it.after.get("counts", {})
    every = {name: counts.get(name, 0) for name in (*COUNTS, *ENDS)}
    decided = sum(every[name] for name in ("started", "missed", "coalesced", "skipped", "queued"))
    if every["due"] + every["requested"] != decided:
        yield f"due + requested is not what was decided: {every}"
    if every["started"] != every["active"] + sum(every[name] for name in ENDS):
        yield f"started is not active + ended: {every}"
    if every["active"] != len(it.after.get("active", ())) or every["queued"] != len(it.after.get("queued", ())):
        yield f"counts and lists differ: {every}, {it.after.get('active')}, {it.after.get('queued')}"
    if min(every.values()) < 0:
        yield f"a count is negative: {every}"


def _never_back(it: Writing) -> Iterator[str]:
    for field in ("decidedUntilTime", "armedTime", "lastSuccessfulTime"):
        old, new = it.instant(it.before, field), it.instant(it.after, field)
        if old is not None and (new is None or new < old):
            yield f"{field} went back from {it.before[field]} to {it.after.get(field)}"
    for name in ("due", "requested", "coalesced", "missed", "skipped", *ENDS):
        if it.grown(name) < 0:
            yield f"counts.{name} went back"
    if it.after.get("observedGeneration", 0) < it.before.get("observedGeneration", 0):
        yield "observedGeneration went back"
    history = [instant_of(run["scheduledTime"]) for run in it.after.get("history", ())]
    if len(history) > MOST_HISTORY or history != sorted(history, reverse=True):
        yield f"history is too long, or not the newest first: {history}"


def _last_run(it: Writing) -> Iterator[str]:
    """``lastScheduleTime`` is the last fire time that got a run, and no other."""
    runs = [run for field in ("active", "history") for run in it.after.get(field, ()) if not run.get("request")]
    started = [run["scheduledTime"] for run in runs if run.get("outcome") not in NEVER_STARTED]
    known = it.before.get("lastScheduleTime", "")
    claimed = {run["scheduledTime"] for run in it.before.get("active", ()) if not run.get("request")}
    if known in claimed and known not in started and (started or len(it.after.get("history", ())) < MOST_HISTORY):
        known = ""  # it was claimed, and missed its deadline before it could start
    last = max([known, *started])
    if it.after.get("lastScheduleTime", "") != last:
        yield f"lastScheduleTime is {it.after.get('lastScheduleTime')}, and the last run was that of {last}"


def _armed(it: Writing) -> Iterator[str]:
    """What counts as the schedule's beginning moves only to an edit of the schedule that was made since."""
    old, new = it.instant(it.before, "armedTime"), it.instant(it.after, "armedTime")
    if new is None:
        yield "armedTime is missing"
        return
    if old is None:
        first, last = (it.life.created, it.clock) if it.life.restored else (it.life.created - 1, it.life.created)
        if not first <= new <= last:
            yield f"a resource seen for the first time counts from {new - it.life.created:+d} s of its creation"
        return
    seen, reported = it.generation_before, it.generation
    if reported == seen and new != old:
        reported = max(it.life.versions)  # an edit counts that is not reported, as Jobs before it are not counted yet
    edits = [one for generation, one in sorted(it.life.versions.items()) if seen < generation <= reported]
    known = it.life.versions.get(seen)
    if new != old and not edits:
        yield f"armedTime moved from {it.before['armedTime']} to {it.after['armedTime']} without an edit"
    elif new != old and not (int(edits[0].written) <= new <= int(edits[-1].written)) and new > it.clock:
        yield f"armedTime moved to {it.after['armedTime']}, which is the time of no edit"
    if edits and "timeZone" in edits[-1].spec:
        return  # a mistake: it has no fire times, whatever they count from
    if edits and known is not None and _when(known.spec) != _when(edits[-1].spec) and old >= it.life.created:
        changed = next(one for one in edits if _when(one.spec) != _when(known.spec))
        if new < int(changed.written - it.behind):
            yield f"the schedule was edited at {rfc3339(changed.written)}, and counts from {it.after['armedTime']}"


def _when(spec: Json) -> Json:
    """Return the part of a spec that decides when it fires."""
    return {field: spec.get(field) for field in WHEN} | {"suspend": bool(spec.get("suspend"))}


def _due(it: Writing) -> Iterator[str]:
    due, more = it.due, adopted(it)
    if it.grown("due") != len(due) + len(more):
        yield (
            f"counts.due grew by {it.grown('due')}, but between {it.decided_until()} and the cursor "
            f"{it.after.get('decidedUntilTime')} there are {len(due)} fire times: {due[:5]} (and {len(more)} adopted)"
        )
    # A Job that is there proves that its fire time has come, by the clock of whoever made it.
    proven = max((job.fire_time for job in it.life.jobs), default=0)
    if due and due[-1] > max(it.clock, proven):
        yield f"the fire time {due[-1]} is decided {due[-1] - it.clock:.1f} s before it is due"
