"""Claims about one write of a status: what it may change, given what stood there, the spec, and what really ran."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from simulation.bodies import Bodies, Body, End
from simulation.instants import instant_of, rfc3339
from simulation.oracle.books import Life, Version
from simulation.oracle.firetimes import FOREVER

Json = dict[str, Any]

COUNTS = ("due", "requested", "started", "missed", "coalesced", "skipped", "queued", "active")
ENDS = ("succeeded", "failed", "cancelled", "lost")
MOST_HISTORY = 20
NEVER_STARTED = frozenset({"Missed", "Skipped"})
WHEN = ("schedule", "trigger", "timeZone", "startTime", "endTime", "exclude", "daylightSaving", "suspend")
CATCH_UP = 100


def key_of(run: Json) -> str:
    """Return what a run is for: its request, or its fire time. Attempts share it."""
    return run.get("request") or run["scheduledTime"]


def keys(status: Json, field: str) -> dict[str, Json]:
    return {key_of(run): run for run in status.get(field, ())}


@dataclass(frozen=True)
class Writing:
    """One write of a status by an operator; ``clock`` is the latest instant that it may have taken for now."""

    life: Life
    before: Json
    after: Json
    writer: str
    leader: str
    """Who holds the lease, where there is one."""
    clock: float
    behind: float
    """By how many seconds its clock may have been late."""
    bodies: Bodies

    @property
    def version(self) -> Version | None:
        return self.life.versions.get(self.after.get("observedGeneration", 0))

    def grown(self, *names: str) -> int:
        """Return by how much counts have grown together."""
        old, new = self.before.get("counts", {}), self.after.get("counts", {})
        return sum(new.get(name, 0) - old.get(name, 0) for name in names)

    def instant(self, status: Json, field: str) -> int | None:
        return instant_of(status[field]) if field in status else None

    def decided_until(self) -> int:
        """Return up to when fire times had been decided."""
        marks = [self.instant(self.before, field) for field in ("armedTime", "lastScheduleTime")]
        return max((mark for mark in marks if mark is not None), default=self.life.created - 1)

    def lateness(self, now: float) -> float:
        """Return by how many seconds the first fire time that is decided here is late at ``now``."""
        version = self.version
        jitter = 0 if version is None else version.spec.get("jitterSeconds", 0)
        return now - self.due[0] - jitter if self.due else 0.0

    def newly(self, field: str) -> dict[str, Json]:
        """Return the runs that a list has gained."""
        old = keys(self.before, field)
        return {key: run for key, run in keys(self.after, field).items() if key not in old}

    @cached_property
    def due(self) -> list[int]:
        """The fire times that this write decides, by our own reckoning."""
        version, cursor = self.version, self.instant(self.after, "lastScheduleTime")
        if version is None or cursor is None:
            return []
        since = max(self.decided_until(), self.instant(self.after, "armedTime") or 0)
        return version.fires.between(since, cursor)


def wrong_in(it: Writing) -> Iterator[str]:
    """Yield what is wrong with a write."""
    if it.version is None:
        yield f"observedGeneration {it.after.get('observedGeneration')} is of no spec that ever was"
        return
    yield from _sums(it)
    yield from _never_back(it)
    yield from _armed(it)
    yield from _due(it)
    yield from _starts(it)
    yield from _ends(it)
    yield from _attempts(it)
    yield from _policies(it)


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
    for field in ("lastScheduleTime", "armedTime", "lastSuccessfulTime"):
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


def _armed(it: Writing) -> Iterator[str]:
    """What counts as the schedule's beginning moves only to an edit of the schedule that was made since."""
    old, new = it.instant(it.before, "armedTime"), it.instant(it.after, "armedTime")
    if new is None:
        yield "armedTime is missing"
        return
    if old is None:
        if not it.life.created - 1 <= new <= it.life.created:
            yield f"a resource seen for the first time counts from {new - it.life.created:+d} s of its creation"
        return
    seen, told = it.before.get("observedGeneration", 0), it.after.get("observedGeneration", 0)
    edits = [one for generation, one in sorted(it.life.versions.items()) if seen < generation <= told]
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


def adopted(it: Writing) -> list[str]:
    """Return the runs whose Jobs had been created without being recorded, and that no schedule names any more."""
    due, since = set(it.due), it.decided_until()
    found = []
    ended = {key: run for key, run in it.newly("history").items() if run["outcome"] not in NEVER_STARTED}
    for key, run in {**it.newly("active"), **ended}.items():
        if key in it.life.runs:
            continue
        job = it.life.job_of(key)
        at = instant_of(run["scheduledTime"])
        if job is not None and not run.get("request") and at not in due and at > since:
            found.append(key)
    return found


def _due(it: Writing) -> Iterator[str]:
    due, more = it.due, adopted(it)
    if it.grown("due") != len(due) + len(more):
        yield (
            f"counts.due grew by {it.grown('due')}, but between {it.decided_until()} and the cursor "
            f"{it.after.get('lastScheduleTime')} there are {len(due)} fire times: {due[:5]} (and {len(more)} adopted)"
        )
    if due and due[-1] > it.clock:
        yield f"the fire time {due[-1]} is decided {due[-1] - it.clock:.1f} s before it is due"


def _starts(it: Writing) -> Iterator[str]:
    """Each fire time is started at most once, and only if it was due, queued, asked for, or has its Job."""
    due, more = set(it.due), adopted(it)
    queued = keys(it.before, "queued")
    for key, run in it.newly("active").items():
        if key in it.life.runs:
            yield f"{run['name']} is started, but was before"
        if not run.get("request") and instant_of(key) not in due and key not in queued and key not in more:
            yield f"{run['name']} is started, but was neither due nor queued"
    for key, run in it.newly("queued").items():
        if key in it.life.runs or key in it.life.waited:
            yield f"{run['name']} is queued, but was queued or started before"
        if not run.get("request") and instant_of(key) not in due:
            yield f"{run['name']} is queued, but was not due"
    left = [key for key in queued if key in it.newly("active")]
    waiting = [key for key in keys(it.after, "queued") if key in queued]
    order = list(queued)
    if left and waiting and max(map(order.index, left)) > min(map(order.index, waiting)):
        yield f"of those that wait {left} went first, before {waiting}"


def _ends(it: Writing) -> Iterator[str]:
    """What has ended is on record as what it was."""
    gone = [run for key, run in keys(it.before, "active").items() if key not in keys(it.after, "active")]
    old = {key_of(run) for run in it.before.get("history", ()) if run["outcome"] not in NEVER_STARTED}
    told = {
        key_of(run): run
        for run in it.after.get("history", ())
        if key_of(run) not in old and run["outcome"] not in NEVER_STARTED and "count" not in run
    }
    at_once = [key for key in told if key not in keys(it.before, "active")]
    for key in at_once:
        if key in it.life.runs:
            yield f"{told[key]['name']} has ended, but had before"
    ended = it.grown(*ENDS)
    unstarted = len(gone) - (ended - len(at_once))
    if not 0 <= unstarted <= it.grown("missed"):
        yield f"{len(gone)} runs are active no longer, but {ended} have ended ({len(at_once)} of them at once)"
    for run in gone:
        end = told.get(key_of(run))
        if end is not None:
            yield from _truly(it, run, end)
        elif run.get("attempt", 1) == 1 and unstarted and it.bodies.of_run(it.life.number, run["name"]):
            yield f"{run['name']} is on record as missed, or not at all, but it ran"


def _truly(it: Writing, run: Json, end: Json) -> Iterator[str]:
    name, outcome = run["name"], end["outcome"]
    bodies = it.bodies.of_run(it.life.number, name)
    last: Body | None = bodies[-1] if bodies else None
    if outcome == "Succeeded" and (last is None or last.end is not End.RETURNED):
        yield f"{name} is on record as succeeded, but in truth {_fate(last)}"
    if outcome == "Failed" and last is not None and last.end not in {End.RAISED, End.KILLED}:
        yield f"{name} is on record as failed ({end.get('reason')}), but in truth {_fate(last)}"
    if outcome == "Lost":
        job = it.life.job(name)
        if run.get("holder") == it.writer:
            yield f"{name} is on record as lost by {it.writer}, which holds it"
        if run.get("holder") and run["holder"] == it.leader:
            yield f"{name} is on record as lost by {it.writer}, but {it.leader} holds it, and leads"
        if not run.get("holder") and job is not None and job.deleted is None:
            yield f"{name} is on record as lost, but its Job is there"


def _fate(body: Body | None) -> str:
    if body is None:
        return "it never ran"
    return "it still runs" if body.end is None else f"it was {body.end}"


def _attempts(it: Writing) -> Iterator[str]:
    """A run is tried again only after its attempt before that, and no more often than it may be."""
    old = keys(it.before, "active")
    for key, run in keys(it.after, "active").items():
        if key not in old or run.get("attempt", 1) == old[key].get("attempt", 1):
            continue
        name, attempt = old[key]["name"], run.get("attempt", 1)
        between = range(old[key].get("attempt", 1) + 1, attempt)
        ran = [
            one
            for one in it.bodies.entered
            if one.life == it.life.number and one.fire_time == instant_of(run["scheduledTime"])
        ]
        if attempt <= old[key].get("attempt", 1) or any(one.attempt in between for one in ran):
            # Attempts that were refused at once, and never ran, may be passed over.
            yield f"{name} is followed by attempt {attempt}"
        limits = [one.spec.get("retry", {}).get("limit", 0) for one in it.life.versions.values()]
        if attempt > max(limits) + 1:
            yield f"{run['name']} is attempt {attempt}, and at most {max(limits)} retries are allowed"
        last = next(reversed(it.bodies.of_run(it.life.number, name)), None)
        limit = min(one.spec.get("activeDeadlineSeconds", FOREVER) for one in it.life.versions.values())
        if last is None or last.end is not End.RETURNED or (last.left or 0) - last.entered >= limit:
            continue
        if not old[key].get("cancelling"):
            holder = old[key].get("holder")
            if holder == it.writer or not (holder or _job_is_gone(it.life, name)):
                yield f"{name} went well, and is tried again"


def _job_is_gone(life: Life, name: str) -> bool:
    job = life.job(name)
    return job is None or job.deleted is not None


def _known_by_its_job(it: Writing, run: Json) -> bool:
    """Return whether a run was started before this decision, as its Job shows: the decision only takes note of it."""
    job, version = it.life.job(run["name"]), it.version
    if job is None or version is None:
        return False
    return job.maker != it.writer or job.version < version.number or job.stale


def _policies(it: Writing) -> Iterator[str]:
    """What the policies made of those that were due, where there can be no doubt about it."""
    version, due = it.version, it.due
    if version is None:
        return
    spec = version.spec
    policy, most = spec.get("concurrencyPolicy", "Forbid"), spec.get("maxInstances", 1)
    chosen = [run for run in it.newly("active").values() if not _known_by_its_job(it, run)]
    active = it.after["counts"]["active"]
    if policy != "Allow" and chosen and active > most:
        yield f"{active} are active, and maxInstances is {most}; new are {[run['name'] for run in chosen]}"
    limit = spec.get("maxRuns")
    scheduled = [run for run in chosen if not run.get("request")]
    by_hand = sum(1 for run in it.newly("active").values() if run.get("request"))
    if limit is not None and scheduled and it.after["counts"]["started"] - by_hand > limit:
        yield f"{it.after['counts']['started']} runs have started, and maxRuns is {limit}"
    if due:
        yield from _choice(it, spec, due)


def _choice(it: Writing, spec: Json, due: list[int]) -> Iterator[str]:
    deadline = spec.get("startingDeadlineSeconds")
    policy, most = spec.get("concurrencyPolicy", "Forbid"), spec.get("maxInstances", 1)
    if deadline is None and it.grown("missed") and not it.before.get("active") and not it.before.get("queued"):
        yield "a run was missed, but no deadline is set"
    # What lies before a Job that was made by an earlier decision, and not recorded, was passed over by that one.
    taken_up = any(_known_by_its_job(it, run) for run in it.newly("active").values())
    if spec.get("coalesce") == "All" and policy != "Replace" and not taken_up:
        allowed = max(0, len(due) - spec.get("maxCatchUpRuns", CATCH_UP))
        if it.grown("coalesced") > allowed:
            yield f"{it.grown('coalesced')} were coalesced, but coalesce is All"
    if policy != "Replace" and it.grown("coalesced") >= len(due):
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


def wrong_with_removal(writer: str, life: Life) -> Iterator[str]:
    """Yield what is wrong with the end of a resource, where an operator has deleted it."""
    if not writer.startswith("op-"):
        return
    status, spec = life.status, life.newest.spec
    if "ttlSecondsAfterFinished" not in spec:
        yield f"{writer} has deleted it, and nobody wanted that"
    if status.get("active") or status.get("queued"):
        yield f"{writer} has deleted it while it had runs"
