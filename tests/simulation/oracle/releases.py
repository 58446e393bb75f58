"""Claims about two releases over the same namespaces: the operator that a record names decides, and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from simulation.oracle.books import Life
from simulation.oracle.writing import Writing, keys, process_of

TAKE_OVER = 30.0
"""Seconds for which a Lease must not have been renewed before another release takes over (``takeOverSeconds``)."""
READING = 1.0
"""Seconds by which a replica may have read the last renewal before the next one was written."""
ON_ITS_WAY = 45.0
"""Seconds within which what was decided, or seen, before another writer wrote may still arrive."""
COUNTED = ("due", "requested", "missed", "coalesced", "skipped")


@dataclass
class Leases:
    """When the Lease of each release was renewed."""

    time: Callable[[], float]
    _renewals: dict[str, list[float]] = field(default_factory=dict)

    def renewed(self, lease: str) -> None:
        self._renewals.setdefault(lease, []).append(self.time())

    def silence(self, lease: str) -> float:
        """Return the longest time without a renewal, of which a decision that arrives now may have known."""
        now = self.time()
        times = [0.0, *self._renewals.get(lease, ()), now]
        gaps = [(later - earlier, later) for earlier, later in pairwise(times)]
        return max((gap for gap, ended in gaps if ended > now - ON_ITS_WAY), default=0.0)

    def is_abandoned(self, operator: str) -> bool:
        """Return whether others may take an operator, by its Lease as ``<namespace>/<name>``, for gone."""
        return self.silence(operator.rpartition("/")[2]) > TAKE_OVER - READING


def wrong_with_release(it: Writing, lease: str, leases: Leases) -> Iterator[str]:
    """Yield what is wrong with the release by which a record is written."""
    before, after = it.before.get("operator", ""), it.after.get("operator", "")
    if after and after.rpartition("/")[2] != lease and after != before:
        yield f"{it.writer} names {after} as the operator, which it is not"
    if before.rpartition("/")[2] in {"", lease}:
        return
    if after != before:
        if not leases.is_abandoned(before):
            yield f"{it.writer} takes over from {before}, which is at work"
        return
    # Of a resource that another operator decides on, only the ends of its own runs are recorded, and that it is there.
    decided = [name for name in COUNTED if it.grown(name) > (1 if name == "missed" else 0)]
    moved = it.before.get("decidedUntilTime") != it.after.get("decidedUntilTime")
    if decided or moved or it.newly("active") or it.newly("queued"):
        yield f"{it.writer} decides, but {before} is the operator on record"
    lost = [run for key, run in keys(it.before, "active").items() if key not in keys(it.after, "active")]
    for run in lost:
        if run.get("holder") and process_of(run) != it.writer and run["holder"].split("/")[1] != lease:
            yield f"{run['name']}, which {run['holder']} holds, is ended by {it.writer}"


def wrong_with_maker(life: Life, lease: str, leases: Leases) -> Iterator[str]:
    """Yield what is wrong with the release that makes a Job: another one decides, and has for long."""
    operator = life.status.get("operator", "")
    if operator.rpartition("/")[2] in {"", lease} or leases.is_abandoned(operator):
        return
    if leases.time() - life.operator_since > ON_ITS_WAY:
        yield f"{operator} is the operator on record"
