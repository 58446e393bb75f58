"""What the loop knows of one resource between two decisions: the record, and what has not reached the record yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from kalends.engine.core.copying import replace
from kalends.engine.core.definition import Problem
from kalends.engine.core.policies import Refusal
from kalends.engine.core.refused_starts import NEGLIGIBLE_PAUSE, RefusedStarts
from kalends.engine.core.state import Instant, Ref, State
from kalends.engine.ports import RunReport, Snapshot
from kalends.triggers.protocol import may_search


@dataclass(slots=True)
class LocalRuns:
    """What this process knows of the runs of one resource and has not recorded, by the name of the run."""

    reports: dict[str, RunReport] = field(default_factory=dict)
    """Runs that have ended here, and claims that must not start any more; they are not recorded as ended."""
    here: dict[str, str] = field(default_factory=dict)
    """Runs started here and not recorded as ended, with their executor."""
    began: dict[str, float] = field(default_factory=dict)
    """When each of them was handed to its executor: its claim may have been written long before."""
    refused: dict[str, Refusal] = field(default_factory=dict)
    """Runs that their executor has refused to start."""
    created: dict[str, Instant] = field(default_factory=dict)
    """Runs whose Jobs were created here, or asked for without an answer, with their fire times."""
    asked_to_end: frozenset[str] = frozenset()
    """Runs whose executor has been asked for their end."""

    def are_recorded(self, record: State) -> None:
        """Forget what a record, which was just written, says."""
        active = {run.name for run in record.active}
        for name in [name for name in self.reports if name not in active]:
            del self.reports[name]
            self.here.pop(name, None)
            self.began.pop(name, None)
        self.refused.clear()
        if self.created:
            listed = active | {run.name for run in record.history}
            waiting = {run.fire_time for run in record.queued}
            decided = max(record.decided_until, record.last_requested or 0)
            # Of a fire time that is decided, no Job is counted any more, unless its run is still recorded as waiting.
            self.created = {
                name: at for name, at in self.created.items() if name not in listed and (at > decided or at in waiting)
            }
        self.forget_ends_asked_for(record)

    def forget_ends_asked_for(self, record: State | None) -> None:
        """Ask again for the end of a run if the record did not want its end in between."""
        self.asked_to_end &= {run.name for run in (() if record is None else record.active) if run.cancelling}


@dataclass(slots=True)
class Check:
    """The question to the executor whether runs of one resource can start."""

    generation: int | None = None
    """The generation that was answered last."""
    refusals: int = 0
    """How many checks in a row were refused, or got no answer."""
    at: float | None = None
    """When to check again, by the monotonic clock; None: when the resource changes."""


@dataclass(slots=True)
class Entry:
    """A resource. Only the loop, or the single task that acts on it, touches an entry."""

    snapshot: Snapshot
    version: str
    record: State | None
    runs: LocalRuns = field(default_factory=LocalRuns)
    check: Check = field(default_factory=Check)
    acting: bool = False
    again: bool = False
    """Whether something changed while it was acted on."""
    newer: Snapshot | None = None
    """What was seen while it was acted on."""
    awaited: int = 0
    """The newest generation that is known to exist. A large object is read after its metadata was seen."""
    unanswered: bool = False
    """Whether a record was sent and got no answer: it may be the current record."""
    forgotten: bool = False
    """Whether it was deleted; what acts on it stops where it is."""
    removed: bool = False
    """Whether its deletion was requested, and reported."""
    refused_starts: RefusedStarts | None = None
    """Starts that were refused lately, for a reason that may pass by itself."""
    write_seconds: float = 0.0
    """How long the last write of its record took."""
    failures: int = 0
    not_before: float = 0.0
    """After a failure: when to try again, by the monotonic clock."""
    found_request: str = ""
    """The request that was there when it was first seen, without a record."""
    contention: str = ""
    """The last message about another operator that watches it."""
    record_lost: bool = False
    """Whether the record was removed."""
    fault: Problem | None = None
    """What went wrong in checking it or deciding on it, until it changes."""

    record_refused: bool = False
    """Whether the fault is that its record was refused: any change of the resource may have corrected that."""

    @property
    def ref(self) -> Ref:
        """Whose entry it is."""
        return self.snapshot.ref

    @property
    def may_search(self) -> bool:
        """Whether a look at it may take as long as a search of its trigger may."""
        schedule = self.snapshot.schedule
        return schedule is not None and may_search(schedule.trigger)

    @property
    def problem(self) -> Problem | None:
        """Why it cannot be carried out now, if so."""
        return self.fault or self.snapshot.problem

    @property
    def unchecked(self) -> bool:
        """Whether its executor must still be asked if its runs can start. A resource recorded as ready was checked."""
        if (
            self.problem is not None
            or self.snapshot.schedule is None
            or self.check.generation == self.snapshot.generation
        ):
            return False
        record = self.record
        ready = None if record is None else record.conditions.get("Ready")
        return (
            record is None
            or ready is None
            or not ready.status
            or record.observed_generation != self.snapshot.generation
        )

    def must_be_checked(self, now: float) -> bool:
        """Return whether its executor is to be asked now, by the monotonic clock."""
        # An instant to wake at is less exact than the monotonic clock: it may come a little before.
        return self.unchecked if self.check.at is None else now > self.check.at - NEGLIGIBLE_PAUSE

    @property
    def has_unrecorded_end(self) -> bool:
        """Whether a run has ended here that is recorded as active."""
        return self.record is not None and any(run.name in self.runs.reports for run in self.record.active)

    @property
    def unrecorded_ends(self) -> list[str]:
        """The runs that have ended here, and are recorded as active: the key of the resource, and their names."""
        if self.record is None:
            return []
        return [f"{self.ref.key} {run.name}" for run in self.record.active if run.name in self.runs.reports]

    @property
    def is_behind(self) -> bool:
        """Whether a newer spec is known to exist and has not been read yet."""
        return self.awaited > self.snapshot.generation

    @property
    def has_news(self) -> bool:
        """Whether something was seen while it was acted on that is newer than what is known."""
        newer = self.newer
        return newer is not None and self.snapshot.precedes(newer.version, newer.compiled_with)

    @property
    def outdated(self) -> bool:
        """Whether its spec or its operator changed, or it was deleted, while it was acted on: then nothing starts."""
        newer, known = self.newer, self.snapshot
        changed = newer is not None and (
            (newer.generation, newer.operator, newer.compiled_with)
            != (known.generation, known.operator, known.compiled_with)
        )
        return self.forgotten or changed or self.is_behind

    def adopt(self, snapshot: Snapshot, now: float) -> None:
        """Replace the known record by the current record; ``now`` is an instant of the monotonic clock."""
        before = self.snapshot
        changed = (
            snapshot.generation != before.generation
            or snapshot.problem != before.problem
            or snapshot.compiled_with != before.compiled_with
        )
        if changed:
            # The edit may have removed the reason of a refusal; a Job whose creation got no answer may still appear.
            self.refused_starts = None if self.refused_starts is None else self.refused_starts.after_edit(now)
        if changed or snapshot.state != self.record or self.record_refused:
            if self.fault is not None:
                self.check.generation = None
            self.fault = None
            self.check.refusals, self.check.at = 0, None
            self.record_refused = False
            self.not_before = 0.0
        had_record = self.record is not None or before.record_problem is not None
        was_lost = had_record or self.record_lost
        self.record_lost = was_lost and snapshot.state is None and snapshot.record_problem is None
        self.runs.forget_ends_asked_for(snapshot.state)
        self.unanswered = False
        self.snapshot = snapshot
        self.version = snapshot.version
        self.record = snapshot.state

    def recorded(self, version: str, record: State) -> None:
        """Take note that ``record`` is written: what it holds needs no remembering here."""
        self.unanswered = False
        if self.newer is not None and self.newer.version == self.version:
            # The version that was written to, compiled with other surroundings: the record is on it, too.
            self.newer = _written(self.newer, version, record)
        self.version = version
        self.record = record
        self.snapshot = _written(self.snapshot, version, record)
        self.failures = 0
        self.not_before = 0.0
        if self.snapshot.record_problem is not None:
            return  # an unreadable record may still hold these runs, once it is corrected
        self.runs.are_recorded(record)


def _written(snapshot: Snapshot, version: str, record: State) -> Snapshot:
    """Return a snapshot with the record that was written to it."""
    return replace(snapshot, state=record, version=version, operator=record.operator, incomplete=False)


class Next(Enum):
    """What to do about a resource after a step."""

    DECIDE_AGAIN = auto()
    """Decide at once: there may be more to do."""
    SETTLE = auto()
    """Nothing is left to do: the decision that was acted on says when to look again."""
    WAIT = auto()
    """Decide at ``Entry.not_before``, or when the resource changes."""
