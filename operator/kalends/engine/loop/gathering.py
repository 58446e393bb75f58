"""From what the loop knows of a resource to a decision about it: facts are gathered here, and decided on elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable

from kalends.clock import Clock
from kalends.engine.core.copying import replace
from kalends.engine.core.definition import Problem
from kalends.engine.core.facts import Decision, Facts
from kalends.engine.core.holders import Holders, operator_of
from kalends.engine.core.refused_starts import NEGLIGIBLE_PAUSE
from kalends.engine.core.state import State
from kalends.engine.decisions.decide import decide, decide_invalid
from kalends.engine.decisions.foreign_resources import decide_foreign, decide_standing_by
from kalends.engine.decisions.restored import first_record_of_invalid, waits_for_status
from kalends.engine.loop.ending_namespaces import EndingNamespaces
from kalends.engine.loop.entry import Entry
from kalends.engine.loop.executor_table import ExecutorTable
from kalends.engine.loop.queues.worker_queue import WorkerQueue
from kalends.model.reasons import Reason

log = logging.getLogger(__name__)


class Gatherer:
    """Decides on entries, from what it gathers about each."""

    def __init__(
        self,
        clock: Clock,
        identity: str,
        executors: ExecutorTable,
        workers: WorkerQueue,
        namespaces: EndingNamespaces,
        acts_for: Callable[[str], bool],
    ) -> None:
        self.identity = identity
        """Of this operator: the holder of the runs that it claims."""
        self.holders = Holders(operator_of(identity))
        """Which other operators there are."""
        self._clock = clock
        self._executors = executors
        self._workers = workers
        self._namespaces = namespaces
        self._acts_for = acts_for

    def is_open(self, entry: Entry) -> bool:
        """Return whether fire times of a resource are decided: at the end of the process, they are left to the next."""
        schedule = entry.snapshot.schedule
        executor = None if schedule is None else schedule.executor
        return self._executors.accepts(executor) and self._acts_for(entry.ref.namespace)

    def decide(self, entry: Entry) -> Decision:
        """Decide on a resource now. Should that fail, the decision is that it cannot be carried out."""
        try:
            return self._decide(entry)
        except Exception as error:  # a bad resource affects only itself: its conditions show it, the loop continues
            log.exception("%s: deciding failed", entry.ref.key)
            entry.fault = Problem(Reason.INTERNAL_ERROR, f"deciding failed: {type(error).__name__}: {error}"[:1024])
            return self._decide(entry)

    def _decide(self, entry: Entry) -> Decision:
        facts = self._gather(entry)
        record, schedule = entry.record, entry.snapshot.schedule
        if not self._acts_for(entry.ref.namespace):
            known = record or State(armed=entry.snapshot.created - 1)
            return decide_standing_by(known, facts, None if schedule is None else schedule.retry)
        if self.is_foreign(entry):
            # A record that cannot be read is left as it is, too.
            known = record or State(armed=0, operator=entry.snapshot.operator, other_operator=facts.holders.operator)
            return decide_foreign(entry.ref, known, facts, None if schedule is None else schedule.retry)
        decision = self._decide_as_owner(entry, facts)
        owned = facts.holders.owned(decision.state, record)
        return decision if owned is decision.state else replace(decision, state=owned)

    @staticmethod
    def _decide_as_owner(entry: Entry, facts: Facts) -> Decision:
        snapshot = entry.snapshot
        if snapshot.record_problem is not None:
            blank = State(armed=snapshot.created - 1, observed_generation=snapshot.generation)
            return decide_invalid(
                snapshot.ref, snapshot.generation, snapshot.record_problem, entry.record or blank, facts
            )
        if entry.problem is not None or snapshot.schedule is None:
            problem = entry.problem or Problem(Reason.INVALID_SPEC, "cannot be read")
            blank = first_record_of_invalid(snapshot, facts)
            status_until = waits_for_status(snapshot.created, entry.record, facts) if snapshot.restored else None
            if status_until is not None:
                return Decision(blank, wake_at=status_until, unrecorded=True)
            return decide_invalid(snapshot.ref, snapshot.generation, problem, entry.record or blank, facts)
        return decide(snapshot.schedule, entry.record, facts)

    def is_foreign(self, entry: Entry) -> bool:
        """Return whether another operator or replica decides on a resource."""
        if not self._acts_for(entry.ref.namespace):
            return True
        return not self.holders.may_decide(entry.record or State(armed=0, operator=entry.snapshot.operator))

    def must_check(self, entry: Entry) -> bool:
        """Return whether the executor is to be asked if runs of a resource can start, before anything is decided."""
        return entry.must_be_checked(self._clock.monotonic()) and not self.is_foreign(entry)

    def _gather(self, entry: Entry) -> Facts:
        schedule = entry.snapshot.schedule
        durable = schedule is not None and self._executors.is_cluster(schedule.executor)
        of_namespace = self._namespaces.refused_starts(entry.ref.namespace) if durable else None
        now, refused_starts = self._clock.now(), of_namespace or entry.refused_starts
        until = [0.0 if refused_starts is None else refused_starts.not_before]
        if entry.unchecked and entry.check.at is not None:
            until.append(entry.check.at)
        pause = max(until) - self._clock.monotonic()
        cluster, record = self._executors.cluster, entry.record
        runs_in_jobs = () if record is None else (run.name for run in record.active if not run.holder)
        return Facts(
            now=now,
            me=self.identity,
            second=self._clock.second,
            holders=self.holders,
            durable=durable,
            obstacle="" if schedule is None else self._executors.obstacle(schedule.executor),
            free_slots=0 if schedule is None else self._workers.free(schedule.executor, entry.ref.uid),
            reports=dict(entry.runs.reports),
            here=frozenset(entry.runs.here),
            began=dict(entry.runs.began),
            jobs=None if cluster is None else cluster.views(entry.ref),
            orphans=() if cluster is None else cluster.orphans(entry.ref),
            created=frozenset(entry.runs.created),
            gone=frozenset(name for name in runs_in_jobs if cluster is not None and cluster.is_gone(entry.ref, name)),
            refused=dict(entry.runs.refused),
            asked_to_end=frozenset(entry.runs.asked_to_end),
            found_request=entry.found_request,
            record_lost=entry.record_lost,
            checked=not entry.unchecked,
            refused_starts=refused_starts,
            starts_at=now + pause * self._clock.second if pause > NEGLIGIBLE_PAUSE else None,
            dispatch=self.is_open(entry),
        )
