"""Which operators are there: who may decide on a resource, and whose runs can still be going on. Pure.

Operators that share a Lease are replicas of each other: one of them leads, so a run whose holder is another replica has
lost its holder. Operators with different Leases know nothing of each other. Two of them that watch the same namespaces
share the resources by their records: ``status.operator`` names the Lease of the operator that decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kalends.engine.core.copying import replace
from kalends.engine.core.state import Condition, State
from kalends.model.reasons import Reason

OTHER_OPERATOR = "OtherOperator"
"""The condition of a resource that two operators watch."""


@dataclass(frozen=True, slots=True)
class Holders:
    """What is known of the operators that records name, by their Leases as ``<namespace>/<name>``."""

    operator: str = ""
    """The Lease under which this operator acts; empty where it acts without one."""
    gone: frozenset[str] = frozenset()
    """Leases of other operators that are known not to act any more."""
    alive: frozenset[str] = frozenset()
    """Holders that act no more and still have runs: they released the lease before their runs had ended, and record the
    ends themselves."""

    def may_decide(self, record: State) -> bool:
        """Return whether this operator decides on a resource with this record."""
        return self._is_own(record.operator) or record.operator in self.gone

    def is_gone(self, holder: str) -> bool:
        """Return whether a holder that is not this process can run nothing any more.

        A replica under the same Lease cannot, as it does not lead, unless it is known to be alive. An operator under
        another Lease can, until it is known to be gone.
        """
        if holder in self.alive:
            return False
        operator = operator_of(holder)
        return self._is_own(operator) or operator in self.gone

    def contention(self, record: State) -> str:
        """Return the message where another operator watches the same resource, or an empty text."""
        if not self.may_decide(record):
            return contention_between(record.operator, record.other_operator or self.operator)
        other = record.other_operator
        if not other or other == self.operator or other in self.gone:
            return ""
        return contention_between(record.operator or self.operator, other)

    def owned(self, state: State, record: State | None) -> State:
        """Return the record that this operator writes in place of another: it names the operator that decides.

        Nothing is written for that alone, except where the record names another operator: if that operator comes back,
        it must see that it was replaced.
        """
        other = state.other_operator
        if other and (other == self.operator or other in self.gone):
            state = replace(state.without_condition(OTHER_OPERATOR), other_operator="")
        if state.operator == self.operator or (state == record and self._is_own(state.operator)):
            return state
        return replace(state, operator=self.operator)

    def marked(self, record: State, now: float) -> State:
        """Return the record of a resource that another operator decides on; it names both operators."""
        if record.other_operator or not self.operator:
            return record
        message = contention_between(record.operator, self.operator)
        condition = Condition(OTHER_OPERATOR, status=True, reason=Reason.OTHER_OPERATOR, message=message)
        state = replace(record, other_operator=self.operator)
        return state.with_conditions(condition, now=now, generation=record.observed_generation)

    def _is_own(self, operator: str) -> bool:
        """Return whether a record means this operator; one that names none was written before records did."""
        return operator in {"", self.operator}


def contention_between(deciding: str, other: str) -> str:
    """Return which operators watch the same resource, and what to do about it."""
    who = f"that of Lease {other} watches it, too, and leaves it alone" if other else "another operator watches it, too"
    return (
        f"the operator of Lease {deciding} decides on this ScheduledJob; {who}. "
        "Give each operator separate namespaces, or remove one of them"
    )


def operator_of(holder: str) -> str:
    """Return the Lease in the name of a run's holder, ``<namespace>/<lease>/<process>``, or an empty text."""
    return holder.rpartition("/")[0]


def others_named(records: Iterable[tuple[str, State | None]], own: str) -> Mapping[str, int]:
    """Return the Leases of other operators that records name, and how many records do; records come with a namespace.

    The order is fair to namespaces, as a status is easily forged: first the Lease that most records of each namespace
    name, then the second of each namespace, and so on. Among these, a Lease that more namespaces name comes first.
    """
    within: dict[str, Counter[str]] = {}
    for namespace, record in records:
        if record is not None and (others := operators_in(record) - {"", own}):
            within.setdefault(namespace, Counter()).update(others)
    records_of, namespaces_of, best_rank = Counter[str](), Counter[str](), dict[str, int]()
    for counts in within.values():
        records_of.update(counts)
        namespaces_of.update(counts.keys())
        for rank, (lease, _) in enumerate(counts.most_common()):
            best_rank[lease] = min(rank, best_rank.get(lease, rank))
    ordered = sorted(records_of, key=lambda lease: (best_rank[lease], -namespaces_of[lease], -records_of[lease], lease))
    return {lease: records_of[lease] for lease in ordered}


def operators_in(record: State) -> frozenset[str]:
    """Return the Leases of all operators that a record names."""
    holders = (operator_of(run.holder) for run in record.active if run.holder)
    return frozenset((record.operator, record.other_operator, *holders))
