"""What is gathered before deciding, and what comes of it: the two sides of every decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kalends.engine.core.holders import Holders
from kalends.engine.core.policies import Refusal
from kalends.engine.core.refused_starts import RefusedStarts
from kalends.engine.core.state import ActiveRun, State
from kalends.engine.ports import JobView, Notice, Run, RunReport
from kalends.model.reasons import Reason


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision may know beyond the schedule and its record."""

    now: float
    """In units of instants, like all of its instants."""
    me: str
    """This operator's identity: the holder of the runs that it claims."""
    second: int = 1
    """How many units of an instant a second has."""
    holders: Holders = field(default_factory=Holders)
    """Which other operators there are, and which are known to be gone."""
    durable: bool = False
    """Whether runs of this schedule continue without this process (Kubernetes Jobs)."""
    free_slots: int = 1_000_000
    obstacle: str = ""
    """Why no worker may ever be free again, in words."""
    reports: Mapping[str, RunReport] = field(default_factory=dict)
    """Runs in this process that have ended and are not recorded as ended, by name."""
    here: frozenset[str] = frozenset()
    """Runs that this process has started and that are not recorded as ended, by name."""
    began: Mapping[str, float] = field(default_factory=dict)
    """When each of these was handed to its executor, by name."""
    jobs: Sequence[JobView] | None = None
    """The resource's Jobs; None where they are not known (yet)."""
    orphans: Sequence[JobView] = ()
    """Jobs without any controller that only their label and their name assign to the resource."""
    created: frozenset[str] = frozenset()
    """Runs whose Jobs this process created, or asked for without an answer, and has not recorded yet, by name."""
    gone: frozenset[str] = frozenset()
    """Active runs whose Job is known not to be there, by name."""
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    """Runs that the executor has permanently refused to start, by name."""
    asked_to_end: frozenset[str] = frozenset()
    """Runs whose executor has been asked for their end, by name."""
    found_request: str = ""
    """The request that was there when this process first saw the resource, without a record."""
    record_lost: bool = False
    """Whether there was a record, and it was removed."""
    refused_starts: RefusedStarts | None = None
    """Why starts were refused lately, for a reason that may pass by itself."""
    checked: bool = True
    """Whether the executor has been asked if runs of this generation can start. Until then runs end, and nothing
    else is decided."""
    starts_at: float | None = None
    """Before this instant no start is tried; None: now is the time to try."""
    dispatch: bool = True
    """Whether fire times may be decided at all; not while the operator drains."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and the record once it is done.

    The order of acting is fixed: ``starts_claimed`` (their claim is recorded), ``starts_before`` (idempotent), then
    the record, then ``starts_after`` (their claim is recorded now), ``cancels`` (that they must end is recorded),
    ``looks``, ``deletes``, and ``remove``. A claim that was recorded and did not start, as something came in between,
    comes back as ``starts_claimed`` of the next decision.
    """

    state: State
    starts_claimed: tuple[Run, ...] = ()
    starts_before: tuple[Run, ...] = ()
    starts_after: tuple[Run, ...] = ()
    cancels: tuple[ActiveRun, ...] = ()
    """Runs whose executor is to be asked for their end."""
    looks: tuple[str, ...] = ()
    """Jobs to be read: a run is active, and no watch shows its Job."""
    takes_up: tuple[JobView, ...] = ()
    """Jobs to be followed from now on, before anything is decided: their controller reference was removed before they
    were recorded."""
    deletes: tuple[str, ...] = ()
    """Jobs beyond their history limit."""
    remove: bool = False
    """Whether the resource itself is to be deleted: ``ttlSecondsAfterFinished`` is over."""
    unstarted: Mapping[str, RunReport] = field(default_factory=dict)
    """How recorded claims of this operator end that must not start any more, by the name of the run."""
    notices: tuple[Notice, ...] = ()
    wake_at: float | None = None
    foreign: bool = False
    """Whether another operator decides on the resource."""
    unrecorded: bool = False
    """Whether no record is written yet: that of a backup may follow, or a Job is to be followed first."""
    waiting: bool = False
    """Whether a run waits only for a free worker of its pool."""
    searching: bool = False
    """Whether what is due is not known yet: the search of the trigger continues at the next look."""

    @property
    def leaves_nothing_to_decide(self) -> bool:
        """Whether nothing is left to decide once it is recorded, and what it claims was started.

        The next decision would find the same record, nothing to do, and the same instant to look again. It does not
        hold where acting brings new facts: Jobs that exist, runs that end, a resource that goes. Nor where a run waits
        for another one: the next decision may ask that one to end. Nor while the conditions show that starts are
        refused: the next decision may show that one has succeeded.
        """
        ready = self.state.conditions.get("Ready")
        brings_facts = self.starts_claimed or self.starts_before or self.cancels or self.looks or self.takes_up
        return not (
            brings_facts
            or self.deletes
            or self.remove
            or self.foreign
            or self.unrecorded
            or self.waiting
            or self.searching
            or self.state.queued
            or (ready is not None and ready.reason == Reason.START_REFUSED)
        )
